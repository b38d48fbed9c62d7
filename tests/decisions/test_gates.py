"""Every gate, in the promised order, with its reason and a sentence a marketer understands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from campaigns.decisions.candidate import Candidate, PastSend, Rival, ShopPolicy, counted_sends
from campaigns.decisions.gates import Chosen, ContentProblem, decide, decide_after_content, decide_before_content
from campaigns.domain.campaign import Campaign, Policy, SendWindow, Step
from campaigns.domain.campaign_condition import FieldTest, Group
from campaigns.domain.campaign_reasons import Reason
from campaigns.domain.campaign_values import Hours
from campaigns.domain.decision import Defer, Ghost, Send, Skip, explain
from campaigns.domain.enrollment import EnrollmentMark, EnrollmentStatus
from campaigns.domain.profile import Profile
from campaigns.domain.suppression import Suppression, SuppressionReason
from triggers.abandoned_cart import AbandonedCart
from triggers.instants import micros
from triggers.state import ProfileState

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHOP = ShopPolicy(quiet_hours=Hours(time(21), time(8)), holdout_share=0.0)


def candidate(policy: Policy | None = None, *, late: timedelta = timedelta(0), **changes: object) -> Candidate:
    policy = policy or Policy(priority="cart", after_order=24 * HOUR)
    steps = (Step("one", HOUR, "abandoned_cart", policy=policy),)
    campaign = Campaign("cart", "Cart", AbandonedCart(), steps, policy=policy)
    mark = EnrollmentMark("cart", "cart", EnrollmentStatus.ARMED, 0, NOON, NOON - HOUR, NOON - HOUR)
    known = Candidate(campaign, mark, NOON - late, Profile("1", "ada@example.com"), ProfileState())
    return replace(known, **changes)  # type: ignore[arg-type]


def with_audience(condition: Group) -> Candidate:
    known = candidate()
    return replace(known, campaign=replace(known.campaign, audience=condition))


def decided(one: Candidate, shop: ShopPolicy = SHOP, now: datetime = NOON):
    return decide(one, shop, now=now)


def test_nothing_in_the_way_is_sent():
    outcome = decide_before_content(candidate(), SHOP, now=NOON)
    assert isinstance(outcome, Chosen) and outcome.template == "abandoned_cart"
    assert decide_after_content(outcome, SHOP).outcome == "send"


def test_suppressed_address_gets_nothing_and_leaves_the_campaign():
    suppression = Suppression("ada@example.com", SuppressionReason.COMPLAINT, NOON)
    outcome = decided(candidate(suppressions=[suppression]))
    assert (outcome.reason, outcome.ends_enrollment) == (Reason.SUPPRESSED, True)
    assert explain(outcome) == "ada@example.com is on the do-not-send list (complaint)."


def test_suppression_of_another_campaign_does_not_count():
    suppression = Suppression("ada@example.com", SuppressionReason.UNSUBSCRIBE, NOON, scope="browse")
    assert isinstance(decided(candidate(suppressions=[suppression])), Send)


@pytest.mark.parametrize(
    ("consented", "opt_in", "outcome"),
    [(None, False, "send"), (None, True, "skip"), (False, False, "skip"), (True, True, "send")],
)
def test_consent(consented, opt_in, outcome):
    one = candidate(profile=Profile("1", "ada@example.com", consented=consented))
    assert decided(one, replace(SHOP, requires_opt_in=opt_in)).outcome == outcome


def test_mail_that_belongs_to_an_order_needs_no_consent():
    one = candidate(Policy(needs_consent=False), profile=Profile("1", "ada@example.com", consented=False))
    assert decided(one).outcome == "send"


def test_without_address_there_is_nobody_to_write_to():
    assert decided(candidate(profile=Profile("1"))).reason is Reason.NO_ADDRESS


def test_exit_is_told_in_words():
    assert explain(decided(candidate(exit_reason="ordered"))) == (
        "The reason to write was gone: an order was completed."
    )


def test_one_address_on_two_profiles_is_mailed_once():
    outcome = decided(candidate(twin="profile 7"))
    assert explain(outcome) == "ada@example.com got this mail already, under another profile (profile 7)."
    assert outcome.ends_enrollment


def test_no_reminder_for_a_day_after_any_order():
    state = ProfileState()
    state.ordered_until, state.last_order_id = micros(NOON - 23 * HOUR), "o1"
    assert decided(candidate(state=state)).reason is Reason.RECENT_ORDER
    assert decided(candidate(state=state), now=NOON + HOUR).outcome == "send"


def test_overdue_mail_is_skipped_with_how_late_it_was():
    outcome = decided(candidate(late=25 * HOUR))
    assert outcome.reason is Reason.TOO_LATE
    assert explain(outcome) == (
        "The mail was due on 1 March 2026 11:00 and could go out only 1d 1h later; 1d is the limit."
    )


def test_audience_names_the_condition_that_failed():
    condition = Group("all", (FieldTest("profile.locale", "missing"), FieldTest("orders.count", "at_least", 2)))
    outcome = decided(with_audience(condition))
    assert (outcome.reason, outcome.facts) == (Reason.NOT_IN_AUDIENCE, {"condition": "orders.count at least 2"})
    assert outcome.ends_enrollment


def test_more_important_campaign_due_within_the_window_wins():
    rival = Rival("checkout", "c1", 0, NOON + 15 * HOUR)
    outcome = decided(candidate(rivals=[rival]))
    assert (outcome.reason, outcome.facts["winner"]) == (Reason.LOST_ARBITRATION, "checkout")
    assert decided(candidate(rivals=[replace(rival, due_at=NOON + 17 * HOUR)])).outcome == "send"


def test_less_important_campaign_does_not_win():
    assert decided(candidate(rivals=[Rival("browse", "s", 3, NOON - HOUR)])).outcome == "send"


def test_one_mail_in_sixteen_hours():
    outcome = decided(candidate(past_sends=[PastSend("browse", NOON - 15 * HOUR)]))
    assert outcome.reason is Reason.FREQUENCY_CAP
    assert explain(outcome) == "browse was mailed on 1 March 2026 21:00; one mail in 16h is the limit."
    assert decided(candidate(past_sends=[PastSend("browse", NOON - 16 * HOUR)])).outcome == "send"


def test_mails_without_cap_do_not_take_it_up():
    one = candidate(Policy(frequency_cap=None))
    sends = [("cart", 0, NOON), ("gone", 3, NOON)]
    assert counted_sends(sends, {"cart": one.campaign}, SHOP) == [PastSend("gone", NOON)]


def test_quiet_hours_defer_to_their_end_in_the_shoppers_zone():
    one = candidate(profile=Profile("1", "ada@example.com", zone="Asia/Tokyo"))
    outcome = decided(one)
    assert outcome == Defer(Reason.QUIET_HOURS, datetime(2026, 3, 2, 23, 0, tzinfo=UTC), outcome.facts)
    assert outcome.facts["local_time"] == "21:00"


def test_unknown_zone_falls_back_to_the_shops_and_says_so():
    one = candidate(profile=Profile("1", "ada@example.com", zone="Mars/Olympus"))
    outcome = decided(one, replace(SHOP, zone="Asia/Tokyo"))
    assert outcome.facts["zone_warning"] == '"Mars/Olympus" is not a time zone; Asia/Tokyo was used instead'


def test_waiting_longer_than_max_late_is_a_skip():
    policy = Policy(max_late=2 * HOUR)
    outcome = decided(candidate(policy, profile=Profile("1", "a@example.com", zone="Asia/Tokyo")))
    assert outcome.reason is Reason.WAITED_TOO_LONG


def test_send_window_waits_for_its_day_and_hour():
    window = SendWindow(Hours(time(9), time(17)), frozenset({1, 2}))
    outcome = decided(candidate(Policy(send_window=window, max_late=None)))
    assert isinstance(outcome, Defer)
    assert (outcome.reason, outcome.until) == (Reason.SEND_WINDOW, datetime(2026, 3, 3, 9, tzinfo=UTC))


def test_window_and_quiet_hours_that_never_meet_do_not_loop_for_ever():
    window = SendWindow(Hours(time(22), time(23)))
    assert decided(candidate(Policy(send_window=window))).outcome in ("skip", "defer")


def test_too_few_products_is_a_skip_before_the_holdout_is_drawn():
    problem = ContentProblem(Reason.TOO_FEW_PRODUCTS, {"slot": "viewed", "minimum": 2, "found": 1})
    outcome = decide(candidate(), replace(SHOP, holdout_share=0.999), now=NOON, problem=problem)
    assert explain(outcome) == "There were too few products to show: viewed needs 2 and had 1."


def test_everyone_held_out_is_a_ghost_with_the_same_variant():
    outcome = decided(candidate(), replace(SHOP, holdout_share=0.9999))
    assert isinstance(outcome, Ghost) and outcome.reason is Reason.HOLDOUT
    assert isinstance(decided(candidate(Policy(holdout=None)), replace(SHOP, holdout_share=0.9999)), Send)


def test_gates_stand_in_the_promised_order():
    """A candidate that fails everywhere is refused by the first gate; mending gate after gate shows the next."""
    state = ProfileState()
    state.ordered_until = micros(NOON - HOUR)
    bad = candidate(
        Policy(priority="browse", after_order=24 * HOUR, max_late=HOUR),
        late=2 * HOUR,
        suppressions=[Suppression("a", SuppressionReason.MANUAL, NOON)],
        profile=Profile("1", "ada@example.com", zone="Asia/Tokyo", consented=False),
        exit_reason="ordered",
        twin="7",
        state=state,
        rivals=[Rival("cart", "c", 1, NOON)],
        past_sends=[PastSend("cart", NOON)],
    )
    bad = replace(bad, campaign=replace(bad.campaign, audience=FieldTest("orders.count", "at_least", 2)))
    mend = [
        {"suppressions": ()},
        {"profile": replace(bad.profile, consented=True)},
        {"exit_reason": ""},
        {"twin": ""},
        {"state": ProfileState()},
        {"due_at": NOON},
        {"campaign": replace(bad.campaign, audience=None)},
        {"rivals": ()},
        {"past_sends": ()},
    ]
    reasons = [decided(bad).reason]
    for change in mend:
        bad = replace(bad, **change)
        reasons.append(decided(bad).reason)
    assert [str(reason) for reason in reasons] == [
        "suppressed", "no_consent", "exited", "address_mailed", "recent_order", "too_late", "not_in_audience",
        "lost_arbitration", "frequency_cap", "waited_too_long",
    ]  # fmt: skip


def test_explaining_never_fails_on_facts_of_an_older_version():
    assert explain(Skip(Reason.FREQUENCY_CAP, {})) == (
        "(unknown) was mailed on (unknown); one mail in (unknown) is the limit."
    )

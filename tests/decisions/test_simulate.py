"""Simulations: the decisions of a shopper's days, as they would have fallen."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from campaigns.decisions.candidate import ShopPolicy
from campaigns.decisions.simulate import SimulatedDecision, Simulation
from campaigns.decisions.simulation_summary import summarize
from campaigns.domain.campaign_file import parse_campaign, read_campaign
from campaigns.domain.campaign_values import Hours
from campaigns.domain.profile import Profile
from tests.flows.taobao_count import count_first_steps, read
from triggers.enrollments import EnrollmentBook
from triggers.evaluate import evaluate
from triggers.events import Event, EventName, Line
from triggers.state import ProfileState

ROOT = Path(__file__).parents[2]
LIBRARY = [read_campaign(path) for path in sorted((ROOT / "campaigns" / "library").glob("*.yaml"))]
TAOBAO = ROOT.parent / "shared" / "data" / "taobao_userbehavior.csv.gz"
START = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
ADA = Profile("1", "ada@example.com")
SHOP = ShopPolicy(quiet_hours=Hours.parse("21:00-08:00"), holdout_share=0.0)


def did(*happenings: tuple[timedelta, str, str]) -> list[Event]:
    return [
        Event(
            "shop",
            f"m{n}",
            name,
            START + after,
            START + after,
            lines=(Line(product, price_minor=1000),),
            order_id=f"o{n}",
        )
        for n, (after, name, product) in enumerate(happenings)
    ]


def played(events: list[Event], profile: Profile = ADA, shop: ShopPolicy = SHOP, campaigns=LIBRARY) -> list[tuple]:
    simulation = Simulation.of(campaigns, shop, until=START + timedelta(days=30))
    return [
        (one.campaign_id, one.step, one.decision.outcome, str(one.decision.reason), one.decided_at - START)
        for one in simulation.play([(profile, events)])
        if isinstance(one, SimulatedDecision)
    ]


def test_a_cart_left_alone_is_reminded_of_three_times():
    assert played(did((0 * HOUR, EventName.PRODUCT_ADDED, "shirt"))) == [
        ("abandoned_cart", 0, "send", "passed", HOUR),
        ("abandoned_cart", 1, "send", "passed", 24 * HOUR),
        ("abandoned_cart", 2, "send", "passed", 72 * HOUR),
    ]


def test_an_order_in_time_leads_to_thanks_only():
    events = did((0 * HOUR, EventName.PRODUCT_ADDED, "shirt"), (30 * MINUTE, EventName.ORDER_COMPLETED, "shirt"))
    assert [(campaign, step, outcome) for campaign, step, outcome, *_ in played(events)] == [
        ("post_purchase", 0, "send"),
        ("post_purchase", 1, "send"),
        ("post_purchase", 2, "send"),
    ]


def test_a_mail_due_at_night_waits_until_morning():
    events = did((10 * HOUR + 30 * MINUTE, EventName.PRODUCT_ADDED, "shirt"))
    assert played(events)[:2] == [
        ("abandoned_cart", 0, "defer", "quiet_hours", 11 * HOUR + 30 * MINUTE),
        ("abandoned_cart", 0, "send", "passed", 22 * HOUR),
    ]


def test_browsing_with_a_full_cart_waiting_loses_to_the_cart():
    events = did(
        (0 * HOUR, EventName.PRODUCT_ADDED, "shirt"),
        (2 * HOUR, EventName.PRODUCT_VIEWED, "hat"),
        (2 * HOUR + MINUTE, EventName.PRODUCT_VIEWED, "shoe"),
    )
    assert ("browse_abandonment", 0, "skip", "frequency_cap", 4 * HOUR + MINUTE) in played(events)


def test_of_two_mails_due_at_once_the_less_important_says_who_won():
    text = "id: {0}\nname: x\ntrigger: {{type: abandoned_cart}}\nsteps: [{{after: 1h, template: t}}]\n"
    text += "policy: {{priority: {1}}}\n"
    both = [parse_campaign(text.format(*pair), file="x") for pair in (("a", "cart"), ("b", "checkout"))]
    events = did((0 * HOUR, EventName.PRODUCT_ADDED, "shirt"))
    assert played(events, campaigns=both) == [
        ("a", 0, "skip", "lost_arbitration", HOUR),
        ("b", 0, "send", "passed", HOUR),
    ]


def test_strangers_get_nothing_and_are_asked_once():
    assert played(did((0 * HOUR, EventName.PRODUCT_ADDED, "shirt")), Profile("2")) == [
        ("abandoned_cart", 0, "skip", "no_address", HOUR)
    ]


def test_what_comes_next_if_nothing_else_happens():
    state, book = ProfileState(), EnrollmentBook()
    simulation = Simulation.of(LIBRARY, SHOP, until=START + timedelta(days=30))
    for event in did((0 * HOUR, EventName.PRODUCT_ADDED, "shirt")):
        evaluate(simulation.rules, state, book, event, now=event.received_at)
    before = state.to_json()
    coming = simulation.foresee(ADA, state, book)
    assert [(one.step, one.decided_at - START) for one in coming] == [(0, HOUR), (1, 24 * HOUR), (2, 72 * HOUR)]
    assert (state.to_json(), next(book.live()).step) == (before, 0)


def test_what_is_overdue_is_decided_now_and_what_follows_at_its_own_time():
    state, book = ProfileState(), EnrollmentBook()
    simulation = Simulation.of(LIBRARY, SHOP, until=START + timedelta(days=30))
    for event in did((0 * HOUR, EventName.PRODUCT_ADDED, "shirt")):
        evaluate(simulation.rules, state, book, event, now=event.received_at)
    for late, reason in ((4 * HOUR, "passed"), (26 * HOUR, "too_late")):
        coming = simulation.foresee(ADA, state, book, now=START + late)
        assert all(isinstance(one, SimulatedDecision) for one in coming)
        first = coming[0]
        assert (first.step, first.decision.reason, first.decided_at - START) == (0, reason, late)
    assert [one.decided_at - START for one in coming][-1] == 72 * HOUR


def test_summary_adds_up_and_tells_who_ordered_anyway():
    buyer = did((0 * HOUR, EventName.PRODUCT_ADDED, "shirt"), (30 * MINUTE, EventName.ORDER_COMPLETED, "shirt"))
    leaver = did((0 * HOUR, EventName.PRODUCT_ADDED, "shirt"))
    simulation = Simulation.of(LIBRARY, SHOP, until=START + timedelta(days=30))
    summary = summarize(simulation.play([(ADA, buyer), (Profile("2", "b@example.com"), leaver)]), UTC)
    cart = summary.campaigns["abandoned_cart"]
    assert (cart.mails, cart.profiles, cart.ordered_within_wait) == (3, {"2"}, 1)
    assert cart.to_json()["mails_by_day"] == {"2026-03-02": 1, "2026-03-03": 1, "2026-03-05": 1}
    assert summary.overlap("abandoned_cart", "post_purchase") == 0


def taobao() -> dict[str, list[Event]]:
    names = {"pv": EventName.PRODUCT_VIEWED, "cart": EventName.PRODUCT_ADDED, "buy": EventName.ORDER_COMPLETED}
    histories: dict[str, list[Event]] = defaultdict(list)
    with gzip.open(TAOBAO, "rt", encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines):
            cells = line.strip().split(",")
            if (
                len(cells) == 5
                and cells[3] in names
                and cells[4].isdigit()
                and 1511539200 <= int(cells[4]) < 1512316800
            ):
                at = datetime.fromtimestamp(int(cells[4]), UTC)
                histories[cells[0]].append(
                    Event(
                        "t",
                        f"m{number}",
                        names[cells[3]],
                        at,
                        at,
                        lines=(Line(cells[1]),),
                        order_id=f"{cells[0]}-{cells[4]}",
                    )
                )
    for events in histories.values():
        events.sort(key=lambda event: event.received_at)
    return histories


@pytest.mark.shared
@pytest.mark.skipif(not TAOBAO.exists(), reason=f"needs {TAOBAO.name} in the shared data folder")
def test_invariants_hold_for_nine_days_of_a_real_shop():
    histories = taobao()
    simulation = Simulation.of(LIBRARY, SHOP, until=datetime(2017, 12, 5, tzinfo=UTC))
    finals, sends = Counter(), defaultdict(list)
    for one in simulation.play([(Profile(who, f"{who}@example.com"), events) for who, events in histories.items()]):
        if isinstance(one, SimulatedDecision) and one.decision.is_final:
            finals[one.profile_id, one.campaign_id, one.key, one.step] += 1
            if one.decision.outcome == "send":
                sends[one.profile_id].append(one)
    assert set(finals.values()) == {1}
    assert sum(map(len, sends.values())) > 1000
    for who, mails in sends.items():
        orders = [event.received_at for event in histories[who] if event.name == EventName.ORDER_COMPLETED]
        reminders = [mail for mail in mails if mail.campaign_id != "post_purchase"]
        times = sorted(mail.decided_at for mail in mails if (mail.campaign_id, mail.step) != ("post_purchase", 0))
        assert all(later - earlier >= 16 * HOUR for earlier, later in pairwise(times))
        assert not any(timedelta(0) <= mail.decided_at - at < 24 * HOUR for mail in reminders for at in orders)


@pytest.mark.shared
@pytest.mark.skipif(not TAOBAO.exists(), reason=f"needs {TAOBAO.name} in the shared data folder")
def test_first_steps_of_a_simulation_are_those_of_a_count_by_hand():
    frame = read(TAOBAO)
    histories: dict[str, list[Event]] = defaultdict(list)
    for number, row in enumerate(frame.itertuples(index=False)):
        at = datetime.fromtimestamp(row.timestamp, UTC)
        user, lines = str(row.user_id), (Line(row.item_id),)
        order_id = f"{user}-{row.timestamp}"
        histories[user].append(Event("t", f"m{number}", NAMES[row.behavior], at, at, lines=lines, order_id=order_id))
    end = datetime.fromtimestamp(int(frame["timestamp"].max()), UTC)
    awake = ShopPolicy(quiet_hours=None, holdout_share=0.0)
    simulation = Simulation.of(LIBRARY, awake, until=end)
    people = ((Profile(user, f"{user}@example.com"), events) for user, events in histories.items())
    found: dict[tuple[str, str, str], tuple[str, str, int]] = {}
    for one in simulation.play(people):
        if isinstance(one, SimulatedDecision) and one.step == 0:
            due = (one.campaign_id, one.profile_id, int(one.due_at.timestamp()))
            found.setdefault((one.campaign_id, one.profile_id, one.key), due)
    expected = Counter((one.campaign, str(one.user), one.at) for one in count_first_steps(frame))
    assert Counter(found.values()) == expected


NAMES = {
    "pv": EventName.PRODUCT_VIEWED,
    "cart": EventName.PRODUCT_ADDED,
    "fav": EventName.PRODUCT_WISHLISTED,
    "buy": EventName.ORDER_COMPLETED,
}

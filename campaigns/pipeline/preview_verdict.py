"""Whether the mail of a preview would go out: the gates asked as the engine asks them, and nothing written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from campaigns.decisions.arbitration import rivals_of
from campaigns.decisions.candidate import Candidate, counted_sends
from campaigns.decisions.gates import Chosen, ContentProblem, decide_after_content, decide_before_content
from campaigns.domain.campaign import Campaign, Step
from campaigns.domain.campaign_reasons import ExitReason, NotStartedReason, Reason
from campaigns.domain.coupon import LEAST_LIFE
from campaigns.domain.decision import Decision, Skip, explain, explain_not_started
from campaigns.domain.enrollment import EnrollmentMark, EnrollmentStatus
from campaigns.pipeline.content import content_problem, too_few
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.people import books_of
from campaigns.pipeline.policy import LONGEST_CAP, profile_of, shop_policy, suppressions_of
from campaigns.pipeline.recommend import SUBJECT_SLOT, Recommended
from campaigns.pipeline.subject import Subject
from campaigns.storage.coupons import count_free
from campaigns.storage.decisions import list_sends
from campaigns.storage.enrollments import EnrollmentRow, list_enrollments, list_refusals
from campaigns.storage.messages import find_mailed_twins
from campaigns.storage.suppressions import find_suppressions, read_consents
from triggers.browse_abandonment import BrowseAbandonment
from triggers.cart_trigger import CartTrigger
from triggers.catalog_offer import CatalogOffer
from triggers.enrollments import EnrollmentBook
from triggers.evaluate import due_of
from triggers.instants import moment
from triggers.post_purchase import PostPurchase
from triggers.replenishment import Replenishment
from triggers.trigger import Ended, Passage
from triggers.win_back import WinBack

COMPLETED: Final = "completed"
ALREADY_DECIDED: Final = "already_decided"
NOT_STARTED: Final = "not_started"
_WORDS: Final = {
    COMPLETED: "Every mail of this campaign was decided for this shopper.",
    ALREADY_DECIDED: "This mail was decided for this shopper before; `rekindle why` tells what came of it.",
    NOT_STARTED: "Nothing the shopper did starts this campaign.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would become of the mail: `outcome` as decisions have it (send, ghost, skip, defer), or `none` where no
    timer of the campaign runs for the shopper. `reason` is of the documented list, `exit_reason` goes with `exited`."""

    outcome: str
    reason: str
    says: str
    exit_reason: str = ""

    @property
    def code(self) -> str:
        """The reason for those who look it up: `exited (cart_emptied)`."""
        return f"{self.reason} ({self.exit_reason})" if self.exit_reason else self.reason

    @property
    def headline(self) -> str:
        """In a few words; empty where the mail goes out."""
        return {"send": "", "defer": "This mail would wait"}.get(self.outcome, "This mail would not be sent")

    @property
    def line(self) -> str:
        """All of it in a line; empty where the mail goes out."""
        return f"{self.headline}: {self.code}. {self.says}" if self.headline else ""

    def as_json(self) -> dict[str, str | None]:
        told = {"outcome": self.outcome, "reason": self.reason, "exit_reason": self.exit_reason or None}
        return {**told, "says": self.says}


def foresee(
    engine: Engine, connection: Connection, subject: Subject, enrollment: EnrollmentRow | None, chosen: Recommended
) -> Verdict:
    """What comes of a real shopper's mail at its time, or now where that has passed. Reads only."""
    campaign_id, profile_id = subject.campaign.campaign_id, subject.row.profile_id
    snapshot = engine.campaigns.read(connection)
    if campaign_id in snapshot.paused:
        words = explain_not_started(NotStartedReason.CAMPAIGN_PAUSED, {})
        return Verdict("none", NotStartedReason.CAMPAIGN_PAUSED, _sentence(words))
    book = books_of(list_enrollments(connection, [profile_id])).get(profile_id, EnrollmentBook())
    mark = book.find(campaign_id, enrollment.key) if enrollment else _would_open(subject)
    if mark is None or not mark.is_live or subject.step_number <= mark.step:
        return _over(subject, mark) or _not_started(connection, subject)
    mark.step = subject.step_number - 1
    candidate, at = _candidate(engine, connection, subject, mark, book)
    shop = shop_policy(engine.settings)
    decision: Decision | Chosen = decide_before_content(candidate, shop, now=at)
    if isinstance(decision, Chosen):
        problem = content_problem(subject, chosen) or _coupon_problem(connection, subject)
        decision = decide_after_content(decision, shop, problem)
    return _said(decision)


def foresee_made_up(campaign: Campaign, step: Step, context: Mapping[str, Any]) -> Verdict:
    """What comes of a made-up shopper's mail, as far as its parts tell: audience, limits and hours are asked of real
    ones only."""
    if not context["profile"]["email"]:
        return _said(Skip(Reason.NO_ADDRESS))
    lost = _without_reason(campaign, context)
    if lost is not None:
        return lost
    for slot in step.slots:
        found = len(context["slots"][slot.name]["items"])
        if slot.when_short == "skip" and found < slot.minimum:
            return _said(_skip(too_few(slot.name, slot.minimum, found)))
    rule = step.coupon
    if rule is not None and context["coupon"] is None and rule.when_empty == "skip" and not rule.pattern:
        return _said(Skip(Reason.NO_COUPON, {"pool": rule.pool}))
    return Verdict("send", Reason.PASSED, "Nothing that is known of a made-up shopper speaks against it.")


def _without_reason(campaign: Campaign, context: Mapping[str, Any]) -> Verdict | None:
    trigger, cart, session = campaign.trigger, context["cart"], context["session"]
    if isinstance(trigger, CartTrigger) and not (cart and cart["lines"]):
        return _said(Skip(Reason.EXITED, {"exit_reason": ExitReason.CART_EMPTIED.value}))
    if isinstance(trigger, BrowseAbandonment) and not (session and session["viewed"]):
        return _said(Skip(Reason.EXITED, {"exit_reason": ExitReason.TOO_FEW_VIEWS.value}))
    if isinstance(trigger, PostPurchase | Replenishment | WinBack) and context["order"] is None:
        return Verdict("none", NOT_STARTED, _WORDS[NOT_STARTED])
    about = context["slots"][SUBJECT_SLOT]["items"] if SUBJECT_SLOT in context["slots"] else ()
    if isinstance(trigger, CatalogOffer) and not about:
        return _said(Skip(Reason.NOTHING_TO_SHOW, {"detail": "the product is not in the catalog any more"}))
    return None


def _would_open(subject: Subject) -> EnrollmentMark | None:
    """The enrollment that what the shopper did would open, or the one that just lost its reason."""
    trigger, state = subject.campaign.trigger, subject.state
    seen = [(key, trigger.look(state, key)) for key in trigger.known(state)]
    passages = [one for _, one in seen if isinstance(one, Passage)]
    campaign_id, at = subject.campaign.campaign_id, subject.at
    if passages:
        last = max(passages, key=lambda one: one.last_at)
        return EnrollmentMark(campaign_id, last.key, EnrollmentStatus.ARMED, 0, at, at, moment(last.last_at))
    ended = next(((key, one) for key, one in reversed(seen) if isinstance(one, Ended)), None)
    if ended is None:
        return None
    return EnrollmentMark(campaign_id, ended[0], EnrollmentStatus.EXITED, 0, None, at, at, reason=ended[1].reason)


def _over(subject: Subject, mark: EnrollmentMark | None) -> Verdict | None:
    if mark is None:
        return None
    if mark.status is EnrollmentStatus.EXITED:
        return _said(Skip(Reason.EXITED, {"exit_reason": mark.reason}))
    reason = COMPLETED if mark.status is EnrollmentStatus.COMPLETED else ALREADY_DECIDED
    return Verdict("none", reason, _WORDS[reason])


def _not_started(connection: Connection, subject: Subject) -> Verdict:
    refused = list_refusals(connection, subject.row.profile_id)
    own = [reason for campaign_id, _, reason, _ in refused if campaign_id == subject.campaign.campaign_id]
    if own:
        return Verdict("none", own[-1], _sentence(explain_not_started(own[-1], {})))
    return Verdict("none", NOT_STARTED, _WORDS[NOT_STARTED])


def _candidate(
    engine: Engine, connection: Connection, subject: Subject, mark: EnrollmentMark, book: EnrollmentBook
) -> tuple[Candidate, datetime]:
    """What the gates are asked about, and the moment they are asked for."""
    row, state, shop = subject.row, subject.state, shop_policy(engine.settings)
    snapshot = engine.campaigns.read(connection)
    seen = subject.campaign.trigger.look(state, mark.key)
    if isinstance(seen, Passage):
        mark.last_activity_at = moment(seen.last_at)
    due_at = due_of(subject.campaign.live_rule, mark)
    at = max(due_at, subject.at)
    address = row.email or ""
    suppressions = suppressions_of(find_suppressions(connection, [address] if address else []), at)
    sends = list_sends(connection, [row.profile_id], since=subject.at - LONGEST_CAP)
    as_mailed = (subject.campaign.campaign_id, address, mark.key, row.profile_id)
    candidate = Candidate(
        campaign=subject.campaign,
        mark=mark,
        due_at=due_at,
        profile=profile_of(row, state, read_consents(connection, [row.profile_id]).get(row.profile_id)),
        state=state,
        exit_reason=seen.reason if isinstance(seen, Ended) else "",
        suppressions=suppressions.get(address, ()),
        past_sends=counted_sends(
            [(campaign_id, step - 1, sent_at) for campaign_id, step, sent_at in sends.get(row.profile_id, ())],
            snapshot.current,
            shop,
        ),
        twin=str(find_mailed_twins(connection, [as_mailed] if address else []).get(as_mailed, "")),
        rivals=rivals_of(book.live(), snapshot.running, state, shop),
    )
    return candidate, at


def _coupon_problem(connection: Connection, subject: Subject) -> ContentProblem | None:
    rule = subject.step.coupon
    if rule is None or rule.pattern or rule.when_empty == "fold":
        return None
    free = count_free(connection, rule.pool, lives_until=subject.at + LEAST_LIFE, most=1)
    return None if free else ContentProblem(Reason.NO_COUPON, {"pool": rule.pool})


def _skip(problem: ContentProblem) -> Skip:
    return Skip(problem.reason, problem.facts)


def _said(decision: Decision) -> Verdict:
    exit_reason = str(decision.facts.get("exit_reason", "")) if decision.reason is Reason.EXITED else ""
    return Verdict(decision.outcome, decision.reason.value, explain(decision), exit_reason)


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]

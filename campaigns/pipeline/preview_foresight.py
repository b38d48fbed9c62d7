"""Whether the mail of a real shopper would go out: the gates asked as the engine asks them, nothing written down."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaigns.decisions.arbitration import rivals_of
from campaigns.decisions.candidate import Candidate, counted_sends
from campaigns.decisions.gates import Chosen, ContentProblem, decide_after_content, decide_before_content
from campaigns.domain.campaign_reasons import NotStartedReason, Reason
from campaigns.domain.coupon import LEAST_LIFE
from campaigns.domain.decision import Decision, Skip, explain_not_started
from campaigns.domain.enrollment import EnrollmentBook, EnrollmentMark, EnrollmentStatus
from campaigns.pipeline.content import content_problem
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.people import books_of
from campaigns.pipeline.policy import LONGEST_CAP, profile_of, shop_policy, suppressions_of
from campaigns.pipeline.preview_verdict import (
    ALREADY_DECIDED,
    COMPLETED,
    NOT_STARTED,
    WORDS,
    Verdict,
    said,
    sentence,
)
from campaigns.pipeline.recommend import Recommended
from campaigns.pipeline.subject import Subject
from campaigns.storage.coupons import count_free
from campaigns.storage.decisions import list_sends
from campaigns.storage.enrollments import EnrollmentRow, list_enrollments, list_refusals
from campaigns.storage.messages import find_mailed_twins
from campaigns.storage.suppressions import find_suppressions, read_consents
from triggers.evaluate import due_of
from triggers.instants import moment
from triggers.trigger import Ended, Passage


def foresee(
    engine: Engine, connection: Connection, subject: Subject, enrollment: EnrollmentRow | None, chosen: Recommended
) -> Verdict:
    """What comes of a real shopper's mail at its time, or now where that has passed. Reads only."""
    campaign_id, profile_id = subject.campaign.campaign_id, subject.row.profile_id
    snapshot = engine.campaigns.read(connection)
    if campaign_id in snapshot.paused:
        words = explain_not_started(NotStartedReason.CAMPAIGN_PAUSED, {})
        return Verdict("none", NotStartedReason.CAMPAIGN_PAUSED, sentence(words))
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
    return said(decision)


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
        return said(Skip(Reason.EXITED, {"exit_reason": mark.reason}))
    reason = COMPLETED if mark.status is EnrollmentStatus.COMPLETED else ALREADY_DECIDED
    return Verdict("none", reason, WORDS[reason])


def _not_started(connection: Connection, subject: Subject) -> Verdict:
    refused = list_refusals(connection, subject.row.profile_id)
    own = [reason for campaign_id, _, reason, _ in refused if campaign_id == subject.campaign.campaign_id]
    if own:
        return Verdict("none", own[-1], sentence(explain_not_started(own[-1], {})))
    return Verdict("none", NOT_STARTED, WORDS[NOT_STARTED])


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

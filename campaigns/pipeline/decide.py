"""Decide: due timers are claimed, passed through the gates, given content and written down, in one transaction."""

from __future__ import annotations

import logging
from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from campaigns.decisions.arbitration import decision_order, rivals_of
from campaigns.decisions.candidate import Candidate, ShopPolicy, counted_sends
from campaigns.decisions.gates import (
    Chosen,
    ContentProblem,
    belongs_to_holdout,
    decide_after_content,
    decide_before_content,
)
from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_reasons import Reason
from campaigns.domain.decision import Decision, Send
from campaigns.domain.errors import UnusableEnvironment
from campaigns.domain.message import RenderedEmail
from campaigns.domain.suppression import Suppression
from campaigns.pipeline.campaign_book import Snapshot
from campaigns.pipeline.content import content_problem
from campaigns.pipeline.coupons import CouponWish, Held, HeldElsewhere, hold_coupons, keep_coupons
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.outcome import DecideReport, Outcome, write_outcomes
from campaigns.pipeline.people import books_of, mark_of
from campaigns.pipeline.policy import LONGEST_CAP, profile_of, shop_policy, suppressions_of
from campaigns.pipeline.recommend import Recommended, recommend_batch
from campaigns.pipeline.render import render_mail
from campaigns.pipeline.subject import Subject
from campaigns.pipeline.uncollected import without_collection
from campaigns.rendering import TemplateProblem
from campaigns.storage.database import transaction
from campaigns.storage.decisions import list_sends
from campaigns.storage.enrollments import EnrollmentRow, claim_due, list_enrollments
from campaigns.storage.inbox import read_horizon
from campaigns.storage.messages import find_mailed_twins, read_first_applied
from campaigns.storage.profiles import ProfileRow, find_shared_addresses, lock_addresses, read_profiles
from campaigns.storage.suppressions import find_suppressions, read_consents
from triggers.enrollments import EnrollmentBook, EnrollmentMark
from triggers.state import ProfileState
from triggers.wake import Exit, Sleep, leave, wake

_log = logging.getLogger(__name__)

LIMIT = 500
"""How many timers one transaction decides."""

Mailed = tuple[str, str, str, int]
"""(campaign id, address, key, profile id)."""

_AGAIN_AFTER = timedelta(minutes=15)
_SOON = timedelta(seconds=30)
_TICK = timedelta(microseconds=1)


@dataclass(slots=True)
class Claim:
    """One claimed timer with all that its decision is made from. `at` is the moment of decision."""

    row: EnrollmentRow
    mark: EnrollmentMark
    campaign: Campaign
    profile: ProfileRow
    state: ProfileState
    at: datetime
    token: str = ""

    @property
    def step_number(self) -> int:
        """The step to decide, from 1."""
        return self.mark.step + 1

    @property
    def message_ref(self) -> str:
        """The name of the message that may come of it: the same at every attempt."""
        return f"{self.token}-{self.row.enrollment_id}-{self.step_number}"

    @property
    def as_mailed(self) -> Mailed:
        """What an address gets at most once, under whichever profile: the mails of one campaign and key."""
        return self.campaign.campaign_id, self.profile.email or "", self.row.key, self.row.profile_id


@dataclass(slots=True)
class _Batch:
    """What a batch of claims shares."""

    snapshot: Snapshot
    shop: ShopPolicy
    profiles: Mapping[int, ProfileRow]
    states: dict[int, ProfileState]
    books: dict[int, EnrollmentBook]
    consents: Mapping[int, bool]
    suppressions: Mapping[str, Sequence[Suppression]]
    sends: Mapping[int, Sequence[tuple[str, int, datetime]]]
    token: str
    shared: Set[str]
    """Addresses that more than one profile has."""
    twins: Mapping[Mailed, int]
    chosen_now: set[tuple[str, str, str] | int] = field(default_factory=set)
    """Profiles, and mails of shared addresses, that something is about to be written to: all else of theirs waits."""


def decide_due(
    engine: Engine,
    *,
    until: datetime | None = None,
    limit: int = LIMIT,
    bounds: Mapping[int, datetime] | None = None,
) -> DecideReport:
    """Decides timers that are due, earliest first, in one transaction; returns what came out.

    Live, a timer is due when the database's clock says so, and is decided now - but never before the events that were
    accepted by then are applied, for one of them may be the order that ends it. In a replay `until` bounds the virtual
    moment (and `bounds` that of single profiles), and each timer is decided at its own time.
    """
    with transaction(engine.database) as connection, without_collection():
        now, waiting_since = (engine.now(connection), None) if engine.is_virtual else read_horizon(connection)
        horizon = until or min(now, waiting_since or now) + _TICK
        snapshot = engine.campaigns.read(connection)
        rows = claim_due(connection, until=horizon, limit=limit, held=snapshot.paused, bounds=bounds)
        if not rows:
            return DecideReport()
        batch = _read_batch(engine, connection, rows, snapshot, now)
        rows.sort(key=lambda row: decision_order(mark_of(row), snapshot.current))
        outcomes, ready = _pass_gates(engine, batch, rows, now)
        outcomes += _give_content(engine, connection, batch, ready)
        report = write_outcomes(connection, outcomes)
        report.claimed = len(rows)
        return report


def message_token(secret: bytes, first_applied_at: datetime | None) -> str:
    """Eight letters that tell this database's messages from those of any other: of another workspace, of the same one
    emptied, of its replays. The same workspace and campaigns give the same letters: a replay can be repeated."""
    said = f"message\x00{first_applied_at.isoformat() if first_applied_at else ''}".encode()
    return b32encode(blake2b(said, digest_size=5, key=blake2b(secret).digest()).digest()).decode().lower()


def _read_batch(
    engine: Engine, connection: Connection, rows: Sequence[EnrollmentRow], snapshot: Snapshot, now: datetime
) -> _Batch:
    ids = sorted({row.profile_id for row in rows})
    profiles = read_profiles(connection, ids)
    addresses = {row.email for row in profiles.values() if row.email}
    shared = find_shared_addresses(connection, addresses)
    earliest = min((row.due_at for row in rows if row.due_at), default=now)
    secret = engine.settings.secret.get_secret_value().encode()
    return _Batch(
        snapshot=snapshot,
        shop=shop_policy(engine.settings),
        profiles=profiles,
        states={i: ProfileState.from_json(row.state) for i, row in profiles.items()},
        books=books_of(list_enrollments(connection, ids)),
        consents=read_consents(connection, ids),
        suppressions=suppressions_of(find_suppressions(connection, addresses), now),
        sends=list_sends(connection, ids, since=min(now, earliest) - LONGEST_CAP),
        token=message_token(secret, read_first_applied(connection)),
        shared=shared,
        twins=_read_twins(connection, rows, profiles, shared),
    )


def _read_twins(
    connection: Connection, rows: Iterable[EnrollmentRow], profiles: Mapping[int, ProfileRow], shared: Set[str]
) -> dict[Mailed, int]:
    """Who else got these mails at the same address. Two workers never decide about one shared address at a time."""
    if not shared:
        return {}
    lock_addresses(connection, shared)
    wanted = [(row.campaign_id, profiles[row.profile_id].email or "", row.key, row.profile_id) for row in rows]
    return find_mailed_twins(connection, [one for one in wanted if one[1] in shared])


def _pass_gates(
    engine: Engine, batch: _Batch, rows: Iterable[EnrollmentRow], now: datetime
) -> tuple[list[Outcome], list[tuple[Claim, Chosen]]]:
    outcomes: list[Outcome] = []
    ready: list[tuple[Claim, Chosen]] = []
    for row in rows:
        claim = _claim(engine, batch, row, now)
        if claim is None:
            outcomes.append(Outcome.retired(row, now))
            continue
        try:
            found = _decide_claim(batch, claim)
        except Exception:
            _log.exception("enrollment %d could not be decided; it is tried again later", row.enrollment_id)
            found = Outcome.asleep(row, claim.mark, claim.at + _AGAIN_AFTER)
        if isinstance(found, Chosen):
            _note_chosen(batch, claim)
            ready.append((claim, found))
        else:
            outcomes.append(found)
    return outcomes, ready


def _decide_claim(batch: _Batch, claim: Claim) -> Outcome | Chosen:
    """The gates before the content. A timer that was only touched goes back to sleep."""
    woken = wake(claim.campaign.live_rule, claim.mark, claim.state, now=claim.at)
    if isinstance(woken, Sleep):
        return Outcome.asleep(claim.row, claim.mark, woken.until)
    if claim.row.profile_id in batch.chosen_now or claim.as_mailed[:3] in batch.chosen_now:
        return Outcome.asleep(claim.row, claim.mark, claim.row.due_at or claim.at)  # till that mail is written, or not
    candidate = _candidate(batch, claim, claim.at if isinstance(woken, Exit) else woken.due_at)
    if isinstance(woken, Exit):
        candidate = replace(candidate, exit_reason=woken.reason)
    decision = decide_before_content(candidate, batch.shop, now=claim.at)
    return decision if isinstance(decision, Chosen) else _outcome(claim, decision, candidate.due_at)


def _claim(engine: Engine, batch: _Batch, row: EnrollmentRow, now: datetime) -> Claim | None:
    is_in_force = row.campaign_id in batch.snapshot.current
    campaign = batch.snapshot.find(row.campaign_id, row.campaign_version) if is_in_force else None
    if campaign is None or row.step >= len(campaign.steps):
        return None
    book = batch.books.setdefault(row.profile_id, EnrollmentBook())
    mark = book.find(row.campaign_id, row.key)
    if mark is None:  # older than all that is read of a profile with very many enrollments
        mark = mark_of(row)
        book.put(mark)
    at = row.due_at if engine.is_virtual and row.due_at else now
    return Claim(row, mark, campaign, batch.profiles[row.profile_id], batch.states[row.profile_id], at, batch.token)


def _candidate(batch: _Batch, claim: Claim, due_at: datetime) -> Candidate:
    profile_id = claim.row.profile_id
    past = counted_sends(
        [(c, step - 1, at) for c, step, at in batch.sends.get(profile_id, ()) if at <= claim.at],
        batch.snapshot.current,
        batch.shop,
    )
    live = batch.books[profile_id].live()
    return Candidate(
        campaign=claim.campaign,
        mark=claim.mark,
        due_at=due_at,
        profile=profile_of(claim.profile, claim.state, batch.consents.get(profile_id)),
        state=claim.state,
        suppressions=batch.suppressions.get(claim.profile.email or "", ()),
        past_sends=past,
        twin=str(batch.twins.get(claim.as_mailed, "")),
        rivals=rivals_of(live, batch.snapshot.running, claim.state, batch.shop),
    )


def _note_chosen(batch: _Batch, claim: Claim) -> None:
    """What else is due to this profile, or to the address under another one, is decided in the next batch: it then
    meets the mail that was written, and not one that failed for its content."""
    batch.chosen_now.add(claim.row.profile_id)
    if claim.profile.email in batch.shared:
        batch.chosen_now.add(claim.as_mailed[:3])


def _give_content(
    engine: Engine, connection: Connection, batch: _Batch, ready: Sequence[tuple[Claim, Chosen]]
) -> list[Outcome]:
    subjects = [_subject(claim, chosen) for claim, chosen in ready]
    outcomes: list[Outcome] = []
    recommended = _recommend(engine, connection, subjects)
    wishes = [
        CouponWish(one, one.step.coupon is not None and belongs_to_holdout(chosen, batch.shop))
        for one, (_, chosen) in zip(subjects, ready, strict=True)
    ]
    coupons = hold_coupons(engine, connection, wishes)
    kept: list[Held] = []
    for (claim, chosen), subject, slates, coupon in zip(ready, subjects, recommended, coupons, strict=True):
        if isinstance(coupon, HeldElsewhere):
            outcomes.append(Outcome.asleep(claim.row, claim.mark, claim.at + _SOON))
            continue
        email, problem = _render(engine, subject, slates, coupon)
        decision = decide_after_content(chosen, batch.shop, problem)
        outcomes.append(_outcome(claim, decision, chosen.candidate.due_at, email, slates))
        if isinstance(coupon, Held) and isinstance(decision, Send):
            kept.append(coupon)
    keep_coupons(connection, kept)
    return outcomes


def _recommend(engine: Engine, connection: Connection, subjects: Sequence[Subject]) -> Sequence[Recommended | None]:
    """Slates for all at once; where that fails for one mail, for each alone, and None for the one at fault."""
    if not subjects:
        return []
    try:
        return recommend_batch(engine, connection, subjects)
    except (DBAPIError, UnusableEnvironment):
        raise
    except Exception:
        _log.exception("no recommendations for a batch of %d", len(subjects))
    if len(subjects) == 1:
        return [None]
    return [slates for subject in subjects for slates in _recommend(engine, connection, [subject])]


def _subject(claim: Claim, chosen: Chosen) -> Subject:
    return Subject(
        row=claim.profile,
        state=claim.state,
        campaign=claim.campaign,
        step=claim.campaign.steps[claim.mark.step],
        step_number=claim.step_number,
        variant=chosen.variant,
        message_ref=claim.message_ref,
        at=claim.at,
        context=claim.row.context,
    )


def _render(
    engine: Engine, subject: Subject, slates: Recommended | None, coupon: Held | ContentProblem | None
) -> tuple[RenderedEmail | None, ContentProblem | None]:
    if isinstance(coupon, ContentProblem):
        return None, coupon
    if slates is None:
        return None, ContentProblem(Reason.TEMPLATE_FAILED, {"detail": "the products for it could not be chosen"})
    problem = content_problem(subject, slates)
    if problem is not None:
        return None, problem
    try:
        return render_mail(engine, replace(subject, coupon=coupon.coupon) if coupon else subject, slates), None
    except Exception as error:  # whatever one mail breaks on must not hold up the others
        is_expected = isinstance(error, TemplateProblem)
        what = "template %s failed for message %s: %s"
        _log.error(what, subject.template, subject.message_ref, error, exc_info=not is_expected)
        return None, ContentProblem(Reason.TEMPLATE_FAILED, {"template": subject.template, "detail": str(error)})


def _outcome(
    claim: Claim,
    decision: Decision,
    due_at: datetime,
    email: RenderedEmail | None = None,
    slates: Recommended | None = None,
) -> Outcome:
    outcome = Outcome.decided(claim.row, claim.mark, decision, due_at=due_at, at=claim.at)
    outcome.message_ref, outcome.address, outcome.email = claim.message_ref, claim.profile.email or "", email
    outcome.slates = slates.as_json() if slates else None
    if decision.ends_enrollment:
        exit_reason = str(decision.facts.get("exit_reason", decision.reason.value))
        leave(claim.mark, exit_reason, is_decided="exit_reason" not in decision.facts)
    elif decision.is_final:
        outcome.advance(claim.campaign.live_rule)
    return outcome

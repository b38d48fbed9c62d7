"""Why: the story of one profile - events, timers, decisions, messages - in order and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from campaigns.decisions.candidate import counted_sends
from campaigns.decisions.simulate import Happening, SimulatedDecision, SimulatedEnding, Simulation
from campaigns.domain.campaign import Campaign
from campaigns.domain.decision import Defer, Ghost, Send, explain, explain_exit
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.campaign_book import Snapshot
from campaigns.pipeline.engine import Engine, World
from campaigns.pipeline.people import books_of
from campaigns.pipeline.policy import profile_of, shop_policy, suppressions_of
from campaigns.pipeline.why_words import EventWords, say_coupon, say_decision, say_moved, say_refusal, say_step
from campaigns.storage.coupons import list_profile_codes
from campaigns.storage.database import transaction
from campaigns.storage.decisions import DecisionRow, list_profile_decisions
from campaigns.storage.enrollments import EnrollmentRow, list_profile_enrollments, list_refusals
from campaigns.storage.events import list_profile_events
from campaigns.storage.feedback import list_profile_feedback
from campaigns.storage.messages import MessageRow, list_profile_messages
from campaigns.storage.products import read_products
from campaigns.storage.profiles import ProfileRow, find_profile_ids, read_profiles
from campaigns.storage.suppressions import find_suppressions, read_consents
from triggers.enrollments import EnrollmentBook
from triggers.events import EventName
from triggers.state import ProfileState

EVENTS_SHOWN = 300

_FORESEEN = timedelta(days=60)
_GRACE = timedelta(minutes=5)
_VISIT = timedelta(minutes=30)
_MANY = 3


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the story. `kind`: event, timer, decision, message, feedback or next."""

    at: datetime
    kind: str
    text: str
    campaign_id: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """A profile and what happened around it, oldest first; `next` is what will happen if nothing else does."""

    profile: ProfileRow
    moments: list[Moment]
    next: list[Moment]
    events_left_out: int = 0

    def as_json(self) -> dict[str, Any]:
        row = self.profile
        return {
            "profile": {"profile_id": row.profile_id, "user_id": row.user_id, "email": row.email, "zone": row.zone},
            "moments": [{"at": m.at, "kind": m.kind, "campaign": m.campaign_id, "text": m.text} for m in self.moments],
            "next": [{"at": m.at, "campaign": m.campaign_id, "text": m.text} for m in self.next],
            "events_left_out": self.events_left_out,
        }


def tell(engine: Engine, who: str, *, campaign_id: str = "") -> Story:
    """The story of the profile that `who` names: a user id, an anonymous id, an address or a profile id."""
    with transaction(engine.database) as connection:
        snapshot = engine.campaigns.read(connection)
        profile = _find(connection, who)
        if campaign_id and campaign_id not in snapshot.current:
            known = ", ".join(sorted(snapshot.current)) or "none"
            raise WrongUsage(f"no campaign {campaign_id!r} is applied", fix=f"there is {known}")
        teller = _Teller(connection, profile, snapshot, engine)
        moments = [m for m in teller.moments() if not campaign_id or m.campaign_id in ("", campaign_id)]
        coming = [m for m in teller.coming(engine.now(connection)) if not campaign_id or m.campaign_id == campaign_id]
    events = [moment for moment in moments if moment.kind == "event"]
    kept = set(map(id, events[-EVENTS_SHOWN:]))
    shown = [moment for moment in moments if moment.kind != "event" or id(moment) in kept]
    order = {"event": 0, "timer": 1, "decision": 2, "message": 3, "feedback": 4}
    shown.sort(key=lambda moment: (moment.at, order[moment.kind]))
    return Story(profile, shown, sorted(coming, key=lambda m: m.at), len(events) - len(kept))


def _find(connection: Connection, who: str) -> ProfileRow:
    ids = find_profile_ids(connection, who)
    if not ids:
        raise WrongUsage(f"no profile is known as {who!r}", fix="give a user id, an anonymous id or an address")
    return next(iter(read_profiles(connection, ids[:1]).values()))


class _Teller:
    def __init__(self, connection: Connection, profile: ProfileRow, snapshot: Snapshot, engine: Engine) -> None:
        self.profile, self.snapshot, self.engine = profile, snapshot, engine
        self.is_replay = engine.is_virtual or engine.cache.world == World.REPLAY.value
        profile_id = profile.profile_id
        self.events = list_profile_events(connection, profile_id)
        self.enrollments = list_profile_enrollments(connection, profile_id)
        self.refusals = list_refusals(connection, profile_id)
        self.decisions = list_profile_decisions(connection, profile_id)
        self.messages = list_profile_messages(connection, profile_id)
        self.codes = list_profile_codes(connection, profile_id)
        self.feedback = list_profile_feedback(connection, profile_id)
        self.consent = read_consents(connection, [profile_id]).get(profile_id)
        self.suppressions = find_suppressions(connection, [profile.email] if profile.email else [])
        ids = {line["product_id"] for _, _, payload in self.events for line in payload.get("lines", ())}
        titles = {i: product.title for i, product in read_products(connection, ids).items()}
        self.words = EventWords(titles, engine.settings.shop.currency)

    def name(self, campaign_id: str) -> str:
        campaign = self.snapshot.current.get(campaign_id)
        return campaign.name if campaign else campaign_id

    def moments(self) -> Iterator[Moment]:
        yield from self._events()
        for enrollment in self.enrollments:
            yield from self._enrollment(enrollment)
        for campaign_id, _, reason, at in self.refusals:
            yield Moment(at, "timer", say_refusal(self.name(campaign_id), reason), campaign_id)
        for decision in self.decisions:
            yield self._decision(decision)
        for message in self.messages:
            yield from self._message(message)
        for ref, kind, at, machine, url in self.feedback:
            what = {"clicked": f"A link was followed: {url}", "opened": "The mail was opened"}.get(kind, f"Mail {kind}")
            yield Moment(at, "feedback", f"{what} (message {ref}){', by a machine' if machine else ''}.")

    def coming(self, now: datetime) -> Iterator[Moment]:
        """What will happen if nothing else does: the timers played on, by the code that decides. Those that are overdue
        are decided now, but for a replay, where each is decided at its own time."""
        book = books_of(self.enrollments).get(self.profile.profile_id, EnrollmentBook())
        running = {row.campaign_id: row for row in self.enrollments if row.due_at is not None}
        campaigns = dict(self.snapshot.running)
        yield from self._held(running.values(), now)
        for campaign_id, row in running.items():
            if campaign_id in campaigns and (own := self.snapshot.find(campaign_id, row.campaign_version)):
                campaigns[campaign_id] = own
        shop, age = shop_policy(self.engine.settings), self.engine.settings.events.max_event_age
        suppressed = suppressions_of(self.suppressions, now).get(self.profile.email or "", [])
        simulation = Simulation(campaigns, shop, now + _FORESEEN, age, lambda profile: suppressed)
        state = ProfileState.from_json(self.profile.state)
        sends = [(d.campaign_id, d.step - 1, d.decided_at) for d in self.decisions if d.outcome in ("send", "ghost")]
        profile = profile_of(self.profile, state, self.consent)
        past, decided_at = counted_sends(sends, campaigns, shop), None if self.is_replay else now
        for one in simulation.foresee(profile, state, book, past, now=decided_at):
            if text := self._foreseen(one, campaigns[one.campaign_id], now):
                at = one.decided_at if isinstance(one, SimulatedDecision) else one.at
                yield Moment(at, "next", text, one.campaign_id)

    def _held(self, rows: Iterable[EnrollmentRow], now: datetime) -> Iterator[Moment]:
        """Timers of paused campaigns."""
        for row in rows:
            campaign = self.snapshot.find(row.campaign_id, row.campaign_version)
            if row.campaign_id in self.snapshot.paused and campaign is not None and row.step < len(campaign.steps):
                text = f"{campaign.name}: {say_step(campaign, row.step)} is held, for the campaign is paused. "
                text += "Once it is resumed, it goes out unless it is too late by then."
                yield Moment(max(row.due_at or now, now), "next", text, row.campaign_id)

    def _foreseen(self, one: Happening, campaign: Campaign, now: datetime) -> str:
        if isinstance(one, SimulatedEnding):
            return f"{campaign.name} ends: {explain_exit(one.reason)}"
        if isinstance(one.decision, Defer):
            return ""
        which = f"{campaign.name}: {say_step(campaign, one.step)}"
        late = " It is overdue: are the workers running?" if self._is_overdue(one, now) else ""
        if isinstance(one.decision, Send):
            waits = one.decided_at > (one.due_at if self.is_replay else max(one.due_at, now))
            waited = " (it waits for the hours when mail may go out)" if waits else ""
            return f"{which} goes out, if nothing else happens{waited}.{late}"
        if isinstance(one.decision, Ghost):
            return f"{which} is held back: the shopper belongs to those who get no mail of this campaign.{late}"
        return f"{which} will not go out. {explain(one.decision)}{late}"

    def _is_overdue(self, one: SimulatedDecision, now: datetime) -> bool:
        """Whether the timer of what is decided should have fired a while ago; it may wait long for the right hour."""
        mail = (one.campaign_id, one.key, one.step)
        return not self.is_replay and any(
            row.due_at is not None and row.due_at < now - _GRACE and (row.campaign_id, row.key, row.step) == mail
            for row in self.enrollments
        )

    def _events(self) -> Iterator[Moment]:
        """Events in words; product views that follow each other in one visit are one line."""
        views: list[tuple[datetime, Mapping[str, Any]]] = []
        for name, at, payload in self.events:
            if views and (name != EventName.PRODUCT_VIEWED or at - views[-1][0] > _VISIT):
                yield from self._views(views)
                views = []
            if name == EventName.PRODUCT_VIEWED:
                views.append((at, payload))
            else:
                yield Moment(at, "event", self.words.say(name, payload))
        yield from self._views(views)

    def _views(self, views: Sequence[tuple[datetime, Mapping[str, Any]]]) -> Iterator[Moment]:
        if len(views) < _MANY:
            yield from (Moment(at, "event", self.words.say(EventName.PRODUCT_VIEWED, one)) for at, one in views)
            return
        text = self.words.say_views([one for _, one in views], views[-1][0] - views[0][0])
        yield Moment(views[0][0], "event", text)

    def _enrollment(self, row: EnrollmentRow) -> Iterator[Moment]:
        name = self.name(row.campaign_id)
        text = f"{name} began to wait.{say_moved(row.touches, row.last_activity_at, row.entered_at)}"
        yield Moment(row.entered_at, "timer", text, row.campaign_id)
        told = any(d.enrollment_id == row.enrollment_id and d.decided_at == row.closed_at for d in self.decisions)
        if row.status == "exited" and row.closed_at and row.exit_reason and not told:
            text = f"{name} ended: {explain_exit(row.exit_reason)}"
            yield Moment(row.closed_at, "timer", text, row.campaign_id)

    def _decision(self, row: DecisionRow) -> Moment:
        campaign = self.snapshot.find(row.campaign_id, row.campaign_version)
        name = self.name(row.campaign_id)
        named = {key: self.name(row.facts[key]) for key in ("winner", "last_campaign") if key in row.facts}
        text = say_decision(campaign, name, row.step - 1, row.outcome, row.reason, {**row.facts, **named})
        return Moment(row.decided_at, "decision", text, row.campaign_id)

    def _message(self, row: MessageRow) -> Iterator[Moment]:
        name, coupon = self.name(row.campaign_id), say_coupon(self.codes.get(row.message_ref))
        if row.sent_at:
            state = "" if row.status == "sent" else f"; it is {row.status}"
            text = f"{name}: mail “{row.subject}” went to {row.address}{state}.{coupon}"
            yield Moment(row.sent_at, "message", text, row.campaign_id)
        else:
            detail = f": {row.detail}" if row.detail else ""
            text = f"{name}: mail “{row.subject}” to {row.address} is {row.status}{detail}.{coupon}"
            yield Moment(row.created_at, "message", text, row.campaign_id)

"""Why: the story of one profile - events, timers, decisions, messages - in order and in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.campaign_reasons import NOT_STARTED_SENTENCES, NotStartedReason
from campaigns.domain.decision import explain_exit, explain_reason
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.campaign_book import Snapshot
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.people import mark_of
from campaigns.rendering.money import money_text
from campaigns.storage.database import transaction
from campaigns.storage.decisions import DecisionRow, list_profile_decisions
from campaigns.storage.enrollments import EnrollmentRow, list_profile_enrollments, list_refusals
from campaigns.storage.events import list_profile_events
from campaigns.storage.feedback import list_profile_feedback
from campaigns.storage.messages import MessageRow, list_profile_messages
from campaigns.storage.products import read_products
from campaigns.storage.profiles import ProfileRow, find_profile_ids, read_profiles
from triggers.evaluate import due_of
from triggers.events import EventName

EVENTS_SHOWN = 300


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
        teller = _Teller(connection, profile, snapshot, engine.settings.shop.currency)
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
    def __init__(self, connection: Connection, profile: ProfileRow, snapshot: Snapshot, currency: str) -> None:
        self.profile, self.snapshot, self.currency = profile, snapshot, currency
        profile_id = profile.profile_id
        self.events = list_profile_events(connection, profile_id)
        self.enrollments = list_profile_enrollments(connection, profile_id)
        self.refusals = list_refusals(connection, profile_id)
        self.decisions = list_profile_decisions(connection, profile_id)
        self.messages = list_profile_messages(connection, profile_id)
        self.feedback = list_profile_feedback(connection, profile_id)
        ids = {line["product_id"] for _, _, payload in self.events for line in payload.get("lines", ())}
        self.titles = {i: product.title for i, product in read_products(connection, ids).items()}

    def name(self, campaign_id: str) -> str:
        campaign = self.snapshot.current.get(campaign_id)
        return campaign.name if campaign else campaign_id

    def moments(self) -> Iterator[Moment]:
        for name, at, payload in self.events:
            yield Moment(at, "event", self._event(name, payload))
        for enrollment in self.enrollments:
            yield from self._enrollment(enrollment)
        for campaign_id, _, reason, at in self.refusals:
            yield Moment(at, "timer", f"{self.name(campaign_id)} did not start: {_not_started(reason)}", campaign_id)
        for decision in self.decisions:
            yield self._decision(decision)
        for message in self.messages:
            yield from self._message(message)
        for ref, kind, at, machine, url in self.feedback:
            what = {"click": f"A link was followed: {url}", "open": "The mail was opened"}.get(kind, f"Mail {kind}")
            yield Moment(at, "feedback", f"{what} (message {ref}){', by a machine' if machine else ''}.")

    def coming(self, now: datetime) -> Iterator[Moment]:
        for row in self.enrollments:
            campaign = self.snapshot.find(row.campaign_id, row.campaign_version)
            if row.due_at is None or campaign is None or row.step >= len(campaign.steps):
                continue
            at = max(row.due_at, due_of(campaign.live_rule, mark_of(row)))
            late = " (overdue: are the workers running?)" if at < now - timedelta(minutes=5) else ""
            held = " The campaign is paused." if row.campaign_id in self.snapshot.paused else ""
            step = campaign.steps[row.step]
            text = (
                f"{campaign.name}: step {row.step + 1} ({step.name}) is decided{late}, if nothing else happens.{held}"
            )
            yield Moment(at, "next", text, row.campaign_id)

    def _event(self, name: str, payload: Mapping[str, Any]) -> str:
        said = _SAID.get(name)
        products = self._products(payload.get("lines", ()))
        if said is None:
            return f"{name}{': ' + products if products else ''}."
        if name == EventName.ORDER_COMPLETED:
            total = payload.get("total_minor")
            worth = f" for {money_text(total, payload.get('currency') or self.currency, 'en')}" if total else ""
            order = f" (order {payload['order_id']})" if payload.get("order_id") else ""
            return f"Ordered {products or 'something'}{worth}{order}."
        if name == EventName.IDENTIFIED:
            return f"Was recognised as {payload.get('user_id') or payload.get('email') or 'somebody'}."
        return f"{said} {products}.".replace(" .", ".")

    def _products(self, lines: Iterable[Mapping[str, Any]]) -> str:
        names = [
            self.titles.get(line["product_id"], f"product {line['product_id']}")
            + (f" × {line['quantity']}" if line.get("quantity", 1) != 1 else "")
            for line in lines
        ]
        return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")

    def _enrollment(self, row: EnrollmentRow) -> Iterator[Moment]:
        name = self.name(row.campaign_id)
        moved = f"; activity moved its timer {row.touches} times" if row.touches else ""
        text = f"{name} started ({row.key}){moved}."
        yield Moment(row.entered_at, "timer", text, row.campaign_id)
        if row.status == "exited" and row.closed_at and row.exit_reason:
            text = f"{name} ended: {explain_exit(row.exit_reason)}"
            yield Moment(row.closed_at, "timer", text, row.campaign_id)

    def _decision(self, row: DecisionRow) -> Moment:
        said = {"send": "send", "ghost": "hold out (a ghost)", "skip": "skip", "defer": "wait"}[row.outcome]
        text = f"{self.name(row.campaign_id)}, step {row.step}: {said}. {explain_reason(row.reason, row.facts)}"
        return Moment(row.decided_at, "decision", text, row.campaign_id)

    def _message(self, row: MessageRow) -> Iterator[Moment]:
        name = self.name(row.campaign_id)
        if row.sent_at:
            text = f"{name}: mail “{row.subject}” went to {row.address} ({row.status})."
            yield Moment(row.sent_at, "message", text, row.campaign_id)
        else:
            detail = f": {row.detail}" if row.detail else ""
            text = f"{name}: mail “{row.subject}” to {row.address} is {row.status}{detail}."
            yield Moment(row.created_at, "message", text, row.campaign_id)


_SAID = {
    EventName.PRODUCT_VIEWED: "Looked at",
    EventName.PRODUCT_ADDED: "Put into the cart:",
    EventName.PRODUCT_REMOVED: "Took out of the cart:",
    EventName.PRODUCT_WISHLISTED: "Put on the wish list:",
    EventName.CART_UPDATED: "Changed the cart to",
    EventName.CART_VIEWED: "Looked at the cart:",
    EventName.CHECKOUT_STARTED: "Started the checkout with",
    EventName.PAGE_VIEWED: "Looked at a page",
    EventName.ORDER_COMPLETED: "Ordered",
    EventName.IDENTIFIED: "Was recognised",
}


def _not_started(reason: str) -> str:
    try:
        return NOT_STARTED_SENTENCES[NotStartedReason(reason)]
    except ValueError:
        return f"{reason}."

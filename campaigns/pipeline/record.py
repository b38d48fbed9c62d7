"""Record: what comes back for messages - clicks, opens, unsubscribes, choices - and who must not be mailed any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from campaigns.delivery.feedback import FeedbackEvent, FeedbackKind
from campaigns.domain.message import MessageStatus
from campaigns.pipeline.engine import Engine
from campaigns.storage.database import transaction
from campaigns.storage.feedback import add_feedback
from campaigns.storage.messages import find_message, find_reported, mark_messages
from campaigns.storage.suppressions import find_suppressions, suppress, unsuppress

_STATUS_OF: Mapping[FeedbackKind, MessageStatus] = {
    FeedbackKind.DELIVERED: MessageStatus.DELIVERED,
    FeedbackKind.BOUNCED: MessageStatus.BOUNCED,
    FeedbackKind.REJECTED: MessageStatus.FAILED,
    FeedbackKind.COMPLAINED: MessageStatus.COMPLAINED,
}
"""Whatever else is said about a mail proves that it was handed over."""
_REASONS = {FeedbackKind.COMPLAINED: "complaint", FeedbackKind.UNSUBSCRIBED: "unsubscribe"}


@dataclass(frozen=True, slots=True)
class Choices:
    """What an address gets: campaigns it left, and whether it left everything."""

    address: str
    left: frozenset[str]
    everything_off: bool


def record_reaction(
    engine: Engine, message_ref: str, kind: str, *, at: datetime, machine: bool = False, url: str | None = None
) -> None:
    """Keeps a click or an open; machine-made ones are marked and count in no rate. Those of previews are nobody's."""
    if message_ref.startswith("preview"):
        return
    with transaction(engine.database) as connection:
        add_feedback(connection, message_ref, kind, at=at, machine=machine, url=url)
        mark_messages(connection, [(message_ref, MessageStatus.SENT, at, "")])


def record_feedback(engine: Engine, events: Sequence[FeedbackEvent]) -> int:
    """Keeps what a provider reports, in one transaction; returns how many reports were about messages of ours.

    A dead address, a complaint or an unsubscribe suppresses the message's address with the same commit. A message that
    was in doubt is settled: whatever a provider says about it, it has it."""
    with transaction(engine.database) as connection:
        known = _name_messages(connection, events)
        marks = [_mark(event, ref) for event, ref, _ in known]
        mark_messages(connection, sorted({mark[0]: mark for mark in sorted(marks, key=_weight)}.values()))
        for event, ref, address in known:
            url, raw = (event.url or None, event.raw) if address else (None, {})
            add_feedback(connection, ref, event.kind, at=event.occurred_at, machine=event.machine, url=url, raw=raw)
        for event, ref, address in sorted(known, key=lambda one: one[2]):
            if reason := _reason_to_stop(event):
                detail = event.detail[:500] or ref
                suppress(connection, address, reason=reason, now=event.occurred_at, detail=detail)
    return len(known)


def _name_messages(connection: Connection, events: Sequence[FeedbackEvent]) -> list[tuple[FeedbackEvent, str, str]]:
    """Each event with the reference and address of its message; events about mails that are not ours are left out."""
    refs = {event.message_ref for event in events if event.message_ref}
    found = find_reported(connection, refs, {event.provider_id for event in events if event.provider_id})
    addresses = {ref: address for ref, _, address in found}
    by_provider = {provider_id: ref for ref, provider_id, _ in found if provider_id}
    named = [
        (event, event.message_ref if event.message_ref in addresses else by_provider.get(event.provider_id))
        for event in events
    ]
    return [(event, ref, addresses[ref]) for event, ref in named if ref]


def _mark(event: FeedbackEvent, ref: str) -> tuple[str, MessageStatus, datetime, str]:
    status = _STATUS_OF.get(event.kind, MessageStatus.SENT)
    return ref, status, event.occurred_at, event.detail[:500] if event.kind in _STATUS_OF else ""


def _weight(mark: tuple[str, MessageStatus, datetime, str]) -> int:
    return (MessageStatus.SENT, *_STATUS_OF.values()).index(mark[1])


def _reason_to_stop(event: FeedbackEvent) -> str:
    if event.permanent and event.kind in (FeedbackKind.BOUNCED, FeedbackKind.REJECTED):
        return "hard_bounce"
    return _REASONS.get(event.kind, "")


def unsubscribe(engine: Engine, message_ref: str, *, at: datetime, campaign_id: str | None = None) -> None:
    """Takes the message's address out of one campaign, or out of everything; in force with the commit."""
    with transaction(engine.database) as connection:
        found = find_message(connection, message_ref)
        if found is None:
            return
        address, scope = found[0].address, campaign_id or "all"
        suppress(connection, address, reason="unsubscribe", now=at, scope=scope, detail=message_ref)
        add_feedback(connection, message_ref, "unsubscribed", at=at)
        mark_messages(connection, [(message_ref, MessageStatus.SENT, at, "")])


def find_choices(engine: Engine, message_ref: str) -> Choices | None:
    """What the message's address chose so far; None for a message nobody knows, or of a forgotten shopper."""
    with transaction(engine.database) as connection:
        found = find_message(connection, message_ref)
        if found is None or not found[0].address:
            return None
        address = found[0].address
        scopes = find_suppressions(connection, [address.lower()]).get(address.lower(), {})
    return Choices(address, frozenset(scopes) - {"all"}, "all" in scopes)


def save_choices(
    engine: Engine, message_ref: str, wanted: frozenset[str], topics: Iterable[str], *, at: datetime
) -> None:
    """Keeps which campaigns an address wants. None wanted means no mail at all; some wanted lifts an earlier
    unsubscribe from everything, but never a bounce or a complaint."""
    with transaction(engine.database) as connection:
        found = find_message(connection, message_ref)
        if found is None:
            return
        address = found[0].address
        scopes = find_suppressions(connection, [address.lower()]).get(address.lower(), {})
        if not wanted:
            suppress(connection, address, reason="unsubscribe", now=at, detail=message_ref)
            return
        if scopes.get("all") == "unsubscribe":
            unsuppress(connection, address, scope="all")
        for topic in topics:
            if topic in wanted:
                unsuppress(connection, address, scope=topic)
            else:
                suppress(connection, address, reason="unsubscribe", now=at, scope=topic, detail=message_ref)

"""Mailgun's events (https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-structure)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.delivery.esp.provider import REF_FIELD, text_at
from campaigns.delivery.feedback.event import FeedbackEvent, FeedbackKind, time_of
from campaigns.delivery.feedback.machines import is_machine_event
from campaigns.delivery.mime import find_message_ref

_KINDS = {
    "accepted": FeedbackKind.SENT,
    "delivered": FeedbackKind.DELIVERED,
    "failed": FeedbackKind.BOUNCED,
    "rejected": FeedbackKind.REJECTED,
    "complained": FeedbackKind.COMPLAINED,
    "opened": FeedbackKind.OPENED,
    "clicked": FeedbackKind.CLICKED,
    "unsubscribed": FeedbackKind.UNSUBSCRIBED,
}
# Other reasons of a permanent failure (too old, blocked by the receiver...) say nothing against the address.
_LASTING_REASONS = frozenset({"bounce", "suppress-bounce"})


def read_events(data: Any, headers: Mapping[str, str], now: datetime) -> list[FeedbackEvent]:
    """One event a call."""
    item = data["event-data"]
    kind = _KINDS.get(item["event"])
    if kind is None:
        return []
    if kind is FeedbackKind.BOUNCED and item.get("severity") == "temporary":
        kind = FeedbackKind.DEFERRED
    identity = text_at(item, "message", "headers", "message-id")
    event = FeedbackEvent(
        kind=kind,
        occurred_at=time_of(item.get("timestamp"), now),
        message_ref=text_at(item, "user-variables", REF_FIELD) or find_message_ref(identity),
        provider_id=f"<{identity}>" if identity else "",
        recipient=text_at(item, "recipient"),
        permanent=kind is FeedbackKind.BOUNCED and item.get("reason") in _LASTING_REASONS,
        machine=_is_machine(item, kind),
        detail=text_at(item, "delivery-status", "message") or text_at(item, "delivery-status", "description"),
        url=text_at(item, "url"),
        event_id=text_at(data, "signature", "token"),
        raw=item,
    )
    return [event]


def _is_machine(item: dict[str, Any], kind: FeedbackKind) -> bool:
    if text_at(item, "client-info", "bot"):
        return True
    return is_machine_event(kind, text_at(item, "client-info", "user-agent"))

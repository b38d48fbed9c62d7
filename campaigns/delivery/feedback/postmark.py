"""Postmark's events (https://postmarkapp.com/developer/webhooks/webhooks-overview)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.delivery.esp.provider import REF_FIELD, text_at
from campaigns.delivery.feedback.event import FeedbackEvent, FeedbackKind, time_of
from campaigns.delivery.feedback.machines import is_machine_event

_KINDS = {
    "Delivery": FeedbackKind.DELIVERED,
    "Bounce": FeedbackKind.BOUNCED,
    "SpamComplaint": FeedbackKind.COMPLAINED,
    "Open": FeedbackKind.OPENED,
    "Click": FeedbackKind.CLICKED,
    "SubscriptionChange": FeedbackKind.UNSUBSCRIBED,
}
# https://postmarkapp.com/developer/api/bounce-api#bounce-types
_BOUNCES = {
    "Transient": FeedbackKind.DEFERRED,
    "DnsError": FeedbackKind.DEFERRED,
    "SpamComplaint": FeedbackKind.COMPLAINED,
    "SpamNotification": FeedbackKind.BOUNCED,
    "Unsubscribe": FeedbackKind.UNSUBSCRIBED,
    "Blocked": FeedbackKind.BOUNCED,
    "SoftBounce": FeedbackKind.BOUNCED,
    "HardBounce": FeedbackKind.BOUNCED,
    "BadEmailAddress": FeedbackKind.BOUNCED,
    "ManuallyDeactivated": FeedbackKind.REJECTED,
    "InboundError": FeedbackKind.REJECTED,
    "DMARCPolicy": FeedbackKind.BOUNCED,
    "SMTPApiError": FeedbackKind.REJECTED,
}
_PERMANENT = frozenset({"HardBounce", "BadEmailAddress", "ManuallyDeactivated"})


def read_events(data: Any, headers: Mapping[str, str], now: datetime) -> list[FeedbackEvent]:
    """One event a call."""
    kind = _kind(data)
    if kind is None:
        return []
    moments = (data.get(name) for name in ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt"))
    event = FeedbackEvent(
        kind=kind,
        occurred_at=time_of(next((moment for moment in moments if moment), None), now),
        message_ref=text_at(data, "Metadata", REF_FIELD) or None,
        provider_id=text_at(data, "MessageID"),
        recipient=text_at(data, "Recipient") or text_at(data, "Email"),
        permanent=data.get("Type") in _PERMANENT,
        machine=is_machine_event(kind, text_at(data, "UserAgent")),
        detail=text_at(data, "Details") or text_at(data, "Description") or text_at(data, "SuppressionReason"),
        url=text_at(data, "OriginalLink"),
        event_id=str(data.get("ID", "")),
        raw=data,
    )
    return [event]


def _kind(data: dict[str, Any]) -> FeedbackKind | None:
    record = data["RecordType"]
    if record == "Bounce":
        return _BOUNCES.get(text_at(data, "Type"))
    if record == "SubscriptionChange":
        return _change(data)
    return _KINDS.get(record)


def _change(data: dict[str, Any]) -> FeedbackKind | None:
    if not data.get("SuppressSending"):
        return None  # a reactivation: consent is given to the shop, not here
    return FeedbackKind.UNSUBSCRIBED if data.get("SuppressionReason") == "ManualSuppression" else None

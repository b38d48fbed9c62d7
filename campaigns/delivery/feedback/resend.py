"""Resend's events (https://resend.com/docs/dashboard/webhooks/event-types)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.delivery.esp.provider import REF_FIELD, text_at
from campaigns.delivery.feedback.event import FeedbackEvent, FeedbackKind, time_of
from campaigns.delivery.feedback.machines import is_machine_event

_KINDS = {
    "email.sent": FeedbackKind.SENT,
    "email.delivered": FeedbackKind.DELIVERED,
    "email.delivery_delayed": FeedbackKind.DEFERRED,
    "email.bounced": FeedbackKind.BOUNCED,
    "email.failed": FeedbackKind.REJECTED,
    "email.suppressed": FeedbackKind.REJECTED,
    "email.complained": FeedbackKind.COMPLAINED,
    "email.opened": FeedbackKind.OPENED,
    "email.clicked": FeedbackKind.CLICKED,
}


def read_events(data: Any, headers: Mapping[str, str], now: datetime) -> list[FeedbackEvent]:
    """One event a call."""
    kind = _KINDS.get(data["type"])
    if kind is None:
        return []
    mail = data["data"]
    bounce_type = text_at(mail, "bounce", "type").lower()
    event = FeedbackEvent(
        kind=kind,
        occurred_at=time_of(data.get("created_at"), now),
        message_ref=_message_ref(mail),
        provider_id=text_at(mail, "email_id"),
        recipient=text_at(mail, "to", 0),
        permanent=bounce_type == "permanent" or data["type"] == "email.suppressed",
        machine=is_machine_event(kind, text_at(mail, "click", "userAgent") or text_at(mail, "open", "userAgent")),
        detail=text_at(mail, "bounce", "message") or text_at(mail, "failed", "reason"),
        url=text_at(mail, "click", "link"),
        event_id=headers.get("svix-id", ""),
        raw=data,
    )
    return [event]


def _message_ref(mail: Any) -> str | None:
    tags = mail.get("tags")
    if isinstance(tags, list):
        tags = {tag.get("name"): tag.get("value") for tag in tags}
    return text_at(tags, REF_FIELD) or None

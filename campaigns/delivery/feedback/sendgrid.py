"""SendGrid's events (https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.delivery.esp.provider import REF_FIELD, text_at
from campaigns.delivery.feedback.event import FeedbackEvent, FeedbackKind, time_of
from campaigns.delivery.feedback.machines import is_machine_event

_KINDS = {
    "processed": FeedbackKind.SENT,
    "delivered": FeedbackKind.DELIVERED,
    "deferred": FeedbackKind.DEFERRED,
    "bounce": FeedbackKind.BOUNCED,
    "dropped": FeedbackKind.REJECTED,
    "spamreport": FeedbackKind.COMPLAINED,
    "open": FeedbackKind.OPENED,
    "click": FeedbackKind.CLICKED,
    "unsubscribe": FeedbackKind.UNSUBSCRIBED,
    "group_unsubscribe": FeedbackKind.UNSUBSCRIBED,
}
_LASTING_DROPS = ("bounced address", "invalid", "spam reporting address", "unsubscribed address")


def read_events(data: Any, headers: Mapping[str, str], now: datetime) -> list[FeedbackEvent]:
    """Many events a call."""
    return [_event(item, _KINDS[item["event"]], now) for item in data if item["event"] in _KINDS]


def _event(item: dict[str, Any], kind: FeedbackKind, now: datetime) -> FeedbackEvent:
    reason = text_at(item, "reason") or text_at(item, "response")
    return FeedbackEvent(
        kind=kind,
        occurred_at=time_of(item.get("timestamp"), now),
        message_ref=text_at(item, REF_FIELD) or None,
        provider_id=text_at(item, "sg_message_id").partition(".")[0],
        recipient=text_at(item, "email"),
        permanent=_is_permanent(item, kind, reason),
        machine=_is_machine(item, kind),
        detail=reason,
        url=text_at(item, "url"),
        event_id=text_at(item, "sg_event_id"),
        raw=item,
    )


def _is_permanent(item: dict[str, Any], kind: FeedbackKind, reason: str) -> bool:
    if kind is FeedbackKind.BOUNCED:  # type "blocked" is a refusal of the moment
        return item.get("type") != "blocked" and not text_at(item, "status").startswith("4")
    return kind is FeedbackKind.REJECTED and reason.lower().startswith(_LASTING_DROPS)


def _is_machine(item: dict[str, Any], kind: FeedbackKind) -> bool:
    if item.get("sg_machine_open") is True:
        return True
    return is_machine_event(kind, text_at(item, "useragent"))

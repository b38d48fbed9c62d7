"""Brevo's events (https://developers.brevo.com/docs/transactional-webhooks)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from campaigns.delivery.esp.brevo import REF_HEADER
from campaigns.delivery.esp.provider import text_at
from campaigns.delivery.feedback.event import FeedbackEvent, FeedbackKind, time_of
from campaigns.delivery.feedback.machines import is_machine_event

_KINDS = {
    "request": FeedbackKind.SENT,
    "delivered": FeedbackKind.DELIVERED,
    "deferred": FeedbackKind.DEFERRED,
    "soft_bounce": FeedbackKind.BOUNCED,
    "hard_bounce": FeedbackKind.BOUNCED,
    "invalid_email": FeedbackKind.BOUNCED,
    "blocked": FeedbackKind.REJECTED,
    "error": FeedbackKind.REJECTED,
    "spam": FeedbackKind.COMPLAINED,
    "opened": FeedbackKind.OPENED,
    "unique_opened": FeedbackKind.OPENED,
    "proxy_open": FeedbackKind.OPENED,
    "unique_proxy_open": FeedbackKind.OPENED,
    "click": FeedbackKind.CLICKED,
    "unsubscribed": FeedbackKind.UNSUBSCRIBED,
    "unsubscribe": FeedbackKind.UNSUBSCRIBED,
}
_PERMANENT = frozenset({"hard_bounce", "invalid_email"})
_PREFETCHED = frozenset({"proxy_open", "unique_proxy_open"})


def read_events(data: Any, headers: Mapping[str, str], now: datetime) -> list[FeedbackEvent]:
    """One event a call, or a list where batching is switched on."""
    items = data if isinstance(data, list) else [data]
    return [_event(item, _KINDS[item["event"]], now) for item in items if item["event"] in _KINDS]


def _event(item: dict[str, Any], kind: FeedbackKind, now: datetime) -> FeedbackEvent:
    return FeedbackEvent(
        kind=kind,
        # `ts` and `date` follow the account's time zone; `ts_epoch` alone is UTC, in milliseconds.
        occurred_at=time_of(item.get("ts_epoch") or item.get("ts_event"), now),
        message_ref=text_at(item, REF_HEADER) or None,
        provider_id=text_at(item, "message-id"),
        recipient=text_at(item, "email"),
        permanent=item["event"] in _PERMANENT,
        machine=_is_machine(item, kind),
        detail=text_at(item, "reason"),
        url=text_at(item, "link"),
        raw=item,
    )


def _is_machine(item: dict[str, Any], kind: FeedbackKind) -> bool:
    if item["event"] in _PREFETCHED:
        return True
    return is_machine_event(kind, text_at(item, "user_agent"))

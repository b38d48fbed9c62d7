"""SparkPost's events (https://developers.sparkpost.com/api/webhooks/)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from campaigns.delivery.esp.provider import REF_FIELD, text_at
from campaigns.delivery.feedback.event import FeedbackEvent, FeedbackKind, time_of
from campaigns.delivery.feedback.machines import is_machine_event

_KINDS = {
    "injection": FeedbackKind.SENT,
    "delivery": FeedbackKind.DELIVERED,
    "delay": FeedbackKind.DEFERRED,
    "bounce": FeedbackKind.BOUNCED,
    "out_of_band": FeedbackKind.BOUNCED,
    "policy_rejection": FeedbackKind.REJECTED,
    "generation_failure": FeedbackKind.REJECTED,
    "generation_rejection": FeedbackKind.REJECTED,
    "spam_complaint": FeedbackKind.COMPLAINED,
    "open": FeedbackKind.OPENED,
    "initial_open": FeedbackKind.OPENED,
    "click": FeedbackKind.CLICKED,
    "list_unsubscribe": FeedbackKind.UNSUBSCRIBED,
    "link_unsubscribe": FeedbackKind.UNSUBSCRIBED,
}
# https://support.sparkpost.com/docs/deliverability/bounce-classification-codes
_PERMANENT_CLASSES = frozenset({"10", "30"})
_AUTOMATIC_REPLIES = frozenset({"60", "80", "100"})
_UNSUBSCRIBE = "90"


def read_events(data: Any, headers: Mapping[str, str], now: datetime) -> list[FeedbackEvent]:
    """Many events a call."""
    return [event for item in _unwrapped(data) if (event := _event(item, now)) is not None]


def _unwrapped(data: Any) -> Iterator[dict[str, Any]]:
    for envelope in data:
        yield from envelope["msys"].values()  # empty in the call that tries a new webhook


def _event(item: dict[str, Any], now: datetime) -> FeedbackEvent | None:
    kind, bounce_class = _KINDS.get(item["type"]), str(item.get("bounce_class", ""))
    if kind is None or bounce_class in _AUTOMATIC_REPLIES:
        return None
    return FeedbackEvent(
        kind=FeedbackKind.UNSUBSCRIBED if bounce_class == _UNSUBSCRIBE else kind,
        occurred_at=time_of(item.get("timestamp"), now),
        message_ref=text_at(item, "rcpt_meta", REF_FIELD) or None,
        provider_id=text_at(item, "transmission_id"),
        recipient=text_at(item, "raw_rcpt_to") or text_at(item, "rcpt_to"),
        permanent=bounce_class in _PERMANENT_CLASSES,
        machine=_is_machine(item, kind),
        detail=text_at(item, "raw_reason") or text_at(item, "reason"),
        url=text_at(item, "target_link_url"),
        event_id=text_at(item, "event_id"),
        raw=item,
    )


def _is_machine(item: dict[str, Any], kind: FeedbackKind) -> bool:
    parsed = item.get("user_agent_parsed")
    if isinstance(parsed, dict) and parsed.get("is_prefetched") is True:
        return True
    return is_machine_event(kind, text_at(item, "user_agent"))

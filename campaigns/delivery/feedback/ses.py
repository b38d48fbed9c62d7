"""Amazon SES events through SNS (https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html).

The subscription's URL carries a name and password; the confirmation of a new subscription is left to a person, who
opens the address that `confirmation_url` finds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from campaigns.delivery.esp.provider import REF_FIELD, text_at
from campaigns.delivery.feedback.event import FeedbackEvent, FeedbackKind, time_of
from campaigns.delivery.feedback.machines import is_machine_event
from campaigns.delivery.mime import MESSAGE_HEADER

_KINDS = {
    "Send": FeedbackKind.SENT,
    "Delivery": FeedbackKind.DELIVERED,
    "DeliveryDelay": FeedbackKind.DEFERRED,
    "Bounce": FeedbackKind.BOUNCED,
    "Reject": FeedbackKind.REJECTED,
    "Rendering Failure": FeedbackKind.REJECTED,
    "Complaint": FeedbackKind.COMPLAINED,
    "Open": FeedbackKind.OPENED,
    "Click": FeedbackKind.CLICKED,
    "Subscription": FeedbackKind.UNSUBSCRIBED,
}
_DETAILS = {"Bounce": "bounce", "Complaint": "complaint", "Delivery": "delivery", "DeliveryDelay": "deliveryDelay"}
_SNS_HOST = re.compile(r"sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")


def read_events(data: Any, headers: Mapping[str, str], now: datetime) -> list[FeedbackEvent]:
    """The event of one SNS notification, or of one delivered raw; a bounce of several recipients is several events."""
    if "Type" in data and "TopicArn" in data:
        if data["Type"] != "Notification":
            return []
        data = orjson.loads(data["Message"])
    name = data.get("eventType") or data.get("notificationType")
    kind = _KINDS.get(name)
    return [] if kind is None else _events(data, name, kind, now)


def confirmation_url(body: bytes) -> str | None:
    """Where a new SNS subscription is confirmed; None for any other call, or an address that is not Amazon's."""
    data = orjson.loads(body)
    url = text_at(data, "SubscribeURL") if text_at(data, "Type") == "SubscriptionConfirmation" else ""
    parts = urlsplit(url)
    return url if parts.scheme == "https" and _SNS_HOST.fullmatch(parts.hostname or "") else None


def _events(data: dict[str, Any], name: str, kind: FeedbackKind, now: datetime) -> list[FeedbackEvent]:
    mail, facts = data["mail"], data.get(_DETAILS.get(name, name.lower())) or {}
    troubled = facts.get("bouncedRecipients") or facts.get("complainedRecipients") or facts.get("delayedRecipients")
    recipients = troubled or [{"emailAddress": address} for address in mail.get("destination", [""])]
    return [
        FeedbackEvent(
            kind=kind,
            occurred_at=time_of(facts.get("timestamp") or mail.get("timestamp"), now),
            message_ref=_message_ref(mail),
            provider_id=text_at(mail, "messageId"),
            recipient=text_at(recipient, "emailAddress"),
            permanent=facts.get("bounceType") == "Permanent",
            machine=is_machine_event(kind, text_at(facts, "userAgent")),
            detail=text_at(recipient, "diagnosticCode") or text_at(facts, "reason"),
            url=text_at(facts, "link"),
            event_id=text_at(facts, "feedbackId"),
            raw=data,
        )
        for recipient in recipients
    ]


def _message_ref(mail: dict[str, Any]) -> str | None:
    if tagged := text_at(mail, "tags", REF_FIELD, 0):
        return tagged
    headers = mail.get("headers") or []
    return next((text_at(item, "value") for item in headers if text_at(item, "name") == MESSAGE_HEADER), None)

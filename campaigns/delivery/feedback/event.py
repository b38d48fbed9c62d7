"""One thing that happened to a mail after it was handed over, in one vocabulary for all providers.

The words are those of django-anymail's normalized events, which most senders of mail already know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from campaigns.domain.errors import InvalidInput


class FeedbackKind(StrEnum):
    """What happened. `rejected`: the provider did not even try (its own suppression list, a policy)."""

    SENT = "sent"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    BOUNCED = "bounced"
    REJECTED = "rejected"
    COMPLAINED = "complained"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, slots=True)
class FeedbackEvent:
    """One event. It names its mail by `message_ref`, or by `provider_id` where the provider returns only that.

    `permanent` says that the address will never work (suppress it); it is meant for `bounced` and `rejected`. `machine`
    marks opens and clicks of scanners and prefetching mail clients, which no rate may count. `event_id` is the same
    when a provider reports the same event again, where it has one.
    """

    kind: FeedbackKind
    occurred_at: datetime
    message_ref: str | None = None
    provider_id: str = ""
    recipient: str = ""
    permanent: bool = False
    machine: bool = False
    detail: str = ""
    url: str = ""
    event_id: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, compare=False)


class UnverifiedFeedback(InvalidInput):
    """A call whose signature or secret is missing or wrong: answer 401 and believe nothing in it."""


class MalformedFeedback(InvalidInput):
    """A verified call that cannot be read."""


def time_of(value: object, otherwise: datetime) -> datetime:
    """A provider's time - epoch seconds, epoch milliseconds or ISO 8601 - in UTC; `otherwise` when it is none."""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            moment = datetime.fromisoformat(value.strip().replace(" UTC", "+00:00"))
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = float(value)  # type: ignore[arg-type]
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return otherwise

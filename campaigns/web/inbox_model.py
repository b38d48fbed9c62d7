"""What the inbox page shows, and where it asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class WhyProduct:
    """A product of a slate: from which `rung` of the ladder and by which `source` it came, and the reason in words."""

    product_id: str
    title: str
    rung: str
    source: str
    reason: str = ""
    score: float | None = None
    image_url: str = ""


@dataclass(frozen=True, slots=True)
class WhySlate:
    """What filled one slot of the mail, best first."""

    slot: str
    title: str
    items: Sequence[WhyProduct] = ()


@dataclass(frozen=True, slots=True)
class WhyMoment:
    """Something that led to the mail: an event, a timer armed or put off, a gate passed."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Why:
    """Why this mail went out: the decision (`decision` "send", `reason` its code) in a sentence, the facts it was made
    on as pairs of name and value, what happened before, and the slates."""

    decision: str
    reason: str
    sentence: str = ""
    facts: Sequence[tuple[str, str]] = ()
    timeline: Sequence[WhyMoment] = ()
    slates: Sequence[WhySlate] = ()


@dataclass(frozen=True, slots=True)
class InboxSummary:
    """A line of the list. `sender` and `recipient` are as a mail client shows them: a name, an address, or both as
    `Name <local@domain>`; `sent_at` is aware."""

    message_ref: str
    campaign_id: str
    campaign_name: str
    subject: str
    preheader: str
    sender: str
    recipient: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class InboxMessage(InboxSummary):
    """One mail as it went out; `why` is None where nothing is known about the decision."""

    html: str = ""
    text: str = ""
    headers: Sequence[tuple[str, str]] = ()
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class InboxCampaign:
    """A campaign to filter by, with how many mails the inbox holds of it."""

    campaign_id: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class InboxQuery:
    """Which part of the inbox: `search` finds parts of subject, preheader, sender, recipient or campaign name in any
    case; an empty `campaign_id` means every campaign."""

    search: str = ""
    campaign_id: str = ""
    offset: int = 0
    limit: int = PAGE_SIZE


@dataclass(frozen=True, slots=True)
class InboxPage:
    """One page of the list, newest first; `total` counts everything the query finds."""

    summaries: Sequence[InboxSummary]
    total: int


@dataclass(frozen=True, slots=True)
class InboxAlarm:
    """Something that needs a person: what is, and what to do."""

    line: str
    fix: str
    is_urgent: bool = True


class InboxSource(Protocol):
    """Where the mails are: the outbox in the database, or a Maildir. May block; called from several threads."""

    def list_messages(self, query: InboxQuery) -> InboxPage: ...

    def find_message(self, message_ref: str) -> InboxMessage | None: ...

    def list_campaigns(self) -> Sequence[InboxCampaign]: ...

    def list_alarms(self) -> Sequence[InboxAlarm]: ...


@dataclass(frozen=True, slots=True)
class MessageList:
    """An inbox source over mails at hand: what a Maildir holds, or what a replay has just made."""

    messages: Sequence[InboxMessage] = field(default=())
    alarms: Sequence[InboxAlarm] = field(default=())

    def list_alarms(self) -> Sequence[InboxAlarm]:
        return self.alarms

    def list_messages(self, query: InboxQuery) -> InboxPage:
        wanted = query.search.strip().casefold()
        found = [
            message
            for message in sorted(self.messages, key=lambda message: message.sent_at, reverse=True)
            if query.campaign_id in ("", message.campaign_id) and wanted in _searched(message)
        ]
        return InboxPage(found[query.offset : query.offset + query.limit], len(found))

    def find_message(self, message_ref: str) -> InboxMessage | None:
        return next((message for message in self.messages if message.message_ref == message_ref), None)

    def list_campaigns(self) -> Sequence[InboxCampaign]:
        names = {message.campaign_id: message.campaign_name for message in self.messages}
        counts = dict.fromkeys(names, 0)
        for message in self.messages:
            counts[message.campaign_id] += 1
        return [InboxCampaign(campaign_id, names[campaign_id], counts[campaign_id]) for campaign_id in sorted(names)]


def _searched(message: InboxSummary) -> str:
    parts = (message.subject, message.preheader, message.sender, message.recipient, message.campaign_name)
    return "\n".join(parts).casefold()

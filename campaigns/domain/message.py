"""Messages: what is rendered, what is handed over, and what the other side answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MessageStatus(StrEnum):
    """The life of a message: queued -> sending -> sent | uncertain | failed -> delivered | bounced | complained."""

    QUEUED = "queued"
    SENDING = "sending"
    UNCERTAIN = "uncertain"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"  # the last check before hand-over said no


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    """One rendered email. `preheader` is the inbox preview line, already hidden inside `html` as well."""

    subject: str
    preheader: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: `name` may be any text, `address` is local@domain."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class OutboundMail:
    """A rendered email with all a mailer needs. `message_ref` is stable over retries: the Message-ID and
    the provider's idempotency key derive from it."""

    message_ref: str
    sender: Address
    recipient: Address
    email: RenderedEmail
    campaign_id: str
    shop_id: str
    reply_to: Address | None = None
    unsubscribe_url: str = ""
    unsubscribe_mailto: str = ""
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side took responsibility for the mail."""

    provider_id: str = ""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The other side refused it. A permanent refusal is never tried again; a temporary one is."""

    permanent: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Nobody knows: the connection broke after the mail was handed over. Never retried blindly."""

    detail: str


Outcome = Accepted | Rejected | Uncertain

"""What every provider file supplies: a call for some mails, and the meaning of the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from hashlib import sha256
from typing import Any, Protocol

import orjson

from campaigns.delivery.headers import UnsafeMail, address_spec, mailbox, safe_value, token
from campaigns.delivery.mime import MESSAGE_HEADER, list_headers, message_id, subject_of, tracing_headers
from campaigns.domain.message import Accepted, Address, OutboundMail, Outcome, Uncertain

REF_FIELD = "rekindle_message"


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One POST. `url` is complete; `body` is sent as it stands, so a repeat is the same byte by byte."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A provider's HTTP answer. `data` is its JSON, or None for anything else."""

    status: int
    headers: Mapping[str, str]
    text: str
    data: Any = field(default=None)


class Blame(Enum):
    """Whom a refused call faults: the mail itself (never again), or the account, the settings or the hour (later)."""

    MAIL = auto()
    LATER = auto()
    ALREADY_SENT = auto()  # the same call was accepted before


class Provider(Protocol):
    """One email service. It is given a base address and its credentials, and knows neither network nor clock."""

    @property
    def name(self) -> str: ...

    @property
    def base(self) -> str:
        """The address of its API, without a path."""
        ...

    @property
    def secret(self) -> str:
        """What must never be shown."""
        ...

    @property
    def batch_limit(self) -> int:
        """How many mails one call takes."""
        ...

    @property
    def repeat_safe(self) -> bool:
        """Whether the same call again delivers nothing twice (the call carries an idempotency key)."""
        ...

    def call(self, mails: Sequence[OutboundMail], now: datetime) -> ApiCall:
        """The call for these mails. Raises UnsafeMail where one of them must not leave."""
        ...

    def outcomes(self, mails: Sequence[OutboundMail], answer: Answer) -> list[Outcome]:
        """What a 2xx answer means for each mail."""
        ...

    def blame(self, answer: Answer) -> Blame:
        """Whom an answer of 400, 409, 413 or 422 faults."""
        ...


@dataclass(frozen=True, slots=True)
class MailParts:
    """A checked mail in the pieces that JSON APIs ask for. Addresses are in their wire form, header values unfolded."""

    sender: str
    recipient: str
    reply_to: str | None
    from_line: str
    to_line: str
    reply_to_line: str | None
    subject: str
    html: str
    text: str
    headers: dict[str, str]
    message_id: str


def mail_parts(mail: OutboundMail) -> MailParts:
    """Takes a mail apart. Raises UnsafeMail as `compose` does."""
    reply_to = mail.reply_to
    return MailParts(
        sender=address_spec(mail.sender.address),
        recipient=address_spec(mail.recipient.address),
        reply_to=address_spec(reply_to.address) if reply_to else None,
        from_line=_line("From", mail.sender),
        to_line=_line("To", mail.recipient),
        reply_to_line=_line("Reply-To", reply_to) if reply_to else None,
        subject=_sound(safe_value("Subject", subject_of(mail))),
        html=_sound(mail.email.html),
        text=_sound(mail.email.text),
        headers=_headers(mail),
        message_id=message_id(mail),
    )


def mailbox_object(address: Address) -> dict[str, str]:
    """`{"email": ..., "name": ...}`, the name left out where there is none."""
    parts = {"email": address_spec(address.address)}
    name = " ".join(_sound(safe_value("name", address.name)).split())
    return {**parts, "name": name} if name else parts


def ref_is_plain(mail: OutboundMail) -> bool:
    """Whether the message_ref may stand in a provider's tag, which takes letters, digits, `_` and `-` only."""
    return token(mail.message_ref) == mail.message_ref


def batch_key(mails: Sequence[OutboundMail]) -> str:
    """An idempotency key (64 hexadecimal digits) for exactly these messages."""
    identities = "\n".join(message_id(mail) for mail in mails)
    return sha256(identities.encode("utf-8", "replace")).hexdigest()


def json_body(value: Any) -> bytes:
    """`value` as JSON; the same value always gives the same bytes."""
    return orjson.dumps(value)


def text_at(data: Any, *path: str | int) -> str:
    """The text at `path` inside parsed JSON, or an empty one: providers leave fields out."""
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return ""
    return data if isinstance(data, str) else ""


def accepted_each(ids: Sequence[str], mails: Sequence[OutboundMail]) -> list[Outcome]:
    """Accepted for every mail, with its id where the provider named as many as there are mails."""
    matching = ids if len(ids) == len(mails) else [""] * len(mails)
    return [Accepted(provider_id=provider_id) for provider_id in matching]


def unclear_each(mails: Sequence[OutboundMail], detail: str) -> list[Outcome]:
    """Uncertain for every mail."""
    return [Uncertain(detail)] * len(mails)


def _line(name: str, address: Address) -> str:
    return mailbox(name, address).replace("\r\n", "")


def _headers(mail: OutboundMail) -> dict[str, str]:
    headers = dict([*list_headers(mail), *tracing_headers(mail)])
    if not mail.message_ref.isascii():
        del headers[MESSAGE_HEADER]
    for name, value in headers.items():
        safe_value(name, value)
    return headers


def _sound(text: str) -> str:
    return text if _is_sound(text) else text.encode("utf-8", "replace").decode()


def _is_sound(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


__all__ = [
    "REF_FIELD",
    "Answer",
    "ApiCall",
    "Blame",
    "MailParts",
    "Provider",
    "UnsafeMail",
    "accepted_each",
    "batch_key",
    "json_body",
    "mail_parts",
    "mailbox_object",
    "ref_is_plain",
    "text_at",
    "unclear_each",
]

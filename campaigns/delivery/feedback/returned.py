"""Mail that comes back: bounces (RFC 3464 delivery status notifications, and the free-text ones of old servers) and
complaints (RFC 5965 abuse reports, as feedback loops send them)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime

from campaigns.delivery.feedback.event import FeedbackEvent, FeedbackKind, time_of
from campaigns.delivery.feedback.status import STATUS, says_dead_address
from campaigns.delivery.mime import MESSAGE_HEADER, find_message_ref

_OUR_MESSAGE_ID = re.compile(r"<(rekindle(?:64)?\.[^\s<>@]+@[^\s<>@]+)>")
_QMAIL_RECIPIENT = re.compile(r"^<([^\s<>@]+@[^\s<>@]+)>:", re.MULTILINE)
_REPLY_CODE = re.compile(r"\b([45])\d\d[ -]")
_BOUNCE_SENDERS = ("mailer-daemon", "postmaster", "mail-daemon", "")
_ACTIONS = {
    "failed": FeedbackKind.BOUNCED,
    "delayed": FeedbackKind.DEFERRED,
    "delivered": FeedbackKind.DELIVERED,
    "relayed": FeedbackKind.DELIVERED,
    "expanded": FeedbackKind.DELIVERED,
}
_REPORTS = {
    "unsubscribe": FeedbackKind.UNSUBSCRIBED,
    "opt-out": FeedbackKind.UNSUBSCRIBED,
    "opt-out-list": FeedbackKind.UNSUBSCRIBED,
    "not-spam": None,
    "auth-failure": None,
    "dmarc": None,
}


def read_returned_mail(content: bytes, now: datetime) -> list[FeedbackEvent]:
    """What a mail in the bounce or complaint mailbox reports about ours, an event per recipient.

    Empty for anything else: out-of-office replies, people's answers, reports on other mail. `now` stands in where the
    report carries no date of its own.
    """
    mail = message_from_bytes(content)  # not the modern policy: it falls over malformed addresses
    at = _date(mail, now)
    if report := _find(mail, "message/feedback-report"):
        return _complaints(mail, _fields(report)[0], at)
    if status := _find(mail, "message/delivery-status") or _find(mail, "message/global-delivery-status"):
        return _bounces(mail, _fields(status), at)
    return _old_style(mail, content.decode("utf-8", "replace"), at)


def _bounces(mail: Message, blocks: list[Message], at: datetime) -> list[FeedbackEvent]:
    ref, events = _reported_ref(mail), []
    for block in blocks:
        kind = _ACTIONS.get(_value(block, "action").lower())
        if kind is None or ref is None:
            continue  # the first block is about the report itself
        status, diagnostic = _value(block, "status"), _untyped(_value(block, "diagnostic-code"))
        events.append(
            FeedbackEvent(
                kind=kind,
                occurred_at=at,
                message_ref=ref,
                recipient=_untyped(_value(block, "original-recipient") or _value(block, "final-recipient")),
                permanent=kind is FeedbackKind.BOUNCED and _is_dead(status, diagnostic),
                detail=f"{status} {diagnostic}".strip(),
                raw={"report": {name: str(value) for name, value in block.items()}},
            )
        )
    return events


def _complaints(mail: Message, report: Message, at: datetime) -> list[FeedbackEvent]:
    ref = _reported_ref(mail)
    kind = _REPORTS.get(_value(report, "feedback-type").lower(), FeedbackKind.COMPLAINED)
    if ref is None or kind is None:
        return []
    event = FeedbackEvent(
        kind=kind,
        occurred_at=at,
        message_ref=ref,
        recipient=parseaddr(_value(report, "original-rcpt-to"))[1],
        detail=_value(report, "feedback-type"),
        raw={"report": {name: str(value) for name, value in report.items()}},
    )
    return [event]


def _old_style(mail: Message, text: str, at: datetime) -> list[FeedbackEvent]:
    sender = parseaddr(str(mail["from"] or ""))[1].partition("@")[0].lower()
    if sender not in _BOUNCE_SENDERS or "auto-replied" in str(mail["auto-submitted"] or "").lower():
        return []
    ref, status, code = _ref_in(text), STATUS.search(text), _REPLY_CODE.search(text)
    if ref is None:
        return []
    first = status.group(1) if status else code.group(1) if code else "5"
    event = FeedbackEvent(
        kind=FeedbackKind.DEFERRED if first == "4" else FeedbackKind.BOUNCED,
        occurred_at=at,
        message_ref=ref,
        recipient=_failed_recipient(mail, text),
        permanent=status is not None and says_dead_address(status.group()),
        detail=_line_with(text, status) if status else _value(mail, "subject"),
    )
    return [event]


def _failed_recipient(mail: Message, text: str) -> str:
    named = _value(mail, "x-failed-recipients")  # Exim and Gmail
    found = _QMAIL_RECIPIENT.search(text)
    return named or (found.group(1) if found else "")


def _line_with(text: str, found: re.Match[str]) -> str:
    start = text.rfind("\n", 0, found.start()) + 1
    return " ".join(text[start : start + 200].splitlines()[0].split())


def _is_dead(status: str, diagnostic: str) -> bool:
    # 5.0.0 says nothing: the server's own words may.
    return says_dead_address(diagnostic if status in ("", "5.0.0") else status)


def _reported_ref(mail: Message) -> str | None:
    for part in mail.walk():
        if part is mail:
            continue
        if found := find_message_ref(_value(part, "message-id")) or _decoded(_value(part, MESSAGE_HEADER)):
            return found
        if part.get_content_type() in ("text/rfc822-headers", "text/plain") and (quoted := _ref_in(_text(part))):
            return quoted
    return None


def _ref_in(text: str) -> str | None:
    found = _OUR_MESSAGE_ID.search(text)
    return find_message_ref(found.group(1)) if found else None


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(part.get_payload())


def _find(mail: Message, kind: str) -> Message | None:
    return next((part for part in mail.walk() if part.get_content_type() == kind), None)


def _fields(part: Message) -> list[Message]:
    payload = part.get_payload()
    blocks = [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []
    return blocks or list(_parsed_fields(_text(part)))


def _parsed_fields(text: str) -> Iterator[Message]:
    for block in re.split(r"\r?\n[ \t]*\r?\n", text.strip()) or [""]:
        yield message_from_bytes(block.strip().encode("utf-8", "replace") + b"\r\n\r\n")


def _value(part: Message, name: str) -> str:
    return " ".join(str(part[name] or "").split())


def _decoded(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def _untyped(value: str) -> str:
    kind, separator, rest = value.partition(";")
    return rest.strip() if separator and kind.strip().replace("-", "").isalnum() else value


def _date(mail: Message, now: datetime) -> datetime:
    try:
        return min(time_of(parsedate_to_datetime(str(mail["date"])).isoformat(), now), now)
    except ValueError:
        return now

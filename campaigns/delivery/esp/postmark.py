"""Postmark (https://postmarkapp.com/developer/api/email-api): batches with an answer per mail, no idempotency keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.delivery.esp.provider import (
    REF_FIELD,
    Answer,
    ApiCall,
    Blame,
    json_body,
    mail_parts,
    text_at,
    unclear_each,
)
from campaigns.domain.message import Accepted, OutboundMail, Outcome, Rejected

# https://postmarkapp.com/developer/api/overview#error-codes: 300 faults the mail, 406 a suppressed recipient;
# 10, 100, 400, 401, 405, 412 and 413 the token, a maintenance, the sender, the credits or a pending account.
_MAIL_CODES = frozenset({300, 406})


@dataclass(frozen=True, slots=True)
class Postmark:
    """`stream` is the message stream; Postmark wants marketing mail in a broadcast stream."""

    secret: str = field(repr=False)
    stream: str = "broadcast"
    base: str = "https://api.postmarkapp.com"
    name: str = "postmark"
    batch_limit: int = 100
    repeat_safe: bool = False

    def call(self, mails: Sequence[OutboundMail], now: datetime) -> ApiCall:
        headers = {
            "X-Postmark-Server-Token": self.secret,
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        return ApiCall(f"{self.base}/email/batch", headers, json_body([self._message(mail) for mail in mails]))

    def outcomes(self, mails: Sequence[OutboundMail], answer: Answer) -> list[Outcome]:
        if not isinstance(answer.data, list) or len(answer.data) != len(mails):
            return unclear_each(mails, f"postmark: an answer without a result per mail ({answer.text[:100]})")
        return [_outcome(item) for item in answer.data]

    def blame(self, answer: Answer) -> Blame:
        return Blame.MAIL if _code(answer.data) in _MAIL_CODES or answer.status == 413 else Blame.LATER

    def _message(self, mail: OutboundMail) -> dict[str, Any]:
        parts = mail_parts(mail)
        headers = {**parts.headers, "Message-ID": parts.message_id, "X-PM-KeepID": "true"}
        message: dict[str, Any] = {
            "From": parts.from_line,
            "To": parts.to_line,
            "Subject": parts.subject,
            "HtmlBody": parts.html,
            "TextBody": parts.text,
            "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
            "Metadata": {REF_FIELD: mail.message_ref[:80]},
            "Tag": mail.campaign_id,
            "TrackOpens": False,
            "TrackLinks": "None",
            "MessageStream": self.stream,
        }
        return {**message, "ReplyTo": parts.reply_to_line} if parts.reply_to_line else message


def _outcome(item: object) -> Outcome:
    code = _code(item)
    if code == 0:
        return Accepted(provider_id=text_at(item, "MessageID"))
    return Rejected(permanent=code in _MAIL_CODES, detail=f"postmark: {code} {text_at(item, 'Message')}")


def _code(data: object) -> int:
    code = data.get("ErrorCode") if isinstance(data, dict) else None
    return code if isinstance(code, int) else -1

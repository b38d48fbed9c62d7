"""Resend (https://resend.com/docs/api-reference/emails/send-batch-emails): 100 mails a call.

Its idempotency keys last 24 hours.
"""

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
    accepted_each,
    batch_key,
    json_body,
    mail_parts,
    ref_is_plain,
    text_at,
)
from campaigns.domain.message import OutboundMail, Outcome


@dataclass(frozen=True, slots=True)
class Resend:
    """Batches are strict: one faulty mail refuses the whole call, which is then split."""

    secret: str = field(repr=False)
    base: str = "https://api.resend.com"
    name: str = "resend"
    batch_limit: int = 100
    repeat_safe: bool = True

    def call(self, mails: Sequence[OutboundMail], now: datetime) -> ApiCall:
        headers = {
            "Authorization": f"Bearer {self.secret}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"rekindle-{batch_key(mails)}",
        }
        return ApiCall(f"{self.base}/emails/batch", headers, json_body([_email(mail) for mail in mails]))

    def outcomes(self, mails: Sequence[OutboundMail], answer: Answer) -> list[Outcome]:
        data = answer.data.get("data") if isinstance(answer.data, dict) else None
        return accepted_each([text_at(item, "id") for item in data] if isinstance(data, list) else [], mails)

    def blame(self, answer: Answer) -> Blame:
        name = text_at(answer.data, "name")
        if name == "invalid_idempotent_request":
            return Blame.ALREADY_SENT  # these very messages were taken before, rendered a little differently
        if answer.status == 409 or name in ("daily_quota_exceeded", "monthly_quota_exceeded"):
            return Blame.LATER
        return Blame.MAIL


def _email(mail: OutboundMail) -> dict[str, Any]:
    parts = mail_parts(mail)
    email: dict[str, Any] = {
        "from": parts.from_line,
        "to": [parts.to_line],
        "subject": parts.subject,
        "html": parts.html,
        "text": parts.text,
        "headers": parts.headers,
    }
    if parts.reply_to_line:
        email["reply_to"] = parts.reply_to_line
    if ref_is_plain(mail):
        email["tags"] = [{"name": REF_FIELD, "value": mail.message_ref}]
    return email

"""Brevo (https://developers.brevo.com/reference/sendtransacemail): up to 1,000 versions a call.

Its idempotency keys last 30 minutes: long enough to repeat a call at once, too short to trust later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from campaigns.delivery.esp.provider import (
    Answer,
    ApiCall,
    Blame,
    accepted_each,
    batch_key,
    json_body,
    mail_parts,
    mailbox_object,
    text_at,
)
from campaigns.domain.message import OutboundMail, Outcome

REF_HEADER = "X-Mailin-custom"


@dataclass(frozen=True, slots=True)
class Brevo:
    """One call carries mails of one sender, each with body, headers and recipient of its own."""

    secret: str = field(repr=False)
    base: str = "https://api.brevo.com"
    name: str = "brevo"
    batch_limit: int = 100
    repeat_safe: bool = True

    def call(self, mails: Sequence[OutboundMail], now: datetime) -> ApiCall:
        headers = {"api-key": self.secret, "Content-Type": "application/json", "Accept": "application/json"}
        versions = [_version(mail) for mail in mails]
        body = {
            "sender": mailbox_object(mails[0].sender),
            "subject": versions[0]["subject"],
            "htmlContent": versions[0]["htmlContent"],
            "headers": {"idempotencyKey": str(UUID(batch_key(mails)[:32]))},
            "messageVersions": versions,
        }
        return ApiCall(f"{self.base}/v3/smtp/email", headers, json_body(body))

    def outcomes(self, mails: Sequence[OutboundMail], answer: Answer) -> list[Outcome]:
        data = answer.data if isinstance(answer.data, dict) else {}
        ids = data.get("messageIds") or [data.get("messageId")]
        return accepted_each([item if isinstance(item, str) else "" for item in ids], mails)

    def blame(self, answer: Answer) -> Blame:
        code = text_at(answer.data, "code")
        if "duplicate" in code:
            return Blame.ALREADY_SENT
        return Blame.LATER if code in ("unauthorized", "not_enough_credits", "permission_denied") else Blame.MAIL


def _literal(html: str) -> str:
    # Its template language would read {{ }} and {% %} in a rendered mail as its own.
    return html.replace("{{", "{&#123;").replace("{%", "{&#37;")


def _version(mail: OutboundMail) -> dict[str, Any]:
    parts = mail_parts(mail)
    version: dict[str, Any] = {
        "to": [mailbox_object(mail.recipient)],
        "subject": parts.subject,
        "htmlContent": _literal(parts.html) or f"<pre>{parts.text}</pre>",
        "textContent": parts.text,
        "headers": {**parts.headers, REF_HEADER: mail.message_ref},
    }
    return {**version, "replyTo": mailbox_object(mail.reply_to)} if mail.reply_to else version

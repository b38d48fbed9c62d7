"""SendGrid (https://www.twilio.com/docs/sendgrid/api-reference/mail-send):
one rendered mail a call, no idempotency keys.
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
    json_body,
    mail_parts,
    mailbox_object,
)
from campaigns.domain.message import Accepted, OutboundMail, Outcome


@dataclass(frozen=True, slots=True)
class SendGrid:
    """Personalizations share one body, so a rendered mail needs a call of its own. Its own tracking is switched off."""

    secret: str = field(repr=False)
    base: str = "https://api.sendgrid.com"
    name: str = "sendgrid"
    batch_limit: int = 1
    repeat_safe: bool = False

    def call(self, mails: Sequence[OutboundMail], now: datetime) -> ApiCall:
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        return ApiCall(f"{self.base}/v3/mail/send", headers, json_body(_mail(mails[0])))

    def outcomes(self, mails: Sequence[OutboundMail], answer: Answer) -> list[Outcome]:
        return [Accepted(provider_id=answer.headers.get("x-message-id", ""))]

    def blame(self, answer: Answer) -> Blame:
        return Blame.MAIL


def _mail(mail: OutboundMail) -> dict[str, Any]:
    parts = mail_parts(mail)
    bodies = [("text/plain", parts.text), ("text/html", parts.html)]
    payload: dict[str, Any] = {
        "personalizations": [{"to": [mailbox_object(mail.recipient)]}],
        "from": mailbox_object(mail.sender),
        "subject": parts.subject,
        "content": [{"type": kind, "value": body} for kind, body in bodies if body],
        "headers": {**parts.headers, "Message-ID": parts.message_id},
        "custom_args": {REF_FIELD: mail.message_ref},
        "categories": [mail.campaign_id],
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
    }
    if mail.reply_to is not None:
        payload["reply_to"] = mailbox_object(mail.reply_to)
    return payload

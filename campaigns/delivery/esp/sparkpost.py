"""SparkPost (https://developers.sparkpost.com/api/transmissions/): one rendered mail a transmission.

Its calls are not treated as safe to repeat: a header for idempotency could not be confirmed from its public reference.
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
    text_at,
)
from campaigns.domain.message import Accepted, OutboundMail, Outcome


@dataclass(frozen=True, slots=True)
class SparkPost:
    """Marketing mail is declared as such, so that the provider honours its own unsubscribes."""

    secret: str = field(repr=False)
    base: str = "https://api.sparkpost.com"
    name: str = "sparkpost"
    batch_limit: int = 1
    repeat_safe: bool = False

    def call(self, mails: Sequence[OutboundMail], now: datetime) -> ApiCall:
        headers = {"Authorization": self.secret, "Content-Type": "application/json"}
        return ApiCall(f"{self.base}/api/v1/transmissions", headers, json_body(_transmission(mails[0])))

    def outcomes(self, mails: Sequence[OutboundMail], answer: Answer) -> list[Outcome]:
        return [Accepted(provider_id=text_at(answer.data, "results", "id"))]

    def blame(self, answer: Answer) -> Blame:
        # 7001: the sending domain is unconfigured; 1902 with "Unconfigured": the same in older accounts.
        faults_account = text_at(answer.data, "errors", 0, "code") == "7001" or "onfigured" in answer.text
        return Blame.LATER if faults_account else Blame.MAIL


def _transmission(mail: OutboundMail) -> dict[str, Any]:
    parts = mail_parts(mail)
    content: dict[str, Any] = {
        "from": mailbox_object(mail.sender),
        "subject": parts.subject,
        "html": parts.html,
        "text": parts.text,
        "headers": parts.headers,
    }
    if parts.reply_to_line:
        content["reply_to"] = parts.reply_to_line
    return {
        "options": {"open_tracking": False, "click_tracking": False, "transactional": False},
        "campaign_id": mail.campaign_id[:64],
        "recipients": [{"address": mailbox_object(mail.recipient), "metadata": {REF_FIELD: mail.message_ref}}],
        "content": _literal(content),
    }


def _literal(content: dict[str, Any]) -> dict[str, Any]:
    # Its template language would read {{ }} in a rendered mail as substitutions of its own.
    keys = ("subject", "html", "text")
    return {**content, **{key: content[key].replace("{{", "{{opening_double_curly()}}") for key in keys}}

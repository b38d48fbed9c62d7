"""Mailgun (https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages): one mail a call."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlencode

from campaigns.delivery.esp.provider import REF_FIELD, Answer, ApiCall, Blame, mail_parts, text_at
from campaigns.domain.message import Accepted, OutboundMail, Outcome


@dataclass(frozen=True, slots=True)
class Mailgun:
    """`domain` is the sending domain of the account. Mailgun keeps our Message-ID and names it in its events."""

    secret: str = field(repr=False)
    domain: str
    base: str = "https://api.mailgun.net"
    name: str = "mailgun"
    batch_limit: int = 1
    repeat_safe: bool = False

    def call(self, mails: Sequence[OutboundMail], now: datetime) -> ApiCall:
        credentials = b64encode(f"api:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(_form(mails[0])).encode()
        return ApiCall(f"{self.base}/v3/{quote(self.domain)}/messages", headers, body)

    def outcomes(self, mails: Sequence[OutboundMail], answer: Answer) -> list[Outcome]:
        return [Accepted(provider_id=text_at(answer.data, "id"))]

    def blame(self, answer: Answer) -> Blame:
        return Blame.MAIL


def _form(mail: OutboundMail) -> list[tuple[str, str]]:
    parts = mail_parts(mail)
    form = [
        ("from", parts.from_line),
        ("to", parts.to_line),
        ("subject", parts.subject),
        ("html", parts.html),
        ("text", parts.text),
        ("o:tag", mail.campaign_id),
        ("o:tracking", "no"),
        ("h:Message-Id", parts.message_id),
        (f"v:{REF_FIELD}", mail.message_ref),
    ]
    form += [(f"h:{name}", value) for name, value in parts.headers.items()]
    return [*form, ("h:Reply-To", parts.reply_to_line)] if parts.reply_to_line else form

"""Amazon SES v2 (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html):
our own MIME bytes, one mail a call.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.delivery.esp.provider import REF_FIELD, Answer, ApiCall, Blame, json_body, ref_is_plain, text_at
from campaigns.delivery.esp.sigv4 import AwsCredentials, signed_headers
from campaigns.delivery.mime import compose
from campaigns.domain.message import Accepted, OutboundMail, Outcome

_MAIL_FAULTS = ("MessageRejected", "BadRequestException", "InvalidParameter", "ValidationException")


@dataclass(frozen=True, slots=True)
class Ses:
    """SES replaces the Message-ID; its own comes back as the provider's id."""

    credentials: AwsCredentials
    region: str
    base: str
    configuration_set: str = ""
    name: str = field(default="ses", init=False)
    batch_limit: int = field(default=1, init=False)
    repeat_safe: bool = field(default=False, init=False)

    @property
    def secret(self) -> str:
        return self.credentials.secret_key

    def call(self, mails: Sequence[OutboundMail], now: datetime) -> ApiCall:
        url = f"{self.base}/v2/email/outbound-emails"
        body = json_body(self._request(mails[0], now))
        return ApiCall(url, signed_headers(url, body, now, self.credentials, region=self.region, service="ses"), body)

    def outcomes(self, mails: Sequence[OutboundMail], answer: Answer) -> list[Outcome]:
        return [Accepted(provider_id=text_at(answer.data, "MessageId"))]

    def blame(self, answer: Answer) -> Blame:
        kind = answer.headers.get("x-amzn-errortype", "") or text_at(answer.data, "__type")
        unverified = "not verified" in answer.text
        return Blame.MAIL if any(fault in kind for fault in _MAIL_FAULTS) and not unverified else Blame.LATER

    def _request(self, mail: OutboundMail, now: datetime) -> dict[str, Any]:
        composed = compose(mail, now)
        request: dict[str, Any] = {
            "FromEmailAddress": composed.envelope_from,
            "Destination": {"ToAddresses": [composed.envelope_to]},
            "Content": {"Raw": {"Data": b64encode(composed.content).decode("ascii")}},
        }
        if ref_is_plain(mail):
            request["EmailTags"] = [{"Name": REF_FIELD, "Value": mail.message_ref}]
        return {**request, "ConfigurationSetName": self.configuration_set} if self.configuration_set else request

"""Webhook readers by provider name: verify a call, then read its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from campaigns.delivery.feedback import brevo, mailgun, postmark, resend, sendgrid, ses, sparkpost
from campaigns.delivery.feedback.event import FeedbackEvent, MalformedFeedback, UnverifiedFeedback
from campaigns.delivery.feedback.signatures import check_basic_auth, check_mailgun, check_sendgrid, check_svix
from campaigns.domain.errors import WrongUsage

Verify = Callable[[Mapping[str, str], bytes, Any, str, datetime], None]
Read = Callable[[Any, Mapping[str, str], datetime], list[FeedbackEvent]]


def _basic(headers: Mapping[str, str], body: bytes, data: Any, secret: str, now: datetime) -> None:
    check_basic_auth(headers, secret)


def _svix(headers: Mapping[str, str], body: bytes, data: Any, secret: str, now: datetime) -> None:
    check_svix(headers, body, secret, now)


def _sendgrid(headers: Mapping[str, str], body: bytes, data: Any, secret: str, now: datetime) -> None:
    if ":" in secret:
        check_basic_auth(headers, secret)
    else:
        check_sendgrid(headers, body, secret, now)


def _mailgun(headers: Mapping[str, str], body: bytes, data: Any, secret: str, now: datetime) -> None:
    check_mailgun(data.get("signature") if isinstance(data, dict) else None, secret, now)


_READERS: dict[str, tuple[Verify, Read]] = {
    "resend": (_svix, resend.read_events),
    "sendgrid": (_sendgrid, sendgrid.read_events),
    "postmark": (_basic, postmark.read_events),
    "ses": (_basic, ses.read_events),
    "mailgun": (_mailgun, mailgun.read_events),
    "sparkpost": (_basic, sparkpost.read_events),
    "brevo": (_basic, brevo.read_events),
}
WEBHOOK_PROVIDERS = tuple(_READERS)


class WebhookReader:
    """Reads the calls of one provider's webhook.

    `secret` is: Resend's `whsec_...`; SendGrid's public key, or `name:password` of its URL; Mailgun's webhook signing
    key; for the others the `name:password` written into the webhook's URL. Without a secret every call is refused.
    """

    def __init__(self, provider: str, secret: str) -> None:
        self.provider = provider
        self._secret = secret
        self._verify, self._read = _READERS[provider]

    def __repr__(self) -> str:
        return f"WebhookReader({self.provider})"

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> list[FeedbackEvent]:
        """The events of one POST; things that say nothing about a mail are left out.

        Raises UnverifiedFeedback (answer 401) and MalformedFeedback (answer 400).
        """
        if not self._secret:
            raise UnverifiedFeedback("no webhook secret is set", where=self.provider, fix="set the webhook's secret")
        lowered = {name.lower(): value for name, value in headers.items()}
        data = _parsed(body)
        self._verify(lowered, body, data, self._secret, now)
        if data is None:
            raise MalformedFeedback("the call is not JSON", where=self.provider)
        try:
            return self._read(data, lowered, now)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise MalformedFeedback(f"the call has another shape ({error!r})", where=self.provider) from error


def webhook_reader(provider: str, secret: str) -> WebhookReader:
    """The reader for `provider` (one of WEBHOOK_PROVIDERS); raises WrongUsage for any other."""
    if provider not in _READERS:
        raise WrongUsage(f"unknown mail provider {provider!r}", fix=f"known are {', '.join(WEBHOOK_PROVIDERS)}")
    return WebhookReader(provider, secret)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None

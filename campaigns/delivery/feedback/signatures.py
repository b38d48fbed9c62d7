"""Proofs that a call comes from the provider, one function per scheme. All compare in constant time."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from importlib import import_module
from typing import Any

from campaigns.delivery.feedback.event import UnverifiedFeedback, time_of
from campaigns.domain.errors import UnusableEnvironment

TOLERANCE = timedelta(minutes=5)
_LONG_TOLERANCE = timedelta(hours=24)


def check_basic_auth(headers: Mapping[str, str], secret: str) -> None:
    """`secret` is `name:password` as written into the webhook's URL (Postmark, SparkPost, Brevo, Amazon SNS)."""
    expected = "Basic " + b64encode(secret.encode()).decode()
    if not _same(headers.get("authorization", ""), expected):
        raise _wrong("name or password")


def check_svix(headers: Mapping[str, str], body: bytes, secret: str, now: datetime) -> None:
    """Svix, as Resend uses it (https://docs.svix.com/receiving/verifying-payloads/how-manual).

    `secret` is `whsec_...`."""
    identity, moment = headers.get("svix-id", ""), headers.get("svix-timestamp", "")
    _refuse_stale(moment, now, TOLERANCE)
    key = _decoded(secret.removeprefix("whsec_"))
    digest = hmac.new(key, _bytes(f"{identity}.{moment}.") + body, sha256).digest()
    expected = b64encode(digest).decode()
    candidates = [part.partition(",") for part in headers.get("svix-signature", "").split()]
    matches = [_same(value, expected) for version, _, value in candidates if version == "v1"]
    if not any(matches):
        raise _wrong("signature")


def check_mailgun(signature: Any, secret: str, now: datetime) -> None:
    """Mailgun's `signature` object (https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks).

    `secret` is the account's webhook signing key."""
    parts = signature if isinstance(signature, dict) else {}
    moment, token, given = (str(parts.get(name, "")) for name in ("timestamp", "token", "signature"))
    expected = hmac.new(secret.encode(), _bytes(f"{moment}{token}"), sha256).hexdigest()
    if not _same(given, expected):
        raise _wrong("signature")
    _refuse_stale(moment, now, _LONG_TOLERANCE)  # it repeats refused calls for eight hours


def check_sendgrid(headers: Mapping[str, str], body: bytes, public_key: str, now: datetime) -> None:
    """SendGrid's signed event webhook: ECDSA over timestamp and body, with the public key that its settings show."""
    moment = headers.get("x-twilio-email-event-webhook-timestamp", "")
    signature = _decoded(headers.get("x-twilio-email-event-webhook-signature", ""))
    if not _ecdsa_verifies(_decoded(public_key), signature, _bytes(moment) + body):
        raise _wrong("signature")
    _refuse_stale(moment, now, _LONG_TOLERANCE)  # it repeats unanswered calls for a day


def _ecdsa_verifies(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        ec = import_module("cryptography.hazmat.primitives.asymmetric.ec")
        sha = import_module("cryptography.hazmat.primitives.hashes").SHA256()
        load = import_module("cryptography.hazmat.primitives.serialization").load_der_public_key
        invalid = import_module("cryptography.exceptions").InvalidSignature
    except ImportError:
        fix = "run `pip install cryptography`, or give name:password"
        raise UnusableEnvironment("SendGrid's signatures need the package cryptography", fix=fix) from None
    try:
        load(public_key).verify(signature, message, ec.ECDSA(sha))
    except (invalid, ValueError, TypeError, AttributeError):
        return False
    return True


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(_bytes(given), _bytes(expected))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _refuse_stale(moment: str, now: datetime, tolerance: timedelta) -> None:
    at = time_of(moment, datetime.min.replace(tzinfo=now.tzinfo))
    if not moment.isdigit() or abs(now - at) > tolerance:
        raise _wrong("timestamp")


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise _wrong("signature or key") from None


def _wrong(what: str) -> UnverifiedFeedback:
    return UnverifiedFeedback(
        f"the call's {what} is missing or wrong", where="webhook", fix="check the webhook's secret"
    )

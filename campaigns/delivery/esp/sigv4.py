"""AWS Signature Version 4 for one POST (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """An access key; `session_token` belongs to temporary ones only."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


def signed_headers(
    url: str,
    body: bytes,
    now: datetime,
    credentials: AwsCredentials,
    *,
    region: str,
    service: str,
    content_type: str = "application/json",
) -> dict[str, str]:
    """The headers that sign a POST of `body` to `url` (without a query) at `now`."""
    moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"content-type": content_type, "host": urlsplit(url).netloc, "x-amz-date": moment}
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    request = _canonical_request(url, headers, body)
    to_sign = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    signature = _hmac(signing_key(credentials.secret_key, moment[:8], region, service), to_sign).hex()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={';'.join(sorted(headers))}, Signature={signature}"
    )
    return {**headers, "authorization": authorization}


def signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    """The key of one day (YYYYMMDD), region and service."""
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _canonical_request(url: str, headers: dict[str, str], body: bytes) -> str:
    names = sorted(headers)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    path = quote(urlsplit(url).path or "/", safe="/-_.~")
    return f"POST\n{path}\n\n{lines}\n{';'.join(names)}\n{sha256(body).hexdigest()}"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), sha256).digest()

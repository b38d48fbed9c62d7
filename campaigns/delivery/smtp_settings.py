"""Where and how to reach an SMTP server, read from a URL such as `smtp://name:secret@mail.example:587?starttls=1`."""

from __future__ import annotations

import ssl
from base64 import b64encode
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from campaigns.domain.errors import WrongUsage

SMTP_OPTIONS = ("starttls", "ca", "verify", "timeout", "per_connection", "helo")
_YES_NO = {"1": True, "0": False, "true": True, "false": False, "yes": True, "no": False}


class Encryption(StrEnum):
    """How the connection is protected. `if_offered` still refuses to log in without TLS, except on this machine."""

    SMTPS = "smtps"
    STARTTLS = "starttls"
    IF_OFFERED = "if_offered"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """An SMTP server. `timeout`: seconds per network step; `per_connection`: mails until it is renewed."""

    host: str
    port: int = 25
    username: str = ""
    password: str = field(default="", repr=False)
    encryption: Encryption = Encryption.IF_OFFERED
    ca_file: Path | None = None
    verify: bool = True
    timeout: float = 30.0
    per_connection: int = 0  # 0: no limit
    helo_name: str | None = None

    @property
    def server(self) -> str:
        """`host:port`, as errors name it."""
        return f"{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine, where a password does not cross a network."""
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    def tls_context(self) -> ssl.SSLContext:
        """TLS as the settings ask: certificates are checked against the system's or the given authorities.

        A server on this machine that merely offers STARTTLS is not checked: a mail server's own certificate for
        localhost is self-made as a rule, and nothing travels."""
        context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        unasked = self.encryption is Encryption.IF_OFFERED and self.is_local and self.ca_file is None
        if unasked or not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def without_secrets(self, text: str) -> str:
        """`text` with the password, plain or as servers echo it, taken out."""
        if not self.password:
            return text
        plain = b64encode(f"\0{self.username}\0{self.password}".encode()).decode()
        for secret in (plain, b64encode(self.password.encode()).decode(), self.password):
            text = text.replace(secret, "***")
        return text


def smtp_settings(url: str) -> SmtpSettings:
    """Reads `smtp://` and `smtps://` URLs; raises WrongUsage, without the URL's secrets, for what cannot be one.

    Options: `starttls=1` (insist) or `0` (never), `ca=FILE`, `verify=0`, `timeout=SECONDS`, `per_connection=MAILS`,
    `helo=NAME`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise WrongUsage("the mailer URL is malformed", fix=_EXAMPLE) from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        if name not in SMTP_OPTIONS:
            raise WrongUsage(f"unknown SMTP option {name!r}", fix=f"known are {', '.join(SMTP_OPTIONS)}")
    if not parts.hostname:
        raise WrongUsage("the mailer URL names no host", fix=_EXAMPLE)
    secure = parts.scheme == "smtps"
    return SmtpSettings(
        host=parts.hostname,
        port=port or (465 if secure else 587 if parts.username else 25),
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        encryption=Encryption.SMTPS if secure else _encryption(options),
        ca_file=Path(options["ca"]) if options.get("ca") else None,
        verify=_flag(options, "verify", default=True),
        timeout=_number(options, "timeout", 30.0),
        per_connection=int(_number(options, "per_connection", 0)),
        helo_name=options.get("helo"),
    )


_EXAMPLE = "write it like smtp://name:password@mail.example:587?starttls=1"


def _encryption(options: dict[str, str]) -> Encryption:
    if "starttls" not in options:
        return Encryption.IF_OFFERED
    return Encryption.STARTTLS if _flag(options, "starttls", default=True) else Encryption.NONE


def _flag(options: dict[str, str], name: str, *, default: bool) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if value.lower() not in _YES_NO:
        raise WrongUsage(f"SMTP option {name}={value!r} is neither yes nor no", fix="write 1 or 0")
    return _YES_NO[value.lower()]


def _number(options: dict[str, str], name: str, default: float) -> float:
    try:
        value = float(options.get(name, default))
    except ValueError:
        value = -1.0
    if value < 0 or (name == "timeout" and value == 0):
        raise WrongUsage(f"SMTP option {name}={options[name]!r} is not a positive number", fix="write a number")
    return value

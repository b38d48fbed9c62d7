"""A provider from its URL: `resend://KEY@`, `ses://ACCESS:SECRET@eu-west-1`, `mailgun://KEY@mg.shop.example?region=eu`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from campaigns.clock import Clock
from campaigns.delivery.esp.brevo import Brevo
from campaigns.delivery.esp.mailer import EspMailer
from campaigns.delivery.esp.mailgun import Mailgun
from campaigns.delivery.esp.postmark import Postmark
from campaigns.delivery.esp.provider import Provider
from campaigns.delivery.esp.resend import Resend
from campaigns.delivery.esp.sendgrid import SendGrid
from campaigns.delivery.esp.ses import Ses
from campaigns.delivery.esp.sigv4 import AwsCredentials
from campaigns.delivery.esp.sparkpost import SparkPost
from campaigns.domain.errors import WrongUsage

_COMMON_OPTIONS = frozenset({"base", "timeout", "parallel"})


@dataclass(frozen=True, slots=True)
class _Parts:
    key: str
    password: str
    host: str
    options: Mapping[str, str]

    def base(self, default: str) -> str:
        return self.options.get("base", default).rstrip("/")

    def regional(self, default: str, eu: str) -> str:
        return self.base(eu if self.options.get("region") == "eu" else default)


def _ses(parts: _Parts) -> Provider:
    if not parts.host or not parts.password:
        raise WrongUsage("the SES URL lacks secret key or region", fix="write ses://ACCESS_KEY:SECRET_KEY@REGION")
    credentials = AwsCredentials(parts.key, parts.password, parts.options.get("session_token", ""))
    base = parts.base(f"https://email.{parts.host}.amazonaws.com")
    return Ses(credentials, parts.host, base, parts.options.get("configuration_set", ""))


def _mailgun(parts: _Parts) -> Provider:
    if not parts.host:
        raise WrongUsage("the Mailgun URL lacks the sending domain", fix="write mailgun://KEY@mg.shop.example")
    return Mailgun(parts.key, parts.host, parts.regional("https://api.mailgun.net", "https://api.eu.mailgun.net"))


def _postmark(parts: _Parts) -> Provider:
    stream = parts.options.get("stream", "broadcast")
    return Postmark(parts.key, stream, parts.base("https://api.postmarkapp.com"))


def _sendgrid(parts: _Parts) -> Provider:
    return SendGrid(parts.key, parts.regional("https://api.sendgrid.com", "https://api.eu.sendgrid.com"))


def _sparkpost(parts: _Parts) -> Provider:
    return SparkPost(parts.key, parts.regional("https://api.sparkpost.com", "https://api.eu.sparkpost.com"))


_PROVIDERS: dict[str, tuple[Callable[[_Parts], Provider], frozenset[str]]] = {
    "resend": (lambda parts: Resend(parts.key, parts.base("https://api.resend.com")), frozenset()),
    "sendgrid": (_sendgrid, frozenset({"region"})),
    "postmark": (_postmark, frozenset({"stream"})),
    "ses": (_ses, frozenset({"configuration_set", "session_token"})),
    "mailgun": (_mailgun, frozenset({"region"})),
    "sparkpost": (_sparkpost, frozenset({"region"})),
    "brevo": (lambda parts: Brevo(parts.key, parts.base("https://api.brevo.com")), frozenset()),
}


def esp_options(scheme: str) -> tuple[str, ...]:
    """The options that a provider's URL may carry."""
    return tuple(sorted(_COMMON_OPTIONS | _PROVIDERS[scheme][1]))


def esp_mailer(url: str, clock: Clock) -> EspMailer:
    """The mailer of a provider URL. Options of all: `timeout` (s), `parallel` (calls), `base` (the API's address).

    Raises WrongUsage, without the URL's secrets, for what cannot be one.
    """
    try:
        split = urlsplit(url)
    except ValueError:
        raise WrongUsage("the mailer URL is malformed", fix="write it like resend://KEY@") from None
    build, own_options = _PROVIDERS[split.scheme]
    parts = _parts(split, own_options)
    timeout, parallel = _positive(parts.options, "timeout", 30.0), _positive(parts.options, "parallel", 8)
    return EspMailer(build(parts), clock, timeout=timeout, parallel=int(parallel))


def _parts(split: SplitResult, own_options: frozenset[str]) -> _Parts:
    options = dict(parse_qsl(split.query, keep_blank_values=True))
    known = _COMMON_OPTIONS | own_options
    for name in options:
        if name not in known:
            raise WrongUsage(f"unknown {split.scheme} option {name!r}", fix=f"known are {', '.join(sorted(known))}")
    if not split.username:
        raise WrongUsage(f"the {split.scheme} URL lacks the API key", fix=f"write {split.scheme}://KEY@")
    _refuse_unencrypted(options.get("base", ""))
    host = split.netloc.rpartition("@")[2]
    return _Parts(unquote(split.username), unquote(split.password or ""), host, options)


def _refuse_unencrypted(base: str) -> None:
    target = urlsplit(base)
    if base and target.scheme != "https" and not _is_local(target.hostname or ""):
        raise WrongUsage("the API key would travel unencrypted", where=base, fix="use an https:// address")


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _positive(options: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(options.get(name, default))
    except ValueError:
        value = 0.0
    if value <= 0:
        raise WrongUsage(f"mailer option {name}={options[name]!r} is not a positive number", fix="write a number")
    return value

"""A mailer from the one line of settings that names it: `smtp://`, `smtps://`, `maildir:`, `catcher:` or a provider."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from campaigns.clock import Clock, WallClock
from campaigns.delivery.esp import ESP_SCHEMES
from campaigns.delivery.maildir import MaildirMailer
from campaigns.delivery.mailer import Mailer
from campaigns.delivery.smtp import SmtpMailer
from campaigns.delivery.smtp_settings import smtp_settings
from campaigns.domain.errors import WrongUsage


class CheckedMailer(Mailer, Protocol):
    """A mailer that can tell beforehand whether it would work."""

    def check(self) -> str: ...


CATCHER_FOLDER = Path(".rekindle/mail")
SCHEMES = ("catcher", "maildir", "smtp", "smtps", *ESP_SCHEMES)


def mailer_from_url(url: str, *, workspace: Path | None = None, clock: Clock | None = None) -> CheckedMailer:
    """The mailer `url` names. Relative paths and the catcher's folder are taken from `workspace` (default: here).

    | URL | mails go to |
    |---|---|
    | `catcher:` | the workspace's own Maildir, shown by the inbox page |
    | `maildir:PATH[?durable=1]` | a Maildir |
    | `smtp://[name:password@]host[:port][?starttls=1]`, `smtps://...` | an SMTP server |
    | `resend://KEY@`, `sendgrid://KEY@`, `postmark://TOKEN@`, `sparkpost://KEY@`, `brevo://KEY@` | that provider |
    | `ses://ACCESS:SECRET@REGION`, `mailgun://KEY@DOMAIN` | that provider |

    Raises WrongUsage, without the URL's secrets, for anything else.
    """
    scheme = url.partition(":")[0].lower()
    clock = clock or WallClock()
    if scheme in ("smtp", "smtps"):
        return SmtpMailer(smtp_settings(url), clock)
    if scheme == "maildir":
        return _maildir(url, workspace or Path(), clock)
    if scheme == "catcher":
        return MaildirMailer(catcher_path(workspace or Path()), clock)
    if scheme in ESP_SCHEMES:
        from campaigns.delivery.esp.esp_url import esp_mailer  # an HTTP client is slow to import, and mostly not needed

        return esp_mailer(url, clock)
    raise WrongUsage(f"unknown mailer {scheme!r}", fix=f"known are {', '.join(SCHEMES)}")


def check_mailer(url: str, *, workspace: Path | None = None) -> str:
    """One line on where mails would go: logs in to a server, reaches a provider or writes to a folder; sends nothing.

    Raises WrongUsage for a wrong URL and UnusableEnvironment when mails could not be handed over now.
    """
    mailer = mailer_from_url(url, workspace=workspace)
    try:
        return mailer.check()
    finally:
        mailer.close()


def maildir_url(path: Path) -> str:
    """The `maildir:` URL of a folder of any name."""
    return f"maildir:{quote(str(path.absolute()))}"


def catcher_path(workspace: Path) -> Path:
    """Where the local catcher of a workspace keeps its mails."""
    return workspace / CATCHER_FOLDER


def _maildir(url: str, workspace: Path, clock: Clock) -> MaildirMailer:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.netloc or not parts.path or options.keys() - {"durable"}:
        raise WrongUsage("the Maildir URL is malformed", where=url, fix="write maildir:/path or maildir:path?durable=1")
    return MaildirMailer(workspace / unquote(parts.path), clock, durable=options.get("durable") == "1")

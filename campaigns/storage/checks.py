"""What `rekindle doctor` looks at below the campaigns: machine, programs, folders, settings, servers.

Every check gives a `Finding`: fine, advice or a problem, in one line with what to do. None of them changes anything but
starting the workspace's own servers.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from campaigns.config import Settings, WebhookSettings, Workspace, load_settings
from campaigns.domain.errors import RekindleError
from campaigns.storage.backlog_checks import check_backlog
from campaigns.storage.database import connect, transaction
from campaigns.storage.embedded import ensure_servers
from campaigns.storage.embedded.cache import find_program
from campaigns.storage.embedded.postgres import VERSION, find_installation
from campaigns.storage.findings import Finding, Verdict
from campaigns.storage.migrate import missing_migrations

_LITTLE_SPACE = 2 * 1024**3
_NO_SPACE = 300 * 1024**2
_OLDEST_PYTHON = (3, 11)
_FREE_MAIL = frozenset(
    {
        *(
            "gmail.com",
            "googlemail.com",
            "yahoo.com",
            "outlook.com",
            "hotmail.com",
            "live.com",
            "aol.com",
            "icloud.com",
        ),
        *("gmx.de", "gmx.net", "web.de", "t-online.de", "mail.ru", "qq.com", "163.com", "protonmail.com", "proton.me"),
    }
)
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def check_workspace(workspace: Workspace, environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """All findings for a workspace, cheap ones first; what depends on settings is left out where those are broken."""
    yield check_python()
    yield check_folder(workspace)
    yield check_space(workspace)
    yield check_browser()
    try:
        settings = load_settings(workspace, environ)
    except RekindleError as error:
        yield _told("settings", error)
        return
    yield Finding("settings", Verdict.FINE, f"{workspace.config_file.name} is in order")
    yield from check_mail_settings(settings)
    yield from check_programs(settings)
    yield from check_servers(workspace, settings)


def check_python() -> Finding:
    """The interpreter is one this product runs on."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] >= _OLDEST_PYTHON:
        return Finding("python", Verdict.FINE, f"Python {version}")
    return Finding("python", Verdict.PROBLEM, f"Python {version} is too old", "use Python 3.11 or later")


def check_folder(workspace: Workspace) -> Finding:
    """The workspace may be written, and its keys and data are closed to other accounts."""
    name = "workspace"
    if not os.access(workspace.root, os.W_OK):
        return Finding(name, Verdict.PROBLEM, f"{workspace.root} may not be written", "change its owner or its mode")
    open_to_all = [path for path in (workspace.config_file, workspace.state) if _is_readable_by_others(path)]
    if open_to_all:
        paths = " ".join(str(path) for path in open_to_all)
        return Finding(name, Verdict.ADVICE, f"other accounts may read {paths}", f"chmod go-rw {paths}")
    return Finding(name, Verdict.FINE, f"{workspace.root} may be written and keeps its keys to itself")


def check_space(workspace: Workspace) -> Finding:
    """There is room on the disk for the servers' data."""
    free = shutil.disk_usage(workspace.root).free
    line = f"{free / 1024**3:.1f} GiB free at {workspace.root}"
    if free < _NO_SPACE:
        return Finding("disk", Verdict.PROBLEM, line, "free some disk space: the database stops when it is full")
    if free < _LITTLE_SPACE:
        return Finding("disk", Verdict.ADVICE, line, "free some disk space before it runs out")
    return Finding("disk", Verdict.FINE, line)


def check_browser() -> Finding:
    """A browser is there for `preview --format png`; everything else works without."""
    found = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if found and importlib.util.find_spec("playwright"):
        return Finding("browser", Verdict.FINE, f"previews as pictures by {found}")
    missing = "a browser" if not found else "playwright"
    fix = "install chromium" if not found else 'pip install "rekindle[preview]"'
    return Finding("browser", Verdict.ADVICE, f"no previews as pictures: {missing} is missing", fix)


def check_mail_settings(settings: Settings) -> Iterator[Finding]:
    """Sender, postal address and links are such that mail may go out. Nothing is asked of the network."""
    if settings.mailer is None or settings.mailer.get_secret_value().startswith(("catcher:", "maildir:")):
        yield Finding("mailer", Verdict.FINE, "mail stays on this machine; set REKINDLE_MAILER to send it")
        return
    scheme = urlsplit(settings.mailer.get_secret_value()).scheme
    yield Finding("mailer", Verdict.FINE, f"mail goes out by {scheme}")
    yield _check_sender(settings)
    yield _check_links(settings)
    if scheme in WebhookSettings.model_fields and scheme not in settings.webhooks.secrets:
        line = f"webhooks.{scheme} is not set: bounces and complaints will not be known here"
        yield Finding("webhooks", Verdict.ADVICE, line, f"let {scheme} call /hooks/{scheme}, and give its secret")
    if settings.shop.postal_address.strip():
        yield Finding("postal address", Verdict.FINE, "stands in the footer")
    else:
        line = "shop.postal_address is empty; the law of many countries asks for it in marketing mail"
        yield Finding("postal address", Verdict.PROBLEM, line, "add it to [shop] in rekindle.toml")


def check_programs(settings: Settings) -> Iterator[Finding]:
    """The programs of the embedded servers are there, and of which version."""
    if settings.database_url is None:
        yield _found("postgresql", lambda: _version(find_installation() / "bin" / "postgres", f"PostgreSQL {VERSION}"))
    if settings.redis_url is None:
        yield _found("redis", lambda: _version(find_program(), "Redis"))


def check_servers(workspace: Workspace, settings: Settings) -> Iterator[Finding]:
    """The servers answer, and the database has the shape this version needs."""
    try:
        servers = ensure_servers(workspace, settings)
    except RekindleError as error:
        yield _told("servers", error)
        return
    with servers:
        whose = "of our own" if servers.embedded else "named by address"
        yield Finding("servers", Verdict.FINE, f"database and Redis answer ({whose})")
        yield from _check_database(servers.database_url)


def _check_database(url: str) -> Iterator[Finding]:
    engine = connect(url)
    try:
        if missing_migrations(engine):
            line = "its tables are of another version"
            yield Finding("database", Verdict.ADVICE, line, "the next `rekindle up` migrates")
            return
        yield Finding("database", Verdict.FINE, "its tables are up to date")
        with transaction(engine) as connection:
            yield from check_backlog(connection)
    finally:
        engine.dispose()


def _check_sender(settings: Settings) -> Finding:
    address = settings.sender.address
    domain = address.partition("@")[2].lower()
    line, fix = "", "set sender.address to an address of the shop's own domain"
    if not address:
        line = "sender.address is empty: nobody will take mail from nobody"
    elif domain in _FREE_MAIL:
        line = f"{domain} refuses mail in its name from elsewhere (DMARC)"
    elif "." not in domain or domain.endswith((".local", ".localhost", ".invalid", ".test", ".example")):
        line = f"{domain} is no domain of the internet"
    if line:
        return Finding("sender", Verdict.PROBLEM, line, fix)
    if address.partition("@")[0].lower().replace("-", "").replace("_", "") in ("noreply", "donotreply"):
        advice = "shoppers cannot answer, and filters notice"
        return Finding("sender", Verdict.ADVICE, f"{address}: {advice}", "use an address that somebody reads")
    return Finding("sender", Verdict.FINE, f"mail comes from {address}")


def _check_links(settings: Settings) -> Finding:
    host = urlsplit(settings.public_url).hostname or ""
    if host == "localhost" or _is_private(host):
        line = f"links and unsubscribing lead to {settings.public_url}, which no shopper reaches"
        return Finding("links", Verdict.PROBLEM, line, "set base_url to the public address of the web process")
    if not settings.public_url.startswith("https://"):
        line = f"links lead to {settings.public_url}; one-click unsubscribing (RFC 8058) asks for https"
        return Finding("links", Verdict.PROBLEM, line, "set base_url to an https:// address")
    return Finding("links", Verdict.FINE, f"links lead to {settings.public_url}")


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _is_readable_by_others(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & (stat.S_IROTH | stat.S_IRGRP))


def _version(program: Path, name: str) -> str:
    done = subprocess.run([str(program), "--version"], check=False, capture_output=True, text=True, timeout=20)  # noqa: S603
    if done.returncode:
        raise RekindleError(f"{name} does not run on this machine", where=str(program), fix="set its address instead")
    return done.stdout.strip().splitlines()[0].partition(" sha=")[0]


def _found(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, Verdict.FINE, look())
    except RekindleError as error:
        return _told(check, error)


def _told(check: str, error: RekindleError) -> Finding:
    line = f"{error.where}: {error.what}" if error.where else error.what
    return Finding(check, Verdict.PROBLEM, line, error.fix)

"""The console's pages: one Jinja environment, one layout, one policy; the inbox is the first of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from campaigns.rendering import shipped_templates

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http: https: data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HUES: Final = 8
_LINK: Final = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """An entry of the console's top navigation."""

    label: str
    url: str


INBOX: Final = NavigationItem("Inbox", "/inbox")


def console_folder() -> Path:
    """Where the console's templates and static files are."""
    return shipped_templates().parent / "console"


class ConsolePages:
    """Renders `templates/console/<name>.html`. Times are shown in `zone`; `navigation` names the pages there are."""

    def __init__(self, zone: str = "UTC", navigation: Sequence[NavigationItem] = (INBOX,)) -> None:
        self._zone = ZoneInfo(zone)
        self._environment = Environment(
            loader=FileSystemLoader(console_folder()),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            clock=lambda at: self._local(at).strftime("%H:%M"),
            day=self._day,
            moment=self._moment,
            iso=datetime.isoformat,
            hue=hue,
            initials=initials,
            mailbox_name=mailbox_name,
            mailbox_address=lambda text: parseaddr(text)[1] or text,
            segment=lambda text: quote(text, safe=""),
            pieces=pieces,
        )
        self._environment.globals.update(navigation=navigation, assets=assets_version(), zone=zone)

    def show(self, name: str, status: int = 200, **values: Any) -> HTMLResponse:
        """The page as an answer that runs no script but the console's own."""
        html = self._environment.get_template(f"{name}.html").render(**values)
        return HTMLResponse(html, status, {"Content-Security-Policy": POLICY, "X-Robots-Tag": "noindex"})

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self._zone)

    def _moment(self, at: datetime) -> str:
        local = self._local(at)
        return f"{local.day} {local:%b %Y, %H:%M}"

    def _day(self, at: datetime) -> str:
        local = self._local(at)
        return f"{local:%A} {local.day} {local:%B %Y}"


def assets_version() -> str:
    """Changes whenever a static file does, so that browsers may keep them."""
    digest = sha256()
    for path in sorted((console_folder() / "static").iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def hue(text: str) -> int:
    """One of eight colours that always goes with `text`."""
    return sha256(text.encode()).digest()[0] % HUES


def mailbox_name(text: str) -> str:
    """The name before an address, or the address where there is none."""
    name, address = parseaddr(text)
    return name or address or text


def initials(text: str) -> str:
    """One or two letters for a sender's picture."""
    words = [word for word in re.split(r"[\s.@_-]+", mailbox_name(text)) if word[:1].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def pieces(text: str) -> list[tuple[str, str]]:
    """Plain text cut into (text, address): the address is "" or the web address the piece is, to be made a link."""
    found: list[tuple[str, str]] = []
    end = 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(".,;:!?)")
        found += [(text[end : match.start()], ""), (address, address)]
        end = match.start() + len(address)
    return [piece for piece in [*found, (text[end:], "")] if piece[0]]

"""Pictures of pages, by Debian's chromium or whatever Chrome is there, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from campaigns.domain.errors import UnusableEnvironment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE, DESKTOP = 390, 680
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--disable-gpu",
    "--no-first-run",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_LOAD_MS = 15_000


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at: its width in CSS pixels, and whether the reader likes it dark."""

    width: int = DESKTOP
    dark: bool = False

    @property
    def name(self) -> str:
        """`390-dark`, for files."""
        return f"{self.width}{'-dark' if self.dark else ''}"


LOOKS = tuple(Look(width, dark) for width in (DESKTOP, PHONE) for dark in (False, True))
"""Desktop and phone, light and dark."""


def find_browser() -> str | None:
    """The path of a browser that can take pictures, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def picture(html: str, path: Path, *, width: int, dark: bool = False) -> None:
    """Renders an HTML document at a width in CSS pixels and writes the whole page as PNG."""
    [taken] = pictures([(html, Look(width, dark))])
    path.write_bytes(taken)


def pictures(pages: Iterable[tuple[str, Look]], *, scale: float = 2) -> list[bytes]:
    """PNGs of whole pages, in order, from one browser; `scale` is how many dots a CSS pixel gets."""
    taken: list[bytes] = []
    tabs: dict[Look, Page] = {}  # one for each look: to open one takes longer than to draw a mail
    with _browser() as browser:
        for html, look in pages:
            if look not in tabs:
                tabs[look] = browser.new_page(
                    viewport={"width": look.width, "height": 800},
                    color_scheme="dark" if look.dark else "light",
                    device_scale_factor=scale,
                    java_script_enabled=False,
                )
                _shot(tabs[look], html)  # what is drawn first differs a shade from what is drawn again
            taken.append(_shot(tabs[look], html))
    return taken


def _shot(page: Page, html: str) -> bytes:
    page.set_content(html, wait_until="load", timeout=_LOAD_MS)
    return page.screenshot(full_page=True)


@contextmanager
def _browser() -> Iterator[Browser]:
    path = find_browser()
    if path is None:
        raise UnusableEnvironment("no browser was found for pictures", fix="install chromium (apt install chromium)")
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise UnusableEnvironment("Playwright is not installed", fix="pip install 'rekindle[preview]'") from error
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
            yield browser
            browser.close()
        except Error as error:
            raise UnusableEnvironment(
                f"the browser gave up: {error.message.splitlines()[0]}", where=path, fix="try again, or another width"
            ) from error

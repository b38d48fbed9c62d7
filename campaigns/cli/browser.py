"""A picture of a page, by Debian's chromium or whatever Chrome is there, driven by Playwright."""

from __future__ import annotations

import shutil
from pathlib import Path

from campaigns.domain.errors import UnusableEnvironment

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--disable-gpu",
    "--no-first-run",
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str | None:
    """The path of a browser that can take pictures, or None."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def picture(html: str, path: Path, *, width: int, dark: bool = False) -> None:
    """Renders an HTML document at a width in CSS pixels and writes the whole page as PNG."""
    browser = find_browser()
    if browser is None:
        raise UnusableEnvironment("no browser was found for pictures", fix="install chromium (apt install chromium)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise UnusableEnvironment("Playwright is not installed", fix="pip install 'rekindle[preview]'") from error
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(_FLAGS))
        page = chromium.new_page(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            device_scale_factor=2,
        )
        page.set_content(html, wait_until="load")
        page.screenshot(path=str(path), full_page=True)
        chromium.close()

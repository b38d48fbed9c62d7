"""The shipped emails in a real browser: phone width, dark mode, reading direction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from campaigns.rendering import TemplateStore, shipped_templates

pytestmark = pytest.mark.browser

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = sorted(folder.parent.name for folder in shipped_templates().glob("[a-z]*/body.mjml"))
EVERY_MAIL = pytest.mark.parametrize("name", NAMES)


def _picture() -> bytes:
    stored = BytesIO()
    Image.new("RGB", (600, 600), (150, 120, 90)).save(stored, "JPEG")
    return stored.getvalue()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'rekindle[preview]'")
    if not CHROMIUM.exists():
        pytest.skip(f"needs a browser at {CHROMIUM}: apt install chromium")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield running
        running.close()


@pytest.fixture
def look(browser: Any, store: TemplateStore, context: Any) -> Iterator[Any]:
    opened: list[Any] = []

    def _look(name: str, width: int, **shopper: Any) -> Any:
        window = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light")
        opened.append(window)
        page = window.new_page()
        body = _picture()
        page.route(re.compile("^https://"), lambda route: route.fulfill(body=body, content_type="image/jpeg"))
        page.set_content(store.get(name).render(context(**shopper)).html)
        return page

    yield _look
    for window in opened:
        window.close()


def _background(page: Any, selector: str) -> str:
    return str(page.eval_on_selector(selector, "element => getComputedStyle(element).backgroundColor"))


@EVERY_MAIL
def test_nothing_sticks_out_sideways(look: Any, name: str) -> None:
    for shopper in ({"long": True, "first_name": "Maximiliana-Theodora"}, {"images": False, "viewed": 3}):
        page = look(name, 680, **shopper)
        for width in (680, 390, 320):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


@EVERY_MAIL
def test_dark_mode_turns_the_mail_dark_and_text_stays_readable(look: Any, name: str) -> None:
    page = look(name, 390, brand={"accent": "#a8481f"})
    light = [_background(page, selector) for selector in (".rk-page", ".rk-card")]
    assert not page.evaluate(_FAINT_TEXT)
    page.emulate_media(color_scheme="dark")
    dark = [_background(page, selector) for selector in (".rk-page", ".rk-card")]
    assert not page.evaluate(_FAINT_TEXT)
    assert dark[0] == "rgb(18, 20, 23)"
    assert light[0] != dark[0]
    assert light[1] != dark[1]


@EVERY_MAIL
def test_buttons_are_easy_to_tap(look: Any, name: str) -> None:
    page = look(name, 390)
    for button in page.query_selector_all(".rk-button a, a.rk-star"):
        box = button.bounding_box()
        assert box["height"] >= 44
        assert box["width"] >= 28


def test_two_products_stay_side_by_side_on_a_phone(look: Any) -> None:
    page = look("browse_abandonment", 390, viewed=2, recommended=0)
    left, right = (picture.bounding_box() for picture in page.query_selector_all("img.rk-fill"))
    assert left["y"] == right["y"]
    assert left["x"] + left["width"] < right["x"]
    assert left["height"] == pytest.approx(left["width"], abs=1)


def test_one_product_fills_the_phone(look: Any) -> None:
    page = look("browse_abandonment", 390, viewed=1, recommended=0)
    assert page.query_selector("img.rk-fill").bounding_box()["width"] > 300


def test_right_to_left_turns_the_cart_around(look: Any) -> None:
    for locale, picture_first in (("en_GB", True), ("ar", False)):
        page = look("abandoned_cart", 680, locale=locale)
        picture = page.query_selector("img[alt='Hearth stoneware mug']").bounding_box()
        title = page.query_selector(".rk-title a").bounding_box()
        assert (picture["x"] < title["x"]) is picture_first


_FAINT_TEXT = """() => {
  const parts = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const found = parts(getComputedStyle(node).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const shown = node.offsetHeight && getComputedStyle(node).opacity !== "0";
    if (!shown || !walker.currentNode.textContent.trim()) continue;
    if (node.closest("[style*='display:none'], .rk-tile, style")) continue;
    const a = light(parts(getComputedStyle(node).color)), b = light(behind(node));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(node.textContent.trim().slice(0, 40) + " " + ratio.toFixed(2));
  }
  return faint;
}"""

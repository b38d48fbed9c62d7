"""The public pages on a phone, in a real browser: readable, within reach of a thumb, and working without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
pytestmark = pytest.mark.browser


@pytest.fixture(params=["light", "dark"])
def phone(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page of a phone's browser, with what it complained about in `page.complaints`."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        size = {"width": 360, "height": 700}
        context = browser.new_context(viewport=size, color_scheme=request.param, java_script_enabled=True)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        yield page
        browser.close()


def too_small(page: Any) -> list[str]:
    """Buttons and switches that a thumb cannot hit (WCAG 2.5.8 asks for 24 px, we for 32), and sideways scrolling."""
    return page.evaluate(
        """() => [...document.querySelectorAll('button, input, .button')]
            .filter(e => e.getBoundingClientRect().height < 32 || e.getBoundingClientRect().width < 32)
            .map(e => e.outerHTML)
            .concat(document.documentElement.scrollWidth > innerWidth ? ['scrolls sideways'] : [])"""
    )  # type: ignore[no-any-return]


def low_contrast(page: Any) -> list[str]:
    """Texts under the 4.5 : 1 of WCAG AA against the nearest opaque background."""
    return page.evaluate(
        """() => {
            const numbers = text => (text.match(/[\\d.]+/g) || []).map(Number);
            const light = rgb => rgb.slice(0, 3).map(v => v / 255)
                .map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
                .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
            const behind = e => {
                for (; e; e = e.parentElement) {
                    const colour = numbers(getComputedStyle(e).backgroundColor);
                    if (colour.length === 3) return colour;
                }
                return [255, 255, 255];
            };
            return [...document.querySelectorAll('h1, p, b, strong, a, button, span, footer')]
                .filter(e => e.innerText.trim()).filter(e => {
                    const [a, b] = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
                    return (a + .05) / (b + .05) < 4.5;
                }).map(e => e.outerHTML);
        }"""
    )  # type: ignore[no-any-return]


def test_a_shopper_leaves_and_comes_back_with_a_thumb(phone: Any, shop: Any, address: str):
    phone.goto(address + shop.links.unsubscribe("7-1"))
    assert too_small(phone) == []
    assert low_contrast(phone) == []
    assert shop.departures == []
    phone.click("text=Unsubscribe")
    phone.wait_for_selector("text=You are unsubscribed")
    assert [one.campaign_id for one in shop.departures] == [None]
    assert too_small(phone) + low_contrast(phone) == []
    phone.click("text=Choose what you get")
    phone.click("text=Forgotten carts")
    phone.click("button:has-text('Save')")
    phone.wait_for_selector("text=Saved")
    assert shop.wanted == {"reviews"}
    assert too_small(phone) + low_contrast(phone) == []
    assert phone.complaints == []


def test_a_keyboard_is_enough(phone: Any, shop: Any, address: str):
    phone.goto(address + shop.links.preferences("7-1"))
    phone.focus("input[value=cart]")
    phone.keyboard.press("Space")
    phone.keyboard.press("Tab")
    phone.keyboard.press("Tab")
    phone.keyboard.press("Enter")
    phone.wait_for_selector("text=Saved")
    assert shop.wanted == {"reviews"}

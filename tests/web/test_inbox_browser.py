"""The inbox in a real browser: keys, tabs, switches, the phone's two views, and mails that try to break out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from campaigns.web.inbox import InboxMessage, MessageList, Why, inbox_routes
from campaigns.web.server import serving

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
EVENING = datetime(2026, 3, 12, 21, 30, tzinfo=UTC)
EVIL = """<html><head><meta http-equiv="refresh" content="0;url=/reached?meta">
<style>body{background:#fff} @media (prefers-color-scheme: dark){body{background:#123456}}</style></head><body>
<h1>Hello</h1><script>fetch('/reached?script'); top.location='/reached?top'</script>
<img src="data:image/png;base64,xx" onerror="fetch('/reached?handler')"><iframe src="/reached?frame"></iframe>
<form action="/reached" method="get"><button id="go">send</button></form>
<link rel="stylesheet" href="/reached?style"><a id="out" href="/reached?link">out</a></body></html>"""

pytestmark = pytest.mark.browser


def mail(number: int) -> InboxMessage:
    return InboxMessage(
        message_ref=f"{number}-1",
        campaign_id="abandoned_cart" if number % 2 else "post_purchase",
        campaign_name="Abandoned cart" if number % 2 else "Post-purchase",
        subject=f"Subject {number}",
        preheader="Preheader",
        sender="Fern & Kettle <hello@shop.example>",
        recipient=f"shopper{number}@shoppers.example",
        sent_at=EVENING - timedelta(minutes=number),
        html=EVIL if number == 3 else f"<html><head></head><body><h1>Mail {number}</h1></body></html>",
        text=f"Text {number}",
        headers=(("Message-ID", f"<{number}@shop.example>"),),
        why=Why("send", "sent", f"Reason {number}"),
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, list[str], list[InboxMessage]]]:
    reached: list[str] = []

    async def record(request: Request) -> Response:
        reached.append(str(request.url.query))
        return PlainTextResponse("reached")

    messages = [mail(number) for number in range(1, 121)]
    app = Starlette(routes=[*inbox_routes(MessageList(messages)), Route("/reached", record)])
    with serving(app) as url:
        yield url, reached, messages


@pytest.fixture
def page(browser: Any, site: tuple[str, list[str], list[InboxMessage]]) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(f"{site[0]}/inbox")
    yield opened
    opened.close()
    assert complaints == []


@pytest.fixture
def phone(browser: Any, site: tuple[str, list[str], list[InboxMessage]]) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    opened = context.new_page()
    opened.goto(f"{site[0]}/inbox")
    yield opened
    context.close()


def heading(page: Any, text: str) -> None:
    page.wait_for_function("text => document.querySelector('#pane h1')?.textContent === text", arg=text)


def test_newest_mail_stands_open_beside_the_list(page: Any) -> None:
    heading(page, "Subject 1")
    page.frame_locator("#mail").locator("text=Mail 1").wait_for()
    assert page.locator(".letter[aria-current]").get_attribute("data-ref") == "1-1"


def test_arrow_keys_go_through_the_mails(page: Any) -> None:
    page.keyboard.press("ArrowDown")
    heading(page, "Subject 2")
    page.keyboard.press("j")
    heading(page, "Subject 3")
    page.keyboard.press("ArrowUp")
    heading(page, "Subject 2")
    assert page.url.endswith("/inbox/messages/2-1?q=&campaign=")
    page.go_back()
    heading(page, "Subject 3")


def test_tabs_show_one_part_at_a_time_and_stay_chosen(page: Any) -> None:
    page.click("#tab-why")
    assert page.locator("#part-why").is_visible() and not page.locator("#part-html").is_visible()
    page.keyboard.press("ArrowLeft")
    page.locator("#part-headers >> text=<1@shop.example>").wait_for()
    page.click(".letter >> nth=4")
    heading(page, "Subject 5")
    assert page.locator("#part-headers").is_visible()


def test_width_and_colours_of_the_mail_can_be_switched(page: Any) -> None:
    page.click(".letter[data-ref='3-1']")
    heading(page, "Subject 3")
    page.click("[data-width=phone]")
    assert page.evaluate("document.getElementById('mail').clientWidth") == 390
    page.click("[data-scheme=dark]")
    page.wait_for_timeout(400)
    assert page.frames[1].evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 52, 86)"
    page.reload()
    assert page.locator("[data-scheme=dark]").get_attribute("aria-pressed") == "true"


def test_search_and_filter_narrow_the_list_as_one_types(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("subject 77")
    heading(page, "Subject 77")
    assert page.locator(".letter").count() == 1
    page.fill("#search", "")
    page.wait_for_function("() => document.querySelectorAll('.letter').length > 1")
    page.select_option("#campaign", "post_purchase")
    page.wait_for_function("() => document.querySelector('.count').textContent.startsWith('60 mails')")


def test_scrolling_down_brings_older_mails(page: Any) -> None:
    for _ in range(40):
        page.evaluate("document.getElementById('list').scrollTop = 1e6")
        if page.locator(".letter").count() == 120:
            break
        page.wait_for_timeout(50)
    assert page.locator(".letter").count() == 120
    assert page.locator(".day").count() == 1


def test_new_mail_comes_in_by_itself(page: Any, site: tuple[str, list[str], list[InboxMessage]]) -> None:
    fresh = mail(-1)
    site[2].append(fresh)
    try:
        page.locator(".letter[data-ref='-1-1']").wait_for(timeout=15_000)
        heading(page, "Subject 1")
    finally:
        site[2].remove(fresh)


def test_mail_cannot_run_script_or_reach_out(page: Any, site: tuple[str, list[str], list[InboxMessage]]) -> None:
    page.click(".letter[data-ref='3-1']")
    heading(page, "Subject 3")
    frame = page.frame_locator("#mail")
    frame.locator("h1").wait_for()
    frame.locator("#go").click()
    page.wait_for_timeout(600)
    assert site[1] == []
    with page.expect_popup() as opened:
        frame.locator("#out").click()
    opened.value.wait_for_load_state()
    assert site[1] == ["link"]
    site[1].clear()
    heading(page, "Subject 3")


def test_phone_shows_list_and_mail_one_after_the_other(phone: Any) -> None:
    assert phone.locator("#list").is_visible() and not phone.locator("#pane").is_visible()
    phone.tap(".letter[data-ref='2-1']")
    phone.locator("#pane").wait_for(state="visible")
    heading(phone, "Subject 2")
    assert not phone.locator("#list").is_visible()
    phone.tap(".back")
    phone.locator("#list").wait_for(state="visible")
    phone.go_back()
    phone.locator("#pane").wait_for(state="visible")


def test_nothing_sticks_out_sideways(page: Any, phone: Any) -> None:
    for opened in (page, phone):
        assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    phone.tap(".letter[data-ref='2-1']")
    heading(phone, "Subject 2")
    for part in ("html", "text", "headers", "why"):
        phone.tap(f"#tab-{part}")
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_console_keeps_the_colours_one_chose(browser: Any, site: tuple[str, list[str], list[InboxMessage]]) -> None:
    context = browser.new_context(color_scheme="dark")
    opened = context.new_page()
    opened.goto(f"{site[0]}/inbox")
    assert opened.evaluate("document.documentElement.dataset.theme") == "dark"
    opened.click("#theme")
    opened.reload()
    assert opened.evaluate("document.documentElement.dataset.theme") == "light"
    context.close()


def test_inbox_works_without_script(browser: Any, site: tuple[str, list[str], list[InboxMessage]]) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(f"{site[0]}/inbox")
    opened.click(".letter[data-ref='4-1']")
    opened.locator("#pane h1 >> text=Subject 4").wait_for()
    opened.click("#tab-text")
    opened.locator("text=Text 4").wait_for()
    context.close()

"""The inbox page as a browser asks for it: list, search, filter, one mail with all its parts, and what it may load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from campaigns.demo.pictures import Pictures
from campaigns.demo.shop import DemoShop
from campaigns.web.inbox import (
    InboxAlarm,
    InboxMessage,
    InboxQuery,
    MessageList,
    Why,
    WhyMoment,
    WhyProduct,
    WhySlate,
    inbox_routes,
)
from campaigns.web.inbox_frame import framed
from campaigns.web.inbox_pages import hue, initials, pieces
from campaigns.web.inbox_pictures import picture_routes
from campaigns.web.server import serving

EVENING = datetime(2026, 3, 12, 21, 30, tzinfo=UTC)
CART = InboxMessage(
    message_ref="1234-1",
    campaign_id="abandoned_cart",
    campaign_name="Abandoned cart",
    subject="Zoë, your <cart> is still here",
    preheader="We kept the teapot & two mugs.",
    sender="Fern & Kettle <hello@fern-and-kettle.example>",
    recipient="Zoë O'Brien <zoe@shoppers.example>",
    sent_at=EVENING,
    html="<!doctype html><html><head><title>x</title></head><body><h1>Still here</h1></body></html>",
    text="Still here: https://shop.example/cart?a=1&b=2.\nBye <b>",
    headers=(
        ("Message-ID", "<1234-1@fern-and-kettle.example>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ),
    why=Why(
        "send",
        "sent",
        "Sent because a basket was left for an hour.",
        facts=(("Holdout", "no"),),
        timeline=(WhyMoment(EVENING - timedelta(hours=1), "Put the teapot into the basket"),),
        slates=(
            WhySlate(
                "recommendations",
                "You may also like",
                (WhyProduct("FK-1", "Tall Latte Mug", "neighbours", "item_knn", "Goes with the teapot", 0.5),),
            ),
        ),
    ),
)
THANKS = replace(
    CART,
    message_ref="77-1",
    campaign_id="post_purchase",
    campaign_name="Post-purchase",
    subject="Thank you, Jürgen",
    preheader="Your order is with us.",
    recipient="jürgen@shoppers.example",
    sent_at=EVENING - timedelta(days=1),
    why=None,
    headers=(),
)


@pytest.fixture(scope="module")
def inbox() -> Iterator[httpx.Client]:
    many = [
        replace(
            THANKS, message_ref=f"old-{n}", subject=f"Older mail {n}", sent_at=EVENING - timedelta(days=2, minutes=n)
        )
        for n in range(70)
    ]
    with served([CART, THANKS, *many]) as client:
        yield client


@contextmanager
def served(messages: Sequence[InboxMessage], zone: str = "Europe/Dublin") -> Iterator[httpx.Client]:
    """A client of a real web process with an inbox over `messages`."""
    with (
        serving(Starlette(routes=inbox_routes(MessageList(messages), zone=zone))) as url,
        httpx.Client(base_url=url) as client,
    ):
        yield client


def test_list_shows_what_a_mail_client_shows(inbox: httpx.Client) -> None:
    page = inbox.get("/inbox").text
    assert "72 mails" in page
    assert "Zoë, your &lt;cart&gt; is still here" in page
    assert "We kept the teapot &amp; two mugs." in page
    assert ">21:30</time>" in page
    assert "Thursday 12 March 2026" in page and "Wednesday 11 March 2026" in page
    assert page.index("Zoë") < page.index("Thank you, Jürgen") < page.index("Older mail 0")


def test_times_are_shown_in_the_shops_zone() -> None:
    with served([CART], zone="Asia/Tokyo") as client:
        page = client.get("/inbox").text
    assert "06:30" in page and "Friday 13 March 2026" in page


def test_long_inboxes_come_page_by_page(inbox: httpx.Client) -> None:
    first = inbox.get("/inbox").text
    assert first.count('class="letter ') == 50 and "offset=50" in first
    rest = inbox.get("/inbox/list", params={"offset": "50"}).text
    assert rest.count('class="letter ') == 22 and "offset=" not in rest
    assert inbox.get("/inbox/list", params={"offset": "9" * 40}).status_code == 200
    assert inbox.get("/inbox/list", params={"offset": "²"}).status_code == 200


def test_search_finds_in_any_case_and_any_part(inbox: httpx.Client) -> None:
    for words in ("ZOË", "teapot", "shoppers.example", "post-purch", "older MAIL 7"):
        assert 'class="letter ' in inbox.get("/inbox", params={"q": words}).text, words
    nothing = inbox.get("/inbox", params={"q": "unheard of"}).text
    assert "No mail matches" in nothing and "0 mails found" in nothing


def test_filter_keeps_one_campaign_and_says_how_many(inbox: httpx.Client) -> None:
    page = inbox.get("/inbox", params={"campaign": "abandoned_cart"}).text
    assert page.count('class="letter ') == 1
    assert '<option value="abandoned_cart" selected>Abandoned cart (1)</option>' in page
    assert '<option value="post_purchase">Post-purchase (71)</option>' in page


def test_empty_inbox_says_what_will_happen() -> None:
    with served([]) as client:
        page = client.get("/inbox").text
    assert "No mail yet" in page and "Nothing to read" in page


def test_mail_has_its_parts(inbox: httpx.Client) -> None:
    page = inbox.get("/inbox/messages/1234-1").text
    assert "<title>Zoë, your &lt;cart&gt; is still here · Inbox · Rekindle</title>" in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "List-Unsubscribe=One-Click" in page and "&lt;1234-1@fern-and-kettle.example&gt;" in page
    assert '<a href="https://shop.example/cart?a=1&amp;b=2"' in page and "Bye &lt;b&gt;" in page


def test_mail_says_why(inbox: httpx.Client) -> None:
    page = inbox.get("/inbox/messages/1234-1/pane", params={"tab": "why"}).text
    for words in ("Sent because a basket was left", "Put the teapot into the basket", "20:30", "Tall Latte Mug",
                  "neighbours", "item_knn", "0.500", "Holdout"):  # fmt: skip
        assert words in page
    assert "Nothing is known about this decision" in inbox.get("/inbox/messages/77-1").text


def test_long_stories_begin_folded() -> None:
    moments = tuple(WhyMoment(EVENING - timedelta(minutes=20 - n), f"moment {n}.") for n in range(20))
    told = replace(CART, why=Why("send", "passed", timeline=moments))
    with served([told]) as client:
        page = client.get("/inbox/messages/1234-1").text
    assert "13 earlier moments" in page
    assert page.index("moment 12.") < page.index("</details>") < page.index("moment 13.")


def test_mail_that_is_gone_is_said_to_be_gone(inbox: httpx.Client) -> None:
    for path in ("/inbox/messages/none-1", "/inbox/messages/none-1/pane"):
        answer = inbox.get(path)
        assert answer.status_code == 404 and "not here any more" in answer.text
    assert inbox.get("/inbox/messages/none-1/frame").status_code == 404


def test_pages_run_no_script_but_their_own(inbox: httpx.Client) -> None:
    answer = inbox.get("/inbox")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    assert "<script>" not in answer.text and "<style" not in answer.text and " style=" not in answer.text


def test_pages_load_nothing_from_elsewhere(inbox: httpx.Client) -> None:
    page = inbox.get("/inbox").text
    loaded = [
        piece.split('"')[0] for mark in ('src="', '<link rel="stylesheet" href="') for piece in page.split(mark)[1:]
    ]
    assert len(loaded) >= 5
    assert all(address.startswith("/") for address in loaded)
    for address in loaded:
        assert inbox.get(address.replace("&amp;", "&")).status_code == 200


def test_assets_may_be_kept_as_their_address_changes_with_them(inbox: httpx.Client) -> None:
    page = inbox.get("/inbox").text
    address = page.split('<link rel="stylesheet" href="')[1].split('"')[0]
    answer = inbox.get(address)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert inbox.get("/console/static/..%2Fbase.html").status_code == 404
    assert inbox.get("/console/static/none.css").status_code == 404


def test_frame_lets_no_script_run(inbox: httpx.Client) -> None:
    answer = inbox.get("/inbox/messages/1234-1/frame")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox ") and "allow-scripts" not in policy and "allow-same-origin" not in policy
    assert "script-src" not in policy and "default-src 'none'" in policy
    assert "<h1>Still here</h1>" in answer.text and '<base target="_blank">' in answer.text


@pytest.mark.parametrize(("scheme", "kept"), [("light", "min"), ("dark", "max")])
def test_frame_answers_the_mails_questions_about_dark_mode(scheme: str, kept: str) -> None:
    style = "@media ( Prefers-Color-Scheme : light ) {a{}} @media (prefers-color-scheme:dark) {b{}}"
    html = f"<head><style>{style}</style></head>"
    shown = framed(html, "dark" if scheme == "dark" else "light")
    assert f"@media ({kept}-width: 0px) {{a{{}}}}" in shown
    assert f"color-scheme:{scheme} only" in shown
    assert "prefers-color-scheme" not in shown.lower()


def test_frame_shows_fragments_and_nothing_at_all() -> None:
    assert "<body><p>hello</p></body>" in framed("<p>hello</p>", "light")
    assert "<body></body>" in framed("", "dark")


def test_references_of_any_kind_can_be_opened() -> None:
    odd = [replace(CART, message_ref=ref) for ref in ("a b?c#d", "ü-1", "100%", "<x>&")]
    with served(odd) as client:
        page = client.get("/inbox").text
        addresses = [piece.split('"')[0] for piece in page.split('href="/inbox/messages/')[1:]]
        for address in addresses:
            assert client.get("/inbox/messages/" + address.replace("&amp;", "&")).status_code == 200


def test_mail_without_words_is_listed_all_the_same() -> None:
    bare = InboxMessage("1", "", "", "", "", "", "", EVENING)
    with served([bare]) as client:
        page = client.get("/inbox/messages/1").text
    assert "(no subject)" in page and "no HTML part" in page and "no text part" in page and "No headers kept" in page


def test_message_list_pages_newest_first() -> None:
    source = MessageList([THANKS, CART])
    page = source.list_messages(InboxQuery(limit=1))
    assert (page.total, [message.message_ref for message in page.summaries]) == (2, ["1234-1"])
    assert [message.message_ref for message in source.list_messages(InboxQuery(offset=1)).summaries] == ["77-1"]
    assert [(campaign.campaign_id, campaign.count) for campaign in source.list_campaigns()] == [
        ("abandoned_cart", 1),
        ("post_purchase", 1),
    ]


def test_sender_pictures_and_colours_stay_the_same() -> None:
    assert [initials(text) for text in ("Fern & Kettle <a@b.example>", "zoe@x.example", "", "李雷")] == [
        "FK",
        "ZX",
        "?",
        "李",
    ]
    assert hue("abandoned_cart") == hue("abandoned_cart")
    assert {hue(str(number)) for number in range(200)} == set(range(8))


def test_addresses_in_plain_text_become_links_without_their_full_stop() -> None:
    assert pieces("see https://a.example/b?c=1. or (http://d.example)") == [
        ("see ", ""),
        ("https://a.example/b?c=1", "https://a.example/b?c=1"),
        (". or (", ""),
        ("http://d.example", "http://d.example"),
        (")", ""),
    ]


def test_pictures_are_served_by_name(tmp_path: Path) -> None:
    pictures = Pictures(DemoShop(), tmp_path)
    with serving(Starlette(routes=picture_routes(pictures.find))) as url:
        answer = httpx.get(f"{url}/pictures/FK-1000.png")
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
        assert answer.content == pictures.find("FK-1000.png")
        assert httpx.get(f"{url}/pictures/..%2Fsecret.png").status_code == 404


def test_what_needs_a_person_stands_over_the_list() -> None:
    alarms = [
        InboxAlarm("2 mails of welcome could not be made: <title>", "correct the template"),
        InboxAlarm("the pool spring is low", "import more", is_urgent=False),
    ]
    routes = inbox_routes(MessageList([CART], alarms))
    with serving(Starlette(routes=routes)) as url, httpx.Client(base_url=url) as site:
        page = site.get("/inbox").text
        assert page.count('role="alert"') == 2 and page.count("alarm urgent") == 1
        assert "could not be made: &lt;title&gt;" in page and "import more" in page
        assert 'role="alert"' not in site.get("/inbox/list").text

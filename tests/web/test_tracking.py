"""Links of a mail, followed by shoppers and by machines."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import httpx
import pytest

TARGET = "https://shop.example/p/1?a=1&b=%20x"


def test_a_click_leads_where_it_was_signed_for_and_is_recorded(client: httpx.Client, shop: Any):
    answer = client.get(shop.links.click(TARGET, "7-1"))
    assert (answer.status_code, answer.headers["location"]) == (302, TARGET)
    assert [(one.kind, one.url, one.machine) for one in shop.reactions] == [("clicked", TARGET, False)]


@pytest.mark.parametrize("target", ["javascript:alert(1)", "//evil.example", "https:///x", "ftp://x.example", ""])
def test_only_web_addresses_are_followed(client: httpx.Client, shop: Any, target: str):
    answer = client.get(shop.links.click(target, "7-1"))
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_forged_link_and_one_for_another_purpose_lead_nowhere(client: httpx.Client, shop: Any):
    genuine = shop.links.click(TARGET, "7-1")
    pixel = shop.links.open_pixel("7-1").replace("/o/", "/c/")
    for path in ("/c/7-1/x", pixel, genuine + "z", genuine.replace("7-1", "8-1"), genuine.split("?")[0]):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "leads nowhere" in answer.text
    assert shop.reactions == []


@pytest.mark.parametrize(
    "agent", ["", "Barracuda Sentinel (EE)", "python-requests/2.31", "Googlebot/2.1", "Mozilla/5.0"]
)
def test_scanners_are_marked_and_still_redirected(client: httpx.Client, shop: Any, agent: str):
    path = shop.links.click(TARGET, "7-1")
    assert client.get(path, headers={"User-Agent": agent}).status_code == 302
    assert shop.reactions[0].machine


def test_head_requests_and_prefetches_are_machines(client: httpx.Client, shop: Any):
    path = shop.links.click(TARGET, "7-1")
    assert client.head(path).status_code == 302
    client.get(path, headers={"Sec-Purpose": "prefetch;prerender"})
    assert [one.machine for one in shop.reactions] == [True, True]


@pytest.mark.parametrize(("seconds", "machine"), [(1, True), (30, False), (None, True)])
def test_nobody_clicks_at_the_moment_of_the_sending(client: httpx.Client, shop: Any, seconds: int, machine: bool):
    sent_at = None if seconds is None else shop.clock.now() - timedelta(seconds=seconds)
    shop.messages["7-1"] = dataclasses.replace(shop.messages["7-1"], sent_at=sent_at)
    client.get(shop.links.click(TARGET, "7-1"))
    assert shop.reactions[0].machine is machine


def test_a_shopper_reaches_the_shop_while_the_database_is_away(client: httpx.Client, shop: Any):
    shop.down = True
    assert client.get(shop.links.click(TARGET, "7-1")).status_code == 302


def test_the_cart_link_restores_the_cart(client: httpx.Client, shop: Any):
    answer = client.get(shop.links.cart("https://shop.example/cart?restore=c1", "7-1"))
    assert answer.headers["location"] == "https://shop.example/cart?restore=c1"


def test_the_pixel_is_always_a_picture_and_records_genuine_opens(client: httpx.Client, shop: Any):
    for path in (shop.links.open_pixel("7-1"), "/o/7-1/forged"):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
        assert answer.content.startswith(b"GIF89a")
        assert "no-store" in answer.headers["cache-control"]
    assert [one.kind for one in shop.reactions] == ["opened"]


def test_the_mail_shows_in_the_browser_and_can_run_nothing(client: httpx.Client, shop: Any):
    answer = client.get(shop.links.web_version("7-1"))
    assert answer.text == "<h1>Hello</h1>"
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "allow-scripts" not in policy


def test_the_web_version_says_when_it_cannot_be_shown(client: httpx.Client, shop: Any):
    assert client.get(shop.links.web_version("9-1")).status_code == 410
    shop.down = True
    assert client.get(shop.links.web_version("7-1")).status_code == 503


def test_every_answer_carries_the_safety_headers(client: httpx.Client, shop: Any):
    for path in ("/healthz", "/nothing", "/c/x/y", "/o/x/y"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers

"""Leaving and choosing: one POST is enough, a GET never is."""

from __future__ import annotations

from typing import Any

import httpx


def leave(shop: Any) -> str:
    return str(shop.links.unsubscribe("7-1"))


def test_looking_at_the_page_unsubscribes_nobody(client: httpx.Client, shop: Any):
    answer = client.get(leave(shop))
    client.head(leave(shop))
    assert answer.status_code == 200
    assert 'method="post"' in answer.text
    assert "a•••@mail.example" in answer.text
    assert "ann@mail.example" not in answer.text
    assert shop.departures == []


def test_the_mail_clients_own_button_is_enough(client: httpx.Client, shop: Any):
    answer = client.post(leave(shop), data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert [(one.message_ref, one.campaign_id, one.one_click) for one in shop.departures] == [("7-1", None, True)]


def test_one_click_may_come_as_multipart(client: httpx.Client, shop: Any):
    body = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post(leave(shop), content=body, headers=headers).status_code == 200
    assert [one.campaign_id for one in shop.departures] == [None]


def test_the_pages_button_leaves_everything(client: httpx.Client, shop: Any):
    answer = client.post(leave(shop), data={"scope": "all"})
    assert "You are unsubscribed" in answer.text
    assert shop.links.preferences("7-1") in answer.text
    assert [one.campaign_id for one in shop.departures] == [None]


def test_one_campaign_alone_can_be_left(client: httpx.Client, shop: Any):
    answer = client.post(leave(shop), data={"scope": "campaign"})
    assert "Your cart" in answer.text
    assert [one.campaign_id for one in shop.departures] == ["cart"]


def test_a_forged_link_unsubscribes_nobody(client: httpx.Client, shop: Any):
    assert client.post("/u/7-1/forged", data={"List-Unsubscribe": "One-Click"}).status_code == 404
    assert client.post(leave(shop)[:-2], data={"List-Unsubscribe": "One-Click"}).status_code == 404
    assert shop.departures == []


def test_a_wish_to_leave_never_seems_granted_when_it_was_not(client: httpx.Client, shop: Any):
    shop.down = True
    answer = client.post(leave(shop), data={"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert "Nothing was changed" in answer.text


def test_an_old_link_still_leaves_when_the_message_is_kept_no_longer(client: httpx.Client, shop: Any):
    assert client.post(shop.links.unsubscribe("1-1"), data={"scope": "all"}).status_code == 200
    assert [one.message_ref for one in shop.departures] == ["1-1"]


def test_preferences_are_shown_and_saved(client: httpx.Client, shop: Any):
    page = shop.links.preferences("7-1")
    assert client.get(page).text.count(" checked") == 2
    answer = client.post(page, data={"topic": ["reviews", "made-up"]})
    assert shop.wanted == {"reviews"}
    assert answer.text.count(" checked") == 1
    assert "Saved" in answer.text


def test_everything_can_be_switched_off_at_once(client: httpx.Client, shop: Any):
    answer = client.post(shop.links.preferences("7-1"), data={"topic": ["reviews"], "none": "1"})
    assert shop.wanted == frozenset()
    assert "no marketing emails" in answer.text


def test_the_pages_wear_the_shops_look_and_nothing_that_is_no_look(client: httpx.Client, shop: Any):
    answer = client.get(leave(shop))
    assert "--primary: #14532d" in answer.text
    assert "Fern &amp; Kettle" in answer.text
    assert "<script" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_form_too_large_is_refused(client: httpx.Client, shop: Any):
    assert client.post(leave(shop), content=b"x" * 20_000).status_code == 413
    assert shop.departures == []

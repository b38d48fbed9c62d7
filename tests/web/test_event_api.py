"""Clients of Segment and RudderStack post to a real port: what is taken, what is refused, and with which words."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import zlib
from typing import Any

import httpx
import pytest

from campaigns.domain.segment import RejectReason
from triggers.events import EventName

KEY = "wk-of-the-website"
AUTH = (KEY, "")


def added(number: int = 1, **more: Any) -> dict[str, Any]:
    properties = {"product_id": f"p{number}", "price": 5}
    return {
        "type": "track",
        "event": "Product Added",
        "messageId": f"m{number}",
        "anonymousId": "a",
        "properties": properties,
        **more,
    }


def test_a_batch_is_stored_and_counted(client: httpx.Client, shop: Any):
    answer = client.post("/v1/batch", json={"batch": [added(1), added(2)]}, auth=AUTH)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 2)
    assert len(shop.inbox.rows) == 1
    assert [event.name for event in shop.inbox.events()] == [EventName.PRODUCT_ADDED] * 2
    assert shop.inbox.rows[0][0] == "website"


@pytest.mark.parametrize(
    ("call", "body", "name"),
    [
        ("track", {"event": "Cart Viewed"}, EventName.CART_VIEWED),
        ("identify", {"traits": {"email": "a@b.example"}}, EventName.IDENTIFIED),
        ("page", {"name": "Home"}, EventName.PAGE_VIEWED),
        ("screen", {"name": "Home"}, EventName.PAGE_VIEWED),
        ("alias", {"previousId": "a"}, EventName.ALIASED),
        ("group", {"groupId": "g"}, "Grouped"),
        ("t", {"event": "Cart Viewed"}, EventName.CART_VIEWED),
    ],
)
def test_every_single_call_is_taken(client: httpx.Client, shop: Any, call: str, body: dict[str, Any], name: str):
    answer = client.post(f"/v1/{call}", json={"userId": "u", "messageId": "m", **body}, auth=AUTH)
    assert answer.status_code == 200, answer.text
    assert [event.name for event in shop.inbox.events()] == [name]


def test_the_write_key_may_come_in_every_place_clients_put_it(client: httpx.Client, shop: Any):
    batch = {"batch": [added()]}
    basic = base64.b64encode(f"{KEY}:".encode()).decode()
    answers = [
        client.post("/v1/batch", json=batch, headers={"Authorization": f"Basic {basic}"}),
        client.post("/v1/batch", json=batch, headers={"Authorization": f"Bearer {KEY}"}),
        client.post("/v1/batch", json={**batch, "writeKey": KEY}),
        client.post("/v1/track", json={**added(), "writeKey": KEY}),
        client.post("/beacon/v1/batch", json=batch, params={"writeKey": KEY}),
    ]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert all(KEY.encode() not in row[2] for row in shop.inbox.rows)


@pytest.mark.parametrize("auth", [("wrong", ""), ("", ""), None])
def test_a_wrong_key_is_told_so_and_nothing_is_kept(client: httpx.Client, shop: Any, auth: Any):
    answer = client.post("/v1/batch", json={"batch": [added()]}, auth=auth)
    assert answer.status_code == 401
    assert "write key" in answer.json()["message"]
    assert shop.inbox.rows == []


def test_the_content_decides_and_not_the_content_type(client: httpx.Client, shop: Any):
    body = json.dumps({"batch": [added()]}).encode()
    for packed in (body, gzip.compress(body), zlib.compress(body)):
        for kind in ("application/x-www-form-urlencoded", "text/plain", "application/octet-stream"):
            answer = client.post("/v1/batch", content=packed, headers={"Content-Type": kind}, auth=AUTH)
            assert answer.status_code == 200
    assert len(shop.inbox.events()) == 9


def test_nan_and_broken_utf8_do_not_cost_the_batch(client: httpx.Client, shop: Any):
    body = (
        b'{"batch": [{"type": "page", "anonymousId": "a", "userId": NaN, "properties": {"x": "\xff", "y": Infinity}}]}'
    )
    assert client.post("/v1/batch", content=body, auth=AUTH).json()["accepted"] == 1
    assert shop.inbox.events()[0].user_id is None


def test_bad_events_are_named_and_good_ones_kept(client: httpx.Client, shop: Any):
    bad = {"type": "track", "event": "x", "messageId": "bad"}
    answer = client.post("/v1/batch", json={"batch": [added(1), bad, 7, added(2)]}, auth=AUTH)
    assert (answer.status_code, answer.json()["accepted"], answer.json()["rejected"]) == (200, 2, 2)
    assert [one["reason"] for one in answer.json()["rejects"]] == ["no_identity", "not_an_object"]
    assert [(one.message_id, one.reason) for one in shop.inbox.rejected] == [
        ("bad", RejectReason.NO_IDENTITY),
        (None, RejectReason.NOT_AN_OBJECT),
    ]
    assert json.loads(shop.inbox.rejected[0].raw) == bad


def test_an_event_over_its_limit_is_refused_alone(client: httpx.Client, shop: Any):
    answer = client.post("/v1/batch", json={"batch": [added(1, context={"x": "y" * 33_000}), added(2)]}, auth=AUTH)
    assert answer.json()["accepted"] == 1
    assert answer.json()["rejects"][0]["reason"] == "too_large"


@pytest.mark.slow
def test_too_much_is_413_however_it_is_packed(client: httpx.Client, shop: Any):
    large = json.dumps({"batch": [added(1, note="x" * 600_000)]}).encode()
    many = json.dumps({"batch": [{"a": 1}] * 2_501}).encode()
    bomb = gzip.compress(b"[" + b" " * 200_000_000 + b"]")
    for body in (large, gzip.compress(large), many, bomb):
        assert client.post("/v1/batch", content=body, auth=AUTH).status_code == 413
    assert shop.inbox.rows == []


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(client: httpx.Client, shop: Any):
    endless = (b"x" * 65_536 for _ in range(10_000))
    with contextlib.suppress(httpx.WriteError):  # the server closes the connection before all of it was sent
        assert client.post("/v1/batch", content=endless, auth=AUTH).status_code == 413
    assert shop.inbox.rows == []
    assert client.get("/healthz").status_code == 200


CUT_OFF = gzip.compress(b"{}", mtime=0)[:-9]


@pytest.mark.parametrize("body", [b"", b"{", b"\x1f\x8b broken", CUT_OFF, b"7", b'{"batch": 1}'])
def test_what_can_never_be_read_is_400_and_noted(client: httpx.Client, shop: Any, body: bytes):
    answer = client.post("/v1/batch", content=body, auth=AUTH)
    assert answer.status_code == 400
    assert answer.json()["message"]
    assert [one.reason for one in shop.inbox.rejected] == [RejectReason.UNREADABLE_BODY]


def test_while_the_database_is_away_clients_are_asked_to_come_back(client: httpx.Client, shop: Any):
    shop.inbox.broken = True
    answer = client.post("/v1/batch", json={"batch": [added()]}, auth=AUTH)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    shop.inbox.broken = False
    assert client.post("/v1/batch", json={"batch": [added()]}, auth=AUTH).status_code == 200


def test_browsers_of_other_origins_may_post(client: httpx.Client, shop: Any):
    headers = {"Origin": "https://shop.example", "Access-Control-Request-Headers": "authorization"}
    answer = client.options("/v1/track", headers=headers)
    assert answer.status_code == 204
    assert "authorization" in answer.headers["access-control-allow-headers"]
    refused = client.post("/v1/track", json=added(), headers={"Origin": "https://shop.example"})
    assert refused.headers["access-control-allow-origin"] == "*"


def test_messages_without_id_stay_apart_in_a_batch(client: httpx.Client, shop: Any):
    twice = {"type": "track", "event": "Product Added", "userId": "u", "properties": {"product_id": "p"}}
    client.post("/v1/batch", json={"batch": [twice, twice]}, auth=AUTH)
    first, second = shop.inbox.events()
    assert first.message_id != second.message_id
    assert shop.inbox.events() == [first, second]


def test_a_batchs_context_and_sent_at_count_for_all_its_events(client: httpx.Client, shop: Any):
    page = {"page": {"url": "https://shop.example/?utm_source=ads"}}
    message = {**added(), "timestamp": "2026-03-01T09:00:00Z"}
    client.post("/v1/batch", json={"batch": [message], "sentAt": "2026-03-01T09:10:00Z", "context": page}, auth=AUTH)
    event = shop.inbox.events()[0]
    assert event.visit.source == "ads"
    assert event.occurred_at.isoformat() == "2026-03-01T11:50:00+00:00"


def test_a_slash_too_many_is_no_reason_to_lose_events(client: httpx.Client, shop: Any):
    assert client.post("/v1/batch/", json={"batch": [added()]}, auth=AUTH).status_code == 200
    assert client.post("/v1/dance", json={}, auth=AUTH).status_code == 404
    assert client.get("/u/x/y/", headers={"Host": "evil.example"}).status_code == 404

"""A till asks over a real port what a coupon code is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from campaigns.web.app import create_app
from campaigns.web.server import serving
from campaigns.web.wiring import services_of
from tests.pipeline.small_shop import Shop, ordered
from tests.pipeline.test_coupons import arm, carried, coupon_shop, fill

pytestmark = pytest.mark.servers


@pytest.fixture
def shop(tmp_path: Path, environ: dict[str, str]) -> Iterator[Shop]:
    with coupon_shop(tmp_path, environ, "pool: spring, pattern: 'SPRING-####-####', valid_for: 7d") as found:
        yield found


@pytest.fixture
def client(shop: Shop) -> Iterator[httpx.Client]:
    key = shop.engine.settings.catalog_key
    assert key is not None
    with (
        serving(create_app(services_of(shop.engine)), host="127.0.0.1", port=0) as url,
        httpx.Client(base_url=url, auth=(key.get_secret_value(), "")) as found,
    ):
        yield found


def check(client: httpx.Client, code: str) -> dict:
    answer = client.post("/v1/coupons/check", json={"code": code})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_code_made_for_a_mail_is_valid_until_an_order_names_it(client: httpx.Client, shop: Shop) -> None:
    arm(shop, "mia")
    shop.decide()
    code = carried(shop)["mia"]
    told = check(client, f" {code.lower()} ")
    [coupon] = told["coupons"]
    assert told["valid"] and (coupon["code"], coupon["pool"], coupon["status"]) == (code, "spring", "reserved")
    assert coupon["valid_until"] and coupon["order_id"] is None
    assert check(client, code)["valid"], "asking uses nothing up"
    shop.send(ordered("mia", shop.ago(0), "o-77", coupon=code))
    told = check(client, code)
    assert not told["valid"] and (told["coupons"][0]["status"], told["coupons"][0]["order_id"]) == ("redeemed", "o-77")


def test_a_code_that_ended_or_was_not_handed_out_is_not_valid(client: httpx.Client, shop: Shop) -> None:
    arm(shop, "mia")
    shop.decide()
    shop.run("UPDATE coupon_codes SET valid_until = now() - interval '1 minute'")
    assert not check(client, carried(shop)["mia"])["valid"]
    fill(shop, "FREE-1", expires_at=shop.engine.clock.now() + timedelta(days=9))
    told = check(client, "FREE-1")
    assert not told["valid"] and told["coupons"][0]["status"] == "free"
    assert check(client, "NOBODYS") == {"success": True, "code": "NOBODYS", "valid": False, "coupons": []}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"code": 5}', b'{"code": ""}', b'{"code": "a\\u0000b"}', b"\xff"])
def test_what_is_no_code_is_400(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/v1/coupons/check", content=body)
    assert answer.status_code == 400 and answer.json()["success"] is False


def test_the_key_is_needed_and_guessing_it_is_slowed_down(client: httpx.Client, shop: Shop) -> None:
    [write_key] = [key.get_secret_value() for key in shop.engine.settings.write_keys.values()][:1]
    statuses = [
        client.post("/v1/coupons/check", json={"code": "A"}, auth=(key, "")).status_code
        for key in (write_key, *["wrong"] * 40)
    ]
    assert statuses[0] == 401 and set(statuses) == {401, 429}
    assert check(client, "A")["coupons"] == [], "the right key is not slowed down"
    assert client.post("/v1/coupons/check", content=b"x" * 5_000).status_code == 413

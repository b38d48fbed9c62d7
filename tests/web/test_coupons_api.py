"""A till asks over a real port what a coupon code is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.pipeline.small_shop import Shop, ordered
from tests.pipeline.test_coupons import arm, carried, coupon_shop, fill

pytestmark = pytest.mark.servers


@pytest.fixture
def shop(tmp_path: Path, environ: dict[str, str]) -> Iterator[Shop]:
    with coupon_shop(tmp_path, environ, "pool: spring, pattern: 'SPRING-####-####', valid_for: 7d") as found:
        yield found


def check(catalog_client: httpx.Client, code: str) -> dict:
    answer = catalog_client.post("/v1/coupons/check", json={"code": code})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_code_made_for_a_mail_is_valid_until_an_order_names_it(catalog_client: httpx.Client, shop: Shop) -> None:
    arm(shop, "mia")
    shop.decide()
    code = carried(shop)["mia"]
    told = check(catalog_client, f" {code.lower()} ")
    [coupon] = told["coupons"]
    assert told["valid"] and (coupon["code"], coupon["pool"], coupon["status"]) == (code, "spring", "reserved")
    assert coupon["valid_until"] and coupon["order_id"] is None
    assert check(catalog_client, code)["valid"], "asking uses nothing up"
    shop.send(ordered("mia", shop.ago(0), "o-77", coupon=code))
    told = check(catalog_client, code)
    assert not told["valid"] and (told["coupons"][0]["status"], told["coupons"][0]["order_id"]) == ("redeemed", "o-77")


def test_a_code_that_ended_or_was_not_handed_out_is_not_valid(catalog_client: httpx.Client, shop: Shop) -> None:
    arm(shop, "mia")
    shop.decide()
    shop.run("UPDATE coupon_codes SET valid_until = now() - interval '1 minute'")
    assert not check(catalog_client, carried(shop)["mia"])["valid"]
    fill(shop, "FREE-1", expires_at=shop.engine.clock.now() + timedelta(days=9))
    told = check(catalog_client, "FREE-1")
    assert not told["valid"] and told["coupons"][0]["status"] == "free"
    assert check(catalog_client, "NOBODYS") == {"success": True, "code": "NOBODYS", "valid": False, "coupons": []}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"code": 5}', b'{"code": ""}', b'{"code": "a\\u0000b"}', b"\xff"])
def test_what_is_no_code_is_400(catalog_client: httpx.Client, body: bytes) -> None:
    answer = catalog_client.post("/v1/coupons/check", content=body)
    assert answer.status_code == 400 and answer.json()["success"] is False


def test_the_key_is_needed_and_guessing_it_is_slowed_down(catalog_client: httpx.Client, shop: Shop) -> None:
    [write_key] = [key.get_secret_value() for key in shop.engine.settings.write_keys.values()][:1]
    statuses = [
        catalog_client.post("/v1/coupons/check", json={"code": "A"}, auth=(key, "")).status_code
        for key in (write_key, *["wrong"] * 40)
    ]
    assert statuses[0] == 401 and set(statuses) == {401, 429}
    assert check(catalog_client, "A")["coupons"] == [], "the right key is not slowed down"
    assert catalog_client.post("/v1/coupons/check", content=b"x" * 5_000).status_code == 413

"""A till uses a coupon code up over a real port: once, for one order, and given back where that is cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.pipeline.small_shop import Shop, ordered, track
from tests.pipeline.test_coupons import arm, carried, coupon_shop, fill

pytestmark = pytest.mark.servers


@pytest.fixture
def shop(tmp_path: Path, environ: dict[str, str]) -> Iterator[Shop]:
    with coupon_shop(tmp_path, environ, "pool: spring, pattern: 'SPRING-####-####', valid_for: 7d") as found:
        yield found


@pytest.fixture
def code(shop: Shop) -> str:
    """The code that was mailed to mia."""
    arm(shop, "mia", "ida")
    shop.decide()
    return carried(shop)["mia"]


def redeem(catalog_client: httpx.Client, code: str, order_id: object = "o-1", **more: object) -> tuple[int, dict]:
    answer = catalog_client.post("/v1/coupons/redeem", json={"code": code, "order_id": order_id, **more})
    return answer.status_code, answer.json()


def reason(catalog_client: httpx.Client, code: str, order_id: object = "o-1", **more: object) -> tuple[int, str]:
    status, told = redeem(catalog_client, code, order_id, **more)
    assert told["success"] is False and told["message"]
    return status, told["reason"]


def kept(shop: Shop, code: str) -> tuple[str, str | None, int | None]:
    [row] = shop.rows("SELECT status, order_id, order_minor FROM coupon_codes WHERE code = :code", code=code)
    return tuple(row)


def test_a_code_is_redeemed_once_however_often_the_order_asks(
    catalog_client: httpx.Client, shop: Shop, code: str
) -> None:
    status, told = redeem(catalog_client, f" {code.lower()}")
    assert (status, told["success"], told["again"]) == (200, True, False)
    assert (told["code"], told["pools"], told["order_id"]) == (code, ["spring"], "o-1")
    status, told = redeem(catalog_client, code)
    assert (status, told["again"], told["order_id"]) == (200, True, "o-1")
    status, told = redeem(catalog_client, code, "o-2")
    assert (status, told["reason"], told["order_id"]) == (409, "already_redeemed", "o-1")
    assert not catalog_client.post("/v1/coupons/check", json={"code": code}).json()["valid"]
    assert kept(shop, code) == ("redeemed", "o-1", None)


def test_of_many_tills_at_once_one_gets_it(catalog_client: httpx.Client, code: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda number: redeem(catalog_client, code, f"o-{number}"), range(16)))
    assert sorted(status for status, _ in told) == [200, *[409] * 15]
    [winner] = {answer["order_id"] for _, answer in told}
    assert winner.startswith("o-")


def test_every_refusal_says_why(catalog_client: httpx.Client, shop: Shop, code: str) -> None:
    assert reason(catalog_client, "NOBODYS") == (404, "unknown")
    fill(shop, "FREE-1")
    assert reason(catalog_client, "FREE-1") == (409, "not_handed_out")
    for stranger in ("ida", "ida@shopper.example", "never-seen"):
        assert reason(catalog_client, code, shopper=stranger) == (409, "other_shopper")
    shop.run("UPDATE coupon_codes SET valid_until = now() - interval '1 minute'")
    assert reason(catalog_client, code) == (409, "ended")
    assert kept(shop, code)[:2] == ("reserved", None)


@pytest.mark.parametrize("shopper", ["mia", "Mia@Shopper.example"])
def test_the_shopper_it_was_mailed_to_may_use_it(catalog_client: httpx.Client, code: str, shopper: str) -> None:
    assert redeem(catalog_client, code, 1001, shopper=shopper)[0] == 200
    assert redeem(catalog_client, code, "1001", shopper=shopper)[1]["again"]


def test_the_order_that_follows_brings_its_total_and_no_other_order_does(
    catalog_client: httpx.Client, shop: Shop, code: str
) -> None:
    redeem(catalog_client, code, "o-7")
    shop.send(ordered("ida", shop.ago(0), "o-8", coupon=code))
    assert kept(shop, code) == ("redeemed", "o-7", None)
    shop.send(ordered("mia", shop.ago(0), "o-7", coupon=code))
    assert kept(shop, code) == ("redeemed", "o-7", 4990)


def cancelled(shop: Shop, who: str, order_id: str) -> None:
    shop.send(track("Order Cancelled", who, shop.ago(0), order_id=order_id))


def test_a_cancelled_order_gives_the_code_back(catalog_client: httpx.Client, shop: Shop, code: str) -> None:
    shop.send(ordered("mia", shop.ago(1), "o-9", coupon=code))
    assert reason(catalog_client, code, "o-10") == (409, "already_redeemed")
    cancelled(shop, "mia", "o-9")
    assert kept(shop, code) == ("reserved", None, None)
    assert redeem(catalog_client, code, "o-10")[0] == 200
    cancelled(shop, "mia", "o-9")
    assert kept(shop, code)[:2] == ("redeemed", "o-10"), "only the order that has it gives it back"


def test_an_order_cancelled_before_it_was_heard_of_uses_nothing_up(shop: Shop, code: str) -> None:
    cancelled(shop, "mia", "o-11")
    shop.send(ordered("mia", shop.ago(1), "o-11", coupon=code))
    assert kept(shop, code)[:2] == ("reserved", None)


def test_a_code_given_away_elsewhere_is_not_mailed_after_a_cancelled_order(shop: Shop) -> None:
    fill(shop, "LEAFLET-1")
    shop.send(ordered("bo", shop.ago(1), "o-12", coupon="LEAFLET-1"))
    cancelled(shop, "bo", "o-12")
    assert kept(shop, "LEAFLET-1")[0] == "redeemed"


@pytest.mark.parametrize(
    "asked",
    [{}, {"code": "A"}, {"order_id": "1"}, {"code": "A", "order_id": ""}, {"code": "A", "order_id": "a\u0000"},
     {"code": "A", "order_id": ["1"]}, {"code": "A", "order_id": 1, "shopper": {}}, {"code": "x" * 200, "order_id": 1}],
)  # fmt: skip
def test_what_is_no_request_is_400(catalog_client: httpx.Client, asked: dict) -> None:
    answer = catalog_client.post("/v1/coupons/redeem", json=asked)
    assert answer.status_code == 400 and "order_id" in answer.json()["message"]


def test_the_key_is_needed(catalog_client: httpx.Client, code: str) -> None:
    asked = {"code": code, "order_id": "1"}
    assert catalog_client.post("/v1/coupons/redeem", json=asked, auth=("wrong", "")).status_code == 401
    assert redeem(catalog_client, code)[0] == 200

"""A shop's system pushes products to a real port, over a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from campaigns.pipeline.tell import tell_all
from tests.pipeline.small_shop import Shop, identify, open_shop, track
from tests.pipeline.test_catalog_changes import use_drafts

pytestmark = pytest.mark.servers


@pytest.fixture
def shop(tmp_path: Path, environ: dict[str, str]) -> Iterator[Shop]:
    with open_shop(tmp_path / "shop", environ) as found:
        yield found


def product(shop: Shop, product_id: str) -> tuple[object, ...]:
    [row] = shop.rows(
        "SELECT title, price_minor, list_price_minor, stock, hidden, category FROM products WHERE product_id = :p",
        p=product_id,
    )
    return tuple(row)


def test_only_what_is_named_changes(catalog_client: httpx.Client, shop: Shop) -> None:
    new = {"id": "lamp", "name": "Lamp", "price": "49,90", "stock": 0, "category": "light", "list_price": 60}
    assert catalog_client.post("/v1/products", json=new).json()["accepted"] == 1
    assert product(shop, "lamp") == ("Lamp", 4990, 6000, 0, False, "light")
    catalog_client.post("/v1/products", json=[{"sku": "lamp", "in_stock": True, "category": None}])
    assert product(shop, "lamp") == ("Lamp", 4990, 6000, None, False, "")
    catalog_client.post(
        "/v1/products", json={"products": [{"productId": "lamp", "price": 70}, {"sku": "lamp", "hidden": True}]}
    )
    assert product(shop, "lamp") == ("Lamp", 7000, None, None, True, "")


def test_a_lower_price_starts_the_campaign(catalog_client: httpx.Client, shop: Shop) -> None:
    use_drafts(shop, "price_drop")
    shop.send(identify("mia", shop.ago(6)), track("Product Viewed", "mia", shop.ago(5), product_id="p1"))
    answer = catalog_client.post("/v1/products", json={"product_id": "p1", "price_minor": 500})
    assert answer.json()["price_drops"] == 1
    assert tell_all(shop.engine).told == 1
    assert shop.rows("SELECT status FROM enrollments WHERE campaign_id = 'price_drop'") == [("armed",)]


def test_pushes_in_any_order_end_the_same(catalog_client: httpx.Client, shop: Shop) -> None:
    shop.run("UPDATE products SET updated_at = '2026-01-01'")
    for at, price in (("2026-03-01T12:00:00Z", 7), ("2026-03-01T11:00:00Z", 8), ("2026-03-01T10:00:00Z", 6)):
        catalog_client.post("/v1/products", json={"product_id": "p1", "price": price, "updated_at": at})
    assert product(shop, "p1")[1] == 700


def test_what_cannot_be_used_is_named_and_the_rest_is_kept(catalog_client: httpx.Client, shop: Shop) -> None:
    pushed = [
        7,
        {"price": 3},
        {"product_id": "p1", "prize": 3},
        {"product_id": "p1", "stock": "many"},
        {"product_id": "p1", "price": -3},
        {"product_id": "unheard-of", "price": 3},
        {"product_id": "p2", "price": 3},
    ]
    answer = catalog_client.post("/v1/products", json=pushed).json()
    assert (answer["accepted"], answer["rejected"]) == (1, 6)
    assert [(one["reason"], one["detail"]) for one in answer["rejects"]] == [
        ("not_an_object", "is not a JSON object"),
        ("no_product_id", "has no product_id"),
        ("unknown_field", "prize; did you mean price?"),
        ("bad_value", "stock: many"),
        ("bad_value", "price: -3"),
        ("no_title", "a new product needs a title"),
    ]
    assert product(shop, "p2")[1] == 300


@pytest.mark.parametrize("body", [b"", b"{", b"7", b'{"products": 7}', b"\xff\xfe"])
def test_a_body_of_another_shape_changes_nothing(catalog_client: httpx.Client, body: bytes) -> None:
    answer = catalog_client.post("/v1/products", content=body)
    assert answer.status_code == 400
    assert answer.json()["success"] is False


def test_too_much_at_once_is_refused(catalog_client: httpx.Client) -> None:
    assert catalog_client.post("/v1/products", content=b"[" + b" " * 512_001).status_code == 413
    assert catalog_client.post("/v1/products", json=[{"product_id": "p1"}] * 2_501).status_code == 400


def test_a_write_key_is_not_enough(catalog_client: httpx.Client, shop: Shop) -> None:
    [write_key] = [key.get_secret_value() for key in shop.engine.settings.write_keys.values()]
    for auth in ((write_key, ""), ("", ""), ("x" * 500, "")):
        assert catalog_client.post("/v1/products", json={"product_id": "p1", "price": 1}, auth=auth).status_code == 401
    assert product(shop, "p1")[1] == 901


def test_fields_of_hostile_length_and_kind_are_harmless(catalog_client: httpx.Client, shop: Shop) -> None:
    hostile = {"product_id": "p3", "title": "\x00" * 99 + "Z" * 99_999, "attributes": {"a": {"b": float("1e999")}}}
    catalog_client.post("/v1/products", content=str(hostile).replace("'", '"').replace("inf", "NaN").encode())
    catalog_client.post(
        "/v1/products", json={"product_id": "p3", "price_minor": 10**40, "url": ["x"], "hidden": "maybe"}
    )
    assert product(shop, "p3")[1] == 903

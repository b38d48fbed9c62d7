"""Links of a real mail: back to the very cart on any device, told to the shop's analytics, openings noted if wanted."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from campaigns.rendering.links import LinkKind
from campaigns.storage.database import transaction
from campaigns.storage.messages import find_message
from tests.pipeline.small_shop import Shop, added, identify, open_shop

pytestmark = pytest.mark.servers


def mailed_html(shop: Shop) -> tuple[str, str]:
    shop.send(identify("mia", shop.ago(2)), added("mia", shop.ago(2), "a lamp,1", cart_id="c/77"))
    shop.decide()
    [(ref,)] = shop.rows("SELECT message_ref FROM messages")
    with transaction(shop.engine.database) as connection:
        found = find_message(connection, ref)
    assert found is not None
    return ref, unescape(found[1].html)


def cart_target(shop: Shop, html: str) -> str:
    [link] = set(re.findall(r'href="([^"]*/r/[^"]*)"', html))
    checked = shop.engine.links.read(link)
    assert checked is not None and checked.kind is LinkKind.CART
    return checked.target


def test_the_cart_is_found_again_by_its_id_and_its_lines(tmp_path: Path, environ: dict[str, str]) -> None:
    address = "https://lane.example/basket?restore={cart_id}&lines={items}"
    with open_shop(tmp_path / "shop", {**environ, "REKINDLE_SHOP_CART_URL": address}) as shop:
        _, html = mailed_html(shop)
        target = cart_target(shop, html)
        query = parse_qs(urlsplit(target).query)
        assert target.startswith("https://lane.example/basket?restore=c%2F77&lines=a%20lamp%2C1:1&utm_source=rekindle")
        assert query["restore"] == ["c/77"] and unquote(query["lines"][0]) == "a lamp,1:1"
        assert (query["utm_campaign"], query["utm_content"]) == (["abandoned_cart"], ["1"])
        assert "/o/" not in html


def test_without_a_setting_it_is_the_shops_cart_and_openings_are_noted_where_wanted(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    wanted = {"REKINDLE_LINKS_OPEN_PIXEL": "true", "REKINDLE_LINKS_UTM": "false"}
    with open_shop(tmp_path / "shop", {**environ, **wanted}) as shop:
        ref, html = mailed_html(shop)
        assert cart_target(shop, html) == "https://lane.example/cart"
        assert "utm_" not in html and shop.engine.links.open_pixel(ref) in html

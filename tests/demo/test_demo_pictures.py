"""The drawn pictures: one for every product, small, and always the same."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from campaigns.demo.catalog import DEPARTMENTS, catalog
from campaigns.demo.pictures import DRAWINGS, Pictures, draw, logo
from campaigns.demo.shop import DemoShop
from campaigns.domain.product import Product

pytestmark = pytest.mark.slow

SHOP = DemoShop()
ONE_OF_EACH = {product.attributes["shape"]: product for product in catalog(SHOP)}.values()


def test_every_kind_of_product_has_a_drawing() -> None:
    assert {kind.shape for department in DEPARTMENTS for kind in department.kinds} == set(DRAWINGS)


@pytest.mark.parametrize("product", ONE_OF_EACH, ids=lambda product: str(product.attributes["shape"]))
def test_picture_is_a_small_square_png(product: Product) -> None:
    picture = draw(SHOP.seed, product)
    assert len(picture) < 25_000
    opened = Image.open(io.BytesIO(picture))
    assert (opened.format, opened.size) == ("PNG", (600, 600))
    assert len(opened.convert("RGB").getcolors(600 * 600) or ()) > 20


def test_pictures_of_one_kind_differ() -> None:
    mugs = [product for product in catalog(SHOP) if product.attributes["shape"] == "mug"]
    assert len({draw(SHOP.seed, mug) for mug in mugs}) == len(mugs)


def test_pictures_are_drawn_once_and_kept(tmp_path: Path) -> None:
    pictures = Pictures(SHOP, tmp_path / "pictures")
    first = pictures.find("FK-1000.png")
    assert first is not None
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["FK-1000.png"]
    (tmp_path / "pictures" / "FK-1000.png").write_bytes(b"kept")
    assert pictures.find("FK-1000.png") == b"kept"
    assert Pictures(SHOP, tmp_path / "elsewhere").find("FK-1000.png") == first


def test_many_may_ask_for_one_picture_at_once(tmp_path: Path) -> None:
    pictures = Pictures(SHOP, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(pictures.find, ["FK-1007.png"] * 8))
    assert answers == {draw(SHOP.seed, catalog(SHOP)[7])}
    assert [path.name for path in tmp_path.iterdir()] == ["FK-1007.png"]


def test_folder_that_cannot_be_written_costs_no_picture(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert Pictures(SHOP, tmp_path / "file" / "pictures").find("FK-1000.png") == draw(SHOP.seed, catalog(SHOP)[0])


@pytest.mark.parametrize("name", ["FK-9999.png", "../secret.png", "FK-1000.PNG", "", "FK-1000.png/../x"])
def test_no_other_name_is_answered(name: str, tmp_path: Path) -> None:
    assert Pictures(SHOP, tmp_path).find(name) is None
    assert list(tmp_path.iterdir()) == []


def test_logo_carries_the_name_on_a_transparent_ground(tmp_path: Path) -> None:
    opened = Image.open(io.BytesIO(logo(SHOP)))
    assert opened.mode == "RGBA"
    assert opened.getpixel((300, 2))[3] == 0  # type: ignore[index]
    assert Pictures(SHOP, tmp_path).find("logo.png") == logo(SHOP)

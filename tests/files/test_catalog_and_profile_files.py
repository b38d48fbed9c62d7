"""Files of products and of shoppers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaigns.domain.errors import InvalidInput
from campaigns.storage.files import RowFault, load_map, open_catalog, open_profiles
from triggers.events import EventName

NOW = datetime(2025, 7, 1, tzinfo=UTC)


def test_a_catalog_with_our_own_names(tmp_path: Path) -> None:
    path = tmp_path / "catalog.csv"
    path.write_text(
        "product_id,title,price,list_price,currency,stock,hidden,published_at,category\n"
        "a,Cup,12.50,15,GBP,3,no,2025-01-01,Kitchen\n"
        "b,Vase,20,20,,,yes,,\n"
        "c,Lamp,1500,,JPY,-2,,,\n"
        ",Nothing,1,,,,,,\n"
        "d,Chair,free,,,,,,\n"
        "e,Table,5,,,lots,,,\n"
        "f,Bench,5,,,,perhaps,,\n"
    )
    file = open_catalog(path, currency="EUR")
    cup, vase, lamp = file.read_all()
    assert (cup.price_minor, cup.list_price_minor, cup.currency, cup.stock) == (1250, 1500, "GBP", 3)
    assert cup.published_at == datetime(2025, 1, 1, tzinfo=UTC)
    assert (vase.list_price_minor, vase.currency, vase.stock, vase.hidden) == (None, "EUR", None, True)
    assert (lamp.price_minor, lamp.in_stock) == (1500, False), "yen have no minor unit; oversold is out of stock"
    assert file.rejected == {RowFault.MISSING_VALUE: 1, RowFault.BAD_NUMBER: 2, RowFault.BAD_VALUE: 1}


def test_a_merchant_feed_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "feed.txt"
    path.write_text(
        "id\ttitle\tlink\timage_link\tprice\tsale_price\tavailability\tproduct_type\tgtin\n"
        "1\tCup\thttps://s/1\thttps://s/1.jpg\t15.00 GBP\t12.00 GBP\tin stock\tKitchen > Cups\t4006\n"
        "2\tVase\thttps://s/2\thttps://s/2.jpg\t20.00 GBP\t\tout_of_stock\tHome\t\n"
    )
    file = open_catalog(path, currency="GBP")
    cup, vase = file.read_all()
    assert "Google Merchant" in file.note
    assert (cup.price_minor, cup.list_price_minor, cup.category, cup.in_stock) == (1200, 1500, "Kitchen > Cups", True)
    assert (vase.price_minor, vase.list_price_minor, vase.in_stock) == (2000, None, False)


def test_a_merchant_feed_without_sale_prices_has_prices(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("id,title,link,image_link,price\n1,Cup,https://s/1,https://s/1.jpg,15.00 GBP\n")
    (cup,) = open_catalog(path, currency="GBP").read_all()
    assert (cup.price_minor, cup.list_price_minor) == (1500, None)


def test_a_catalog_map_keeps_attributes(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(
        "kind: catalog\nfields: {product_id: sku, title: name, price_minor: cents}\nproperties: {colour: color}\n"
    )
    path = tmp_path / "c.csv"
    path.write_text("sku,name,cents,color\n1,Cup,1250,red\n2,Mug,999,\n")
    cup, mug = open_catalog(path, column_map=tmp_path / "map.yaml", currency="EUR").read_all()
    assert (cup.price_minor, cup.attributes, mug.attributes) == (1250, {"colour": "red"}, {})


def test_a_map_for_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("kind: catalog\nfields: {product_id: sku}\n")
    path = tmp_path / "p.csv"
    path.write_text("sku\n1\n")
    with pytest.raises(InvalidInput, match="a map of catalog, not of profiles"):
        open_profiles(path, column_map=tmp_path / "map.yaml", at=NOW)
    with pytest.raises(InvalidInput, match="needs `product_id`"):
        (tmp_path / "bad.yaml").write_text("kind: catalog\nfields: {title: name}\n")
        load_map(tmp_path / "bad.yaml")


def test_shoppers_become_identified_events(tmp_path: Path) -> None:
    path = tmp_path / "people.ndjson"
    (tmp_path / "map.yaml").write_text(
        "kind: profiles\nsource: crm\nfields: {user_id: id, email: mail}\n"
        "traits: {first_name: name.first, marketing_consent: consent}\n"
    )
    path.write_text(
        '{"id": 7, "mail": "Anna@Shop.Example", "name": {"first": "Anna"}, "consent": true}\n'
        '{"id": 8, "mail": "nobody", "consent": "no"}\n'
        '{"id": 9, "consent": "no"}\n'
        '{"name": {"first": "Who"}}\n'
    )
    file = open_profiles(path, column_map=tmp_path / "map.yaml", at=NOW)
    anna, nine = file.read_all()
    assert (anna.name, anna.source, anna.user_id, anna.email) == (EventName.IDENTIFIED, "crm", "7", "anna@shop.example")
    assert anna.traits == {"first_name": "Anna", "marketing_consent": True}
    assert anna.occurred_at == NOW
    assert nine.traits == {"marketing_consent": False}
    assert file.rejected == {RowFault.BAD_VALUE: 1, RowFault.NO_IDENTITY: 1}


def test_a_second_import_of_the_same_shoppers_has_the_same_ids(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("email,first_name\na@s.example,Anna\nb@s.example,Ben\n")
    first = {event.email: event.message_id for event in open_profiles(path, at=NOW).read_all()}
    path.write_text("email,first_name\nb@s.example,Ben\na@s.example,Anne\n")
    again = {event.email: event.message_id for event in open_profiles(path, at=NOW).read_all()}
    assert first["b@s.example"] == again["b@s.example"]
    assert first["a@s.example"] != again["a@s.example"]


def test_a_file_that_names_nobody_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("first_name,last_name\nAnna,A\n")
    with pytest.raises(InvalidInput, match="nothing tells what the columns mean: first_name, last_name"):
        open_profiles(path, at=NOW)

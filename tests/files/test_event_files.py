"""Files of events: what is read and what is put aside."""

from __future__ import annotations

import csv
import gzip
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from campaigns.storage.files import ColumnMap, RowFault, open_events
from campaigns.storage.files.mapping import FIELDS, FieldSource, TimeSource
from tests.files.old_shop import HEADER, MAP, written
from triggers.events import Event, EventName


def rejected_rows(path: Path) -> list[tuple[int, str, str]]:
    with path.open(newline="") as file:
        return [(int(row["line"]), row["reason"], row["row"]) for row in csv.DictReader(file)]


def test_a_mapped_row_is_an_event(tmp_path: Path, shop_map: Path) -> None:
    path = written(tmp_path, 'anna;order;2025-07-01 12:00:00;;4006;2;"1.299,50 EUR"')
    (event,) = open_events(path, column_map=shop_map).read_all()
    (line,) = event.lines
    assert (event.source, event.name, event.user_id) == ("oldshop", EventName.ORDER_COMPLETED, "anna")
    assert event.occurred_at == event.received_at == datetime(2025, 7, 1, 10, tzinfo=UTC)
    assert (line.product_id, line.quantity, line.price_minor) == ("4006", 2, 129950)
    assert (event.order_id, event.currency) == ("anna-2025-07-01 12:00:00", "EUR")


def test_only_orders_keep_their_order_id(tmp_path: Path, shop_map: Path) -> None:
    path = written(tmp_path, "anna;view;2025-07-01;7;;;", "anna;basket;2025-07-01;7;;;")
    assert [event.order_id for event in open_events(path, column_map=shop_map).read_all()] == [None, None]


def test_each_bad_row_goes_to_the_rejects_with_line_and_reason(tmp_path: Path, shop_map: Path) -> None:
    path = written(
        tmp_path,
        "anna;view;2025-07-01;7;;;",
        "anna;dance;2025-07-01;7;;;",
        "anna;view;2017-07-01;7;;;",
        "anna;view",
        "anna;view;someday;7;;;",
        "",
        "anna;view;2025-07-01;;;;",
        "anna;basket;2025-07-01;7;;two;",
        "anna;basket;2025-07-01;7;;1;cheap",
        ";view;2025-07-01;7;;;",
        "anna;;2025-07-01;7;;;",
        "anna;view;;7;;;",
        "anna;order;2025-07-02;7;;1;5",
    )
    file = open_events(path, column_map=shop_map)
    assert len(file.read_all()) == file.accepted == 2
    assert file.rejects_file == tmp_path / "events.csv.rejects.csv"
    assert [row[:2] for row in rejected_rows(file.rejects_file)] == [
        (3, "unknown_behaviour"),
        (4, "wild_time"),
        (5, "wrong_value_count"),
        (6, "unreadable_time"),
        (8, "missing_value"),
        (9, "bad_number"),
        (10, "bad_number"),
        (11, "no_identity"),
        (12, "missing_value"),
        (13, "missing_value"),
    ]
    assert file.rejected[RowFault.MISSING_VALUE] == 3


def test_lines_are_counted_as_an_editor_does_even_with_line_breaks_in_values(tmp_path: Path, shop_map: Path) -> None:
    path = written(tmp_path, 'anna;view;2025-07-01;"7\n8";;;', "anna;dance;2025-07-01;7;;;")
    file = open_events(path, column_map=shop_map)
    file.read_all()
    assert rejected_rows(file.rejects_file or path)[0] == (4, "unknown_behaviour", "anna,dance,2025-07-01,7,,,")


def test_the_same_file_gives_the_same_ids_and_no_two_rows_share_one(tmp_path: Path, shop_map: Path) -> None:
    path = written(tmp_path, *["anna;view;2025-07-01;7;;;"] * 3)
    first = [event.message_id for event in open_events(path, column_map=shop_map).read_all()]
    again = [event.message_id for event in open_events(path, column_map=shop_map).read_all()]
    assert first == again
    assert len(set(first)) == 3


def test_a_rejects_file_of_an_earlier_run_does_not_outlive_its_reason(tmp_path: Path, shop_map: Path) -> None:
    path = written(tmp_path, "anna;dance;2025-07-01;7;;;")
    file = open_events(path, column_map=shop_map)
    file.read_all()
    assert file.rejects_file is not None
    written(tmp_path, "anna;view;2025-07-01;7;;;")
    again = open_events(path, column_map=shop_map)
    again.read_all()
    assert again.rejects_file is None
    assert not file.rejects_file.exists()


@pytest.mark.parametrize("name", ["plain.csv", "named-wrongly.gz"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_compression_is_told_by_content_not_by_name(tmp_path: Path, shop_map: Path, name: str, pack: object) -> None:
    path = tmp_path / name
    path.write_bytes(pack(f"{HEADER}\nanna;view;2025-07-01;7;;;\n".encode()))  # type: ignore[operator]
    assert len(open_events(path, column_map=shop_map).read_all()) == 1


@pytest.mark.parametrize(
    ("said", "unit", "expected"),
    [
        ("1751364000", "", datetime(2025, 7, 1, 10, tzinfo=UTC)),
        ("1751364000.5", "s", datetime(2025, 7, 1, 10, 0, 0, 500000, tzinfo=UTC)),
        ("1751364000123", "", datetime(2025, 7, 1, 10, 0, 0, 123000, tzinfo=UTC)),
        ("1751364000123456", "us", datetime(2025, 7, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2025-07-01T12:00:00", "", datetime(2025, 7, 1, 10, tzinfo=UTC)),
        ("2025-07-01T12:00:00Z", "", datetime(2025, 7, 1, 12, tzinfo=UTC)),
        ("2025-07-01T12:00:00.25+02:00", "iso", datetime(2025, 7, 1, 10, 0, 0, 250000, tzinfo=UTC)),
        ("01.07.2025 12:00", "%d.%m.%Y %H:%M", datetime(2025, 7, 1, 10, tzinfo=UTC)),
        ("2025-10-26 02:30", "", datetime(2025, 10, 26, 0, 30, tzinfo=UTC)),  # occurs twice: the first one
        ("2025-03-30 02:30", "", datetime(2025, 3, 30, 1, tzinfo=UTC)),  # never occurs: after the gap
    ],
)
def test_times(tmp_path: Path, said: str, unit: str, expected: datetime) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(MAP.replace("zone:", f'unit: "{unit}", zone:'))
    (event,) = open_events(written(tmp_path, f"anna;view;{said};7;;;"), column_map=path).read_all()
    assert event.occurred_at == expected


def test_times_of_several_kinds_in_one_column(tmp_path: Path, shop_map: Path) -> None:
    says = ["1751364000", "2025-07-01 12:00", "nonsense", "2025-07-01T10:00Z", "1e400", "NaN", "99999999999999999999"]
    file = open_events(written(tmp_path, *(f"anna;view;{said};7;;;" for said in says)), column_map=shop_map)
    assert {event.occurred_at for event in file.read_all()} == {datetime(2025, 7, 1, 10, tzinfo=UTC)}
    assert file.rejected == {RowFault.UNREADABLE_TIME: 4}


def same_events(path: Path, tmp_path: Path) -> list[Event]:
    file = open_events(path, rejects=tmp_path / "rejects.csv")
    return file.read_all()


def test_csv_ndjson_and_parquet_say_the_same(tmp_path: Path) -> None:
    rows = [
        {
            "event": "Product Viewed",
            "occurred_at": "2025-07-01T10:00:00Z",
            "user_id": 7,
            "product_id": "a",
            "price": 2.5,
        },
        {
            "event": "add_to_cart",
            "occurred_at": "2025-07-01T10:01:00Z",
            "user_id": 7,
            "product_id": "b",
            "price": 19.99,
        },
    ]
    (tmp_path / "e.csv").write_text(
        "event,occurred_at,user_id,product_id,price\n"
        + "".join(",".join(str(value) for value in row.values()) + "\n" for row in rows)
    )
    (tmp_path / "e.ndjson").write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "e.parquet")
    (tmp_path / "p.gz").write_bytes(gzip.compress((tmp_path / "e.parquet").read_bytes()))
    read = [same_events(tmp_path / name, tmp_path) for name in ("e.csv", "e.ndjson", "e.parquet", "p.gz")]
    facts = [[(e.name, e.occurred_at, e.user_id, e.lines) for e in events] for events in read]
    assert facts[0] == facts[1] == facts[2] == facts[3]
    assert [e.name for e in read[0]] == ["Product Viewed", "Product Added"]
    assert [e.lines[0].price_minor for e in read[0]] == [250, 1999]


def test_parquet_with_typed_times_and_gaps(tmp_path: Path) -> None:
    table = pa.table(
        {
            "event": ["Product Viewed", "Product Viewed", None],
            "occurred_at": pa.array([datetime(2025, 7, 1, 10), None, datetime(2025, 7, 1, 11)], pa.timestamp("ms")),
            "user_id": pa.array([1, 2, 3], pa.int64()),
            "product": [{"id": "a"}, {"id": "b"}, {"id": "c"}],
        }
    )
    parquet.write_table(table, tmp_path / "e.parquet")
    (tmp_path / "m.yaml").write_text(
        "event: event\noccurred_at: occurred_at\nfields: {user_id: user_id, product_id: product.id}"
    )
    file = open_events(tmp_path / "e.parquet", column_map=tmp_path / "m.yaml")
    (event,) = file.read_all()
    assert (event.user_id, event.lines[0].product_id) == ("1", "a")
    assert event.occurred_at == datetime(2025, 7, 1, 10, tzinfo=UTC)
    assert [row[:2] for row in rejected_rows(file.rejects_file or tmp_path)] == [
        (2, "missing_value"),
        (3, "missing_value"),
    ]


def test_segment_messages_are_read_as_the_event_api_would(tmp_path: Path) -> None:
    messages = [
        {
            "type": "track",
            "event": "Order Completed",
            "messageId": "m1",
            "userId": "u1",
            "timestamp": "2025-07-01T10:00:00Z",
            "receivedAt": "2025-07-01T10:00:05Z",
            "properties": {"order_id": "o1", "products": [{"product_id": "a", "price": 3}, {"product_id": "b"}]},
        },
        {"type": "identify", "messageId": "m2", "userId": "u1", "timestamp": "2025-07-01T10:00:00Z"},
        {"type": "track", "messageId": "m3", "userId": "u1", "timestamp": "2025-07-01T10:00:00Z"},
        {"type": "track", "event": "Product Viewed", "messageId": "m4", "userId": "u1"},
    ]
    path = tmp_path / "export.ndjson"
    path.write_bytes(b"\n".join(map(orjson.dumps, messages)) + b"\nnot json\n[1]\n")
    file = open_events(path, currency="EUR")
    order, identified = file.read_all()
    assert "Segment" in file.note
    assert (order.message_id, order.order_id, len(order.lines)) == ("m1", "o1", 2)
    assert order.received_at == order.occurred_at
    assert identified.name == EventName.IDENTIFIED
    assert file.rejected == {RowFault.MISSING_VALUE: 1, RowFault.UNREADABLE_TIME: 1, RowFault.NOT_JSON: 2}


def test_an_order_with_several_products_in_one_row(tmp_path: Path) -> None:
    products = [{"product_id": "a", "quantity": 2, "price": 3.5}, {"sku": "b", "price": 1.2}]
    row = {
        "event": "Order Completed",
        "occurred_at": 1751364000,
        "user_id": "u",
        "order_id": "o1",
        "products": products,
    }
    (tmp_path / "o.ndjson").write_bytes(orjson.dumps(row))
    with (tmp_path / "o.csv").open("w", newline="") as file:
        csv.writer(file).writerows([row.keys(), [*list(row.values())[:-1], orjson.dumps(products).decode()]])
    parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "o.parquet")
    for name in ("o.ndjson", "o.csv", "o.parquet"):
        (order,) = open_events(tmp_path / name).read_all()
        assert [(line.product_id, line.quantity, line.price_minor) for line in order.lines] == [
            ("a", 2, 350),
            ("b", 1, 120),
        ], name


def test_a_removal_without_a_quantity_is_of_the_whole_line(tmp_path: Path) -> None:
    path = written(tmp_path, "Product Removed,1751364000,u,7", header="event,occurred_at,user_id,product_id")
    (event,) = open_events(path).read_all()
    assert event.lines[0].quantity == 0


def test_every_field_reason_and_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs/importing.md").read_text()
    names = {name for fields in FIELDS.values() for name in fields} | {fault.value for fault in RowFault}
    keys = {*ColumnMap.model_fields, *FieldSource.model_fields, *TimeSource.model_fields} - {"from_"}
    assert sorted(name for name in names | keys | {"from"} if f"`{name}`" not in page) == []


def test_values_that_are_no_text_count_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "e.ndjson"
    row = {"event": "Product Viewed", "occurred_at": 1751364000, "user_id": "u", "product_id": {"a": 1}}
    path.write_bytes(orjson.dumps(row) + b"\n" + orjson.dumps({**row, "product_id": 12.0, "category": ["x"]}))
    file = open_events(path)
    (event,) = file.read_all()
    assert (event.lines[0].product_id, event.lines[0].category) == ("12", None)
    assert file.rejected == {RowFault.MISSING_VALUE: 1}


def test_a_share_draws_the_same_shoppers_every_time(tmp_path: Path) -> None:
    shared = MAP + '  email: {template: "{customer}@shoppers.example", share: 0.3}\n'
    (tmp_path / "map.yaml").write_text(shared)
    path = written(tmp_path, *(f"c{number % 1000};view;2025-07-01;7;;;" for number in range(3000)))
    events = open_events(path, column_map=tmp_path / "map.yaml").read_all()
    mailed = {event.user_id for event in events if event.email}
    assert all((event.user_id in mailed) == (event.email is not None) for event in events)
    assert 240 < len(mailed) < 360

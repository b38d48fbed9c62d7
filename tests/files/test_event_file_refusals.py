"""Files of events that cannot be used: refused in one line, with nothing half-read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from campaigns.domain.errors import InvalidInput, RekindleError, WrongUsage
from campaigns.storage.files import load_map, open_events
from tests.files.old_shop import HEADER, MAP, written


def refusal(path: Path, column_map: Path | None = None) -> RekindleError:
    before = sorted(path.parent.iterdir())
    with pytest.raises(RekindleError) as caught:
        open_events(path, column_map=column_map).read_all()
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert sorted(path.parent.iterdir()) == before, "nothing is left behind"
    return caught.value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (gzip.compress(b"", mtime=0), "the file is empty"),
        (gzip.compress(f"{HEADER}\n".encode() * 50_000, mtime=0)[:300], "the gzip data is cut off or damaged"),
        (b"\x1f\x8bnot really gzip", "the gzip data is cut off or damaged"),
        (b"PK\x03\x04....", "a zip or Excel file; save it as CSV"),
        (b"\x00\x01\x02\x03", "not a CSV, NDJSON or Parquet file"),
        (b"PAR1 but no more", "not readable as Parquet"),
        ("customer;action\n".encode("utf-16"), "in UTF-16; save it as UTF-8"),
        (b"a,b,c\n1,2,3\n", "there is no column `action`; the file has: a, b, c"),
        (b'[{"event": 1}]', "one JSON array, not NDJSON; write one JSON object per line"),
        (f"{HEADER}\nm\xfcller;view;2025-07-01;7;;;\n".encode("latin-1"), "it is not UTF-8 text; save it as UTF-8"),
        (f'{HEADER}\nanna;"view;2025-07-01;7;;;\n{"x" * 140_000}'.encode(), 'look for a " that is not closed'),
        (b"a,b,a\n1,2,3\n", "two columns are called `a`"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    tmp_path: Path, shop_map: Path, content: bytes, said: str
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / "events.csv"
    path.write_bytes(content)
    refused = refusal(path, shop_map)
    assert said in str(refused)
    assert isinstance(refused, InvalidInput)
    assert refused.exit_status == 1


def test_a_file_that_is_not_there_or_a_folder_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="no such file"):
        open_events(tmp_path / "nothing.csv")
    with pytest.raises(WrongUsage, match="a folder, not a file"):
        open_events(tmp_path)


def test_a_file_nobody_knows_asks_for_a_map(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2", header="foo,bar")
    assert "nothing tells what the columns mean: foo, bar; say by --map" in str(refusal(path))


def test_damage_far_on_is_met_before_the_first_row_is_used(tmp_path: Path, shop_map: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / "events.csv.gz"
    rows = "".join(f"c{number};dance;2025-07-01;{number};;;\n" for number in range(60_000))
    packed = gzip.compress(f"{HEADER}\n{rows}".encode())
    for content, said in (
        (packed[: len(packed) // 2], "cut off"),
        (gzip.compress(f"{HEADER}\n{rows}".encode() + b"\xff"), "UTF-8"),
    ):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match=said):
            open_events(path, column_map=shop_map)
        assert list(folder.iterdir()) == [path]


def test_leaving_early_leaves_no_rejects_file(tmp_path: Path, shop_map: Path) -> None:
    path = written(tmp_path, *["anna;dance;2025-07-01;7;;;", "anna;view;2025-07-01;7;;;"] * 8_000)
    for _ in open_events(path, column_map=shop_map):
        break
    assert sorted(found.name for found in tmp_path.iterdir()) == ["events.csv", "map.yaml"]


def test_another_encoding_is_read_when_the_map_says_so(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP + "encoding: latin-1\n")
    path = tmp_path / "e.csv"
    path.write_bytes(f"{HEADER}\nm\xfcller;view;2025-07-01;7;;;\n".encode("latin-1"))
    (event,) = open_events(path, column_map=tmp_path / "map.yaml").read_all()
    assert event.user_id == "m\xfcller"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("evnt: action\n", "map.yaml:1: `evnt` is not a key; did you mean `event`?"),
        ("event: x\noccurred_at: {colum: y}\n", "map.yaml:2: `occurred_at.colum` is not a key; did you mean `column`?"),
        ("event: x\noccurred_at: {column: y, zone: Mars/City}\n", '"Mars/City" is not a time zone'),
        ("event: x\noccurred_at: y\nfields: {usr_id: z}\n", "`fields` has no `usr_id`; did you mean `user_id`?"),
        ("event: x\n", "a map of events needs `event` and `occurred_at`"),
        ("event: {column: x, constant: y}\noccurred_at: z\n", "give one of `column`, `template` and `constant`"),
        ("event: [\n", "not valid YAML"),
        ('event: "{a"\noccurred_at: z\n', '"{a" is not a template'),
        ('event: "{a!r}"\noccurred_at: z\n', "write columns in braces"),
        ("event: x\noccurred_at: {column: y, unit: hours}\n", '"hours" is not a unit of time'),
        ("event: x\noccurred_at: {column: y, unit: '%d %Q'}\n", '"%d %Q" is not a unit of time'),
        ("event: x\noccurred_at: y\nencoding: latin-99\n", '"latin-99" is not an encoding'),
        ("event: x\noccurred_at: y\ndelimiter: '||'\n", "at most 1 character"),
        ("- a\n", "this is not a column map"),
    ],
)
def test_a_map_with_a_mistake_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "map.yaml").write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load_map(tmp_path / "map.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_map_may_be_toml(tmp_path: Path) -> None:
    (tmp_path / "map.toml").write_text(
        'source = "t"\nevent = {constant = "Product Viewed"}\noccurred_at = {column = "t", until = 2030-01-01}\n'
        '[fields]\nuser_id = "u"\nproduct_id = "p"\n'
    )
    path = written(tmp_path, "7,2025-01-01,9", header="u,t,p")
    (event,) = open_events(path, column_map=tmp_path / "map.toml").read_all()
    assert (event.name, event.user_id) == ("Product Viewed", "7")

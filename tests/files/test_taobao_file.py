"""The Taobao set: recognised by itself, with or without its header line, counted against pandas."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from campaigns.storage.files import RowFault, open_events

FILE = Path(__file__).parents[3] / "shared/data/taobao_userbehavior.csv.gz"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not FILE.exists(), reason=f"{FILE} is not there")]

NAMES = {"pv": "Product Viewed", "fav": "Product Added to Wishlist", "cart": "Product Added", "buy": "Order Completed"}


def test_counts_agree_with_pandas(tmp_path: Path) -> None:
    file = open_events(FILE, rejects=tmp_path / "rejects.csv")
    events = file.read_all()
    frame = pd.read_csv(FILE)
    whole = frame.dropna(subset=["timestamp"])
    at = pd.to_datetime(whole["timestamp"], unit="s", utc=True).dt.tz_convert("Asia/Shanghai")
    believed = whole[(at >= "2017-11-25") & (at < "2017-12-04")]
    assert "taobao" in file.note
    assert Counter(event.name for event in events) == Counter(believed["behavior"].map(NAMES))
    assert file.rejected == {
        RowFault.WILD_TIME: len(whole) - len(believed),
        RowFault.WRONG_VALUE_COUNT: len(frame) - len(whole),
    }
    assert len({event.user_id for event in events}) == believed["user_id"].nunique()
    orders = believed[believed["behavior"] == "buy"].drop_duplicates(["user_id", "timestamp"])
    assert len({event.order_id for event in events if event.order_id}) == len(orders)
    rejects = pd.read_csv(tmp_path / "rejects.csv")
    wild = frame.loc[rejects.loc[rejects["reason"] == "wild_time", "line"] - 2]
    assert set(wild.index) == set(whole.index.difference(believed.index)), "each line number points at its row"


def test_without_its_header_line_it_is_known_by_its_behaviours(tmp_path: Path) -> None:
    lines = gzip.decompress(FILE.read_bytes()).splitlines(keepends=True)[1:2001]
    path = tmp_path / "UserBehavior.csv"
    path.write_bytes(b"7,5,5,cart,1511600000\n" + b"".join(lines))
    file = open_events(path)
    first = file.read_all()[0]
    assert (first.user_id, first.name) == ("7", "Product Added")
    assert file.accepted == 2001

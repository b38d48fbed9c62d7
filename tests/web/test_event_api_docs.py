"""The page about the event API says what the event API does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx

from campaigns.domain.segment import RejectReason
from campaigns.domain.segment_names import canonical_name

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "event-api.md").read_text(encoding="utf-8")


def test_every_reason_for_a_refusal_is_explained():
    assert [reason for reason in RejectReason if f"| `{reason}` |" not in PAGE] == []


def test_every_spelling_on_the_page_is_understood():
    table = PAGE.split("| name | also written |")[1].split("\n\n")[0]
    for row in table.splitlines()[2:]:
        name, spellings = (cell.strip() for cell in row.strip("|").split("|"))
        assert canonical_name(name) == name
        for spelling in re.sub(r"every .* calls?,|;.*", "", spellings).split(","):
            assert canonical_name(spelling.strip(" `")) == name, spelling


def test_every_call_on_the_page_is_there(client: httpx.Client, shop: Any):
    paths = set(re.findall(r"`(/v1/\w+)`", PAGE))
    assert len(paths) > 12
    for path in paths:
        assert client.options(path).status_code == 204


def test_the_example_works_as_printed(client: httpx.Client, shop: Any):
    body = PAGE.split("-d '")[1].split("'\n")[0]
    answer = client.post("/v1/track", content=body, auth=("wk-of-the-website", ""))
    assert answer.json() == {"success": True, "accepted": 1, "rejected": 0, "rejects": []}
    assert shop.inbox.events()[0].lines[0].price_minor == 4990

"""Whatever bytes come in, the answer is never a 500, and what got a 200 can be read again."""

from __future__ import annotations

import gzip
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

AUTH = ("wk-of-the-website", "")
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
loose = anything.map(lambda value: json.dumps(value).encode())
batches = st.lists(
    st.dictionaries(st.sampled_from(["type", "event", "userId", "properties", "timestamp", "messageId"]), anything)
    | st.fixed_dictionaries({"type": st.just("track"), "event": st.text(), "userId": st.text(), "properties": anything})
).map(lambda batch: json.dumps({"batch": batch}).encode())
bodies = st.binary(max_size=300) | loose | batches
calls = st.sampled_from(["batch", "import", "track", "identify", "alias", "group", "page"])
relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@relaxed
@given(body=bodies | bodies.map(gzip.compress), call=calls)
def test_any_bytes_get_a_sensible_answer(client: httpx.Client, shop: Any, body: bytes, call: str):
    shop.inbox.rows.clear()
    answer = client.post(f"/v1/{call}", content=body, auth=AUTH)
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert len(shop.inbox.events()) == answer.json()["accepted"]


@relaxed
@given(token=st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), body=st.binary(max_size=200))
def test_any_token_and_form_get_a_plain_page(client: httpx.Client, shop: Any, token: str, body: bytes):
    forged = quote(token, safe="")
    for place in ("c", "o", "u", "w", "p", "r"):
        assert client.get(f"/{place}/7-1/{forged}?u={forged}").status_code in (200, 404)
        assert client.get(f"/{place}/{forged}/x").status_code in (200, 404)
    assert client.post(f"/u/7-1/{forged}", content=body).status_code in (404, 405)
    assert client.post(shop.links.preferences("7-1"), content=body).status_code == 200

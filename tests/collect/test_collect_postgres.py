"""The collect stage over PostgreSQL: what a 200 promises is in the inbox, whatever it holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from campaigns.domain.segment_batch import events_in
from campaigns.pipeline.collect import CollectResult, Source, collect
from campaigns.storage.database import connect, transaction
from campaigns.storage.inbox import InboxStore, claim_inbox

pytestmark = pytest.mark.servers
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SOURCES = [Source.with_key("website", "a-write-key-of-the-shop")]


def post(store: InboxStore, body: object) -> CollectResult:
    headers = {"authorization": "Bearer a-write-key-of-the-shop"}
    content = json.dumps(body).encode()
    return collect(store, sources=SOURCES, call="batch", body=content, headers=headers, received_at=NOW)


def test_accepted_events_wait_in_one_row_and_refused_ones_are_kept_apart(database: Engine):
    nul = {"type": "track", "event": "Product Added", "userId": "a\x00b\ud800", "properties": {"sku": "p\x00"}}
    result = post(InboxStore(database), {"batch": [nul, {"type": "track", "event": "x\x00", "properties": "\x00"}]})
    assert (result.status, result.accepted, len(result.rejects)) == (200, 1, 1)
    with transaction(database) as connection:
        (row,) = claim_inbox(connection, limit=10)
        refused = connection.execute(text("SELECT source, reason, raw FROM rejects")).one()
    assert refused.reason == "no_identity"
    assert "x" in refused.raw
    (event,) = events_in(row.body, source=row.source, received_at=row.received_at)
    assert (event.user_id, event.lines[0].product_id, event.source) == ("ab", "p", "website")


def test_a_database_that_cannot_be_reached_means_send_it_again():
    nowhere = connect("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    message = {"type": "page", "anonymousId": "a"}
    result = post(InboxStore(nowhere), {"batch": [message]})
    assert (result.status, result.accepted) == (503, 0)
    assert result.retry_after

"""A web process that is killed in the middle of its work: what it had answered 200 is in the database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from campaigns.domain.segment_batch import events_in
from campaigns.storage.database import transaction
from campaigns.storage.inbox import claim_inbox
from triggers.events import Event

pytestmark = pytest.mark.servers
ROOT = Path(__file__).resolve().parents[2]
KEY = "a-write-key-of-the-shop"
PROGRAM = """
import os
from campaigns.clock import WallClock
from campaigns.pipeline.collect import Source
from campaigns.rendering.links import LinkSigner
from campaigns.storage.database import connect
from campaigns.storage.inbox import InboxStore
from campaigns.web.app import create_app
from campaigns.web.server import serve
from campaigns.web.services import Services, ShopLook

nothing = lambda *_: None
services = Services(
    clock=WallClock(), shop=ShopLook("Shop"), inbox=InboxStore(connect(os.environ["DATABASE"], pool_size=8)),
    sources=[Source.with_key("website", os.environ["KEY"])], links=LinkSigner(b"a secret of the shop", ""),
    find_message=nothing, record_reaction=nothing, unsubscribe=nothing, find_preferences=nothing,
    save_preferences=nothing,
)
serve(create_app(services), "127.0.0.1", 0, on_ready=lambda port: print(port, flush=True))
"""


def post_until_dead(address: str, name: str, acknowledged: set[str], enough: threading.Event) -> None:
    """Posts one batch after the other and notes the ids of those that got a 200, until nobody answers."""
    with httpx.Client(base_url=address, auth=(KEY, ""), timeout=10) as client:
        for number in range(10_000):
            ids = [f"{name}-{number}-{place}" for place in range(5)]
            batch = [{"type": "page", "anonymousId": "a", "messageId": message_id} for message_id in ids]
            try:
                answer = client.post("/v1/batch", json={"batch": batch})
            except httpx.HTTPError:
                return
            if answer.status_code == 200:
                acknowledged.update(ids)
            if len(acknowledged) > 300:
                enough.set()


def test_a_kill_loses_nothing_that_was_acknowledged(database: Engine, database_url: str):
    environ = {**os.environ, "DATABASE": database_url, "KEY": KEY}
    command = [sys.executable, "-c", PROGRAM]
    acknowledged: set[str] = set()
    enough = threading.Event()
    with (
        subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process,
        ThreadPoolExecutor(4) as clients,
    ):
        assert process.stdout is not None
        address = f"http://127.0.0.1:{int(process.stdout.readline())}"
        for name in "abcd":
            clients.submit(post_until_dead, address, name, acknowledged, enough)
        assert enough.wait(60)
        process.send_signal(signal.SIGKILL)
    assert acknowledged <= stored_ids(database)


def stored_ids(database: Engine) -> set[str]:
    with transaction(database) as connection:
        rows = claim_inbox(connection, limit=100_000)
    found = [e for row in rows for e in events_in(row.body, source=row.source, received_at=row.received_at)]
    return {event.message_id for event in found if isinstance(event, Event)}

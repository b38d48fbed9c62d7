"""Events a second through the event API: real HTTP on loopback, batches like those of Segment clients.

    python -m benchmarks.collect_http [--seconds 5] [--batch 100] [--clients 4] [--only nothing|postgresql]

The web process runs on its own; the store is nothing at all first (what HTTP, checking and packing cost), then
PostgreSQL with one commit a request. Bounded in time by `--seconds` and in count by `--most`.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from campaigns.clock import WallClock
from campaigns.config import load_settings, scaffold
from campaigns.pipeline.collect import InboxStore, Source
from campaigns.rendering.links import LinkSigner
from campaigns.storage.database import connect
from campaigns.storage.embedded import ensure_servers
from campaigns.storage.inbox import InboxStore as PostgresInbox
from campaigns.storage.inbox import RejectedEvent
from campaigns.storage.migrate import migrate
from campaigns.web.app import create_app
from campaigns.web.server import serving
from campaigns.web.services import Services, ShopLook

WRITE_KEY = "benchmark-write-key"
SHOP = {"shop_id": "shop", "shop_name": "Shop", "shop_url": "https://shop.example"}
PLACE = {"currency": "EUR", "zone": "UTC", "locale": "en"}


class Nowhere:
    """A store that keeps nothing."""

    def add_inbox(self, source: str, received_at: datetime, body: bytes, event_count: int) -> int:
        return 1

    def add_rejects(self, source: str, received_at: datetime, rejected: Sequence[RejectedEvent]) -> None:
        return


def event(number: int) -> dict[str, Any]:
    """One Product Added as a browser client sends it, about 900 bytes."""
    return {
        "type": "track",
        "event": "Product Added",
        "messageId": f"bench-{number:012d}-{time.monotonic_ns()}",
        "anonymousId": f"visitor-{number % 5000}",
        "timestamp": "2026-03-01T12:00:00.123Z",
        "context": {
            "library": {"name": "analytics.js", "version": "2.1.0"},
            "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
            "page": {"url": "https://shop.example/p/1?utm_source=news", "referrer": "https://search.example/"},
            "locale": "en-IE",
        },
        "properties": {
            "product_id": f"FK-{number % 500}",
            "name": "A kettle",
            "category": "Kettles",
            "price": 49.9,
            "currency": "EUR",
            "quantity": 1,
            "cart_id": f"cart-{number % 5000}",
            "image_url": "https://shop.example/pictures/kettle.jpg",
        },
    }


def serve(channel: Connection, database_url: str | None) -> None:
    """The web process: tells its address, then serves until it is told to stop."""
    store: InboxStore = PostgresInbox(connect(database_url, pool_size=8)) if database_url else Nowhere()
    services = Services(
        clock=WallClock(),
        shop=ShopLook("Shop"),
        inbox=store,
        sources=[Source.with_key("bench", WRITE_KEY)],
        links=LinkSigner(b"benchmark-secret-of-16", ""),
        find_message=lambda _: None,
        record_reaction=lambda _: None,
        unsubscribe=lambda _: None,
        find_preferences=lambda _: None,
        save_preferences=lambda *_: None,
    )
    with serving(create_app(services)) as address:
        channel.send(address)
        channel.recv()


@contextmanager
def web_process(database_url: str | None) -> Iterator[str]:
    """The address of a web process that lasts as long as the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, database_url))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join(30)


def post_until(address: str, bodies: Sequence[bytes], deadline: float, done: list[float]) -> None:
    """Posts on one kept-open connection until the time is up or the bodies are; adds the seconds of each request."""
    found = urlsplit(address)
    connection = http.client.HTTPConnection(found.hostname or "", found.port, timeout=30)
    token = base64.b64encode(f"{WRITE_KEY}:".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    for body in bodies:
        if time.perf_counter() > deadline:
            break
        started = time.perf_counter()
        connection.request("POST", "/v1/batch", body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise RuntimeError(f"answer {answer.status}")
        done.append(time.perf_counter() - started)
    connection.close()


def measure(address: str, *, seconds: float, batch: int, clients: int, most: int) -> dict[str, float]:
    """Events a second and the latency of a request in milliseconds."""
    count = max(most // batch // clients, 1)
    shares = [
        [
            json.dumps({"batch": [event(first + step) for step in range(batch)]}).encode()
            for first in range(start, start + count * batch, batch)
        ]
        for start in range(0, clients * count * batch, count * batch)
    ]
    done: list[float] = []
    started = time.perf_counter()
    threads = [threading.Thread(target=post_until, args=(address, share, started + seconds, done)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    done.sort()
    return {
        "events_per_second": len(done) * batch / elapsed,
        "requests_per_second": len(done) / elapsed,
        "p50_ms": done[len(done) // 2] * 1000,
        "p99_ms": done[int(len(done) * 0.99)] * 1000,
    }


def run(store: str, options: argparse.Namespace) -> dict[str, float]:
    """One measurement with that store behind the web process."""
    how = {"seconds": options.seconds, "batch": options.batch, "clients": options.clients, "most": options.most}
    if store == "nothing":
        with web_process(None) as address:
            return measure(address, **how)
    with tempfile.TemporaryDirectory() as folder:
        workspace = scaffold(Path(folder) / "w", **SHOP, **PLACE).workspace
        with ensure_servers(workspace, load_settings(workspace, {})) as servers:
            engine = connect(servers.database_url)
            migrate(engine)
            engine.dispose()
            with web_process(servers.database_url) as address:
                return measure(address, **how)


def main() -> None:
    """Prints one line a store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=100, help="events in a request, at most 500")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--most", type=int, default=200_000, help="events in all, at most")
    parser.add_argument("--only", choices=["nothing", "postgresql"])
    options = parser.parse_args()
    if not 1 <= options.batch <= 500:
        parser.error("--batch is 1 to 500: more of these events are over the limit of a request")
    for store in [options.only] if options.only else ["nothing", "postgresql"]:
        found = run(store, options)
        figures = "  ".join(f"{name} {value:,.1f}" for name, value in found.items())
        print(f"collect over HTTP, store {store}, batches of {options.batch}: {figures}")


if __name__ == "__main__":
    main()

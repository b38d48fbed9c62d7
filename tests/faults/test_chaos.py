"""The real processes killed several times a second, servers crashed, clocks jumping, while shoppers abandon and buy."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import SQLAlchemyError

from campaigns.domain.errors import RekindleError
from campaigns.pipeline import deliver as delivering
from tests.faults.checker import (
    Mailbox,
    check_every_timer_decided,
    check_no_mail_after_an_order,
    check_nobody_mailed_twice,
    check_nothing_lost,
    check_times,
)
from tests.faults.fleet import Fleet, OwnServers, free_port, running_fleet
from tests.pipeline.small_shop import Shop, added, identify, open_shop, ordered

pytestmark = pytest.mark.servers
SECONDS = float(os.environ.get("REKINDLE_TEST_CHAOS_SECONDS", "40"))
SEED = int(os.environ.get("REKINDLE_TEST_CHAOS_SEED", "7"))
EDITS = (("after: 1h", "after: 2s"),)


@dataclass
class Crowd:
    """Shoppers who put something into the cart and, half of them, order a moment before or after the mail is due."""

    shop: Shop
    client: httpx.Client
    chance: random.Random
    acknowledged: list[str] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)
    seen_at: dict[str, float] = field(default_factory=dict)
    buyers: list[tuple[float, str]] = field(default_factory=list)
    waiting: list[list[dict[str, Any]]] = field(default_factory=list)
    people: int = 0

    def step(self, count: int) -> None:
        """So many newcomers, and those whose hour to buy has come."""
        newcomers: list[dict[str, Any]] = []
        for _ in range(count):
            self.people += 1
            who, now = f"u{self.people}", datetime.now(UTC)
            newcomers += [identify(who, now), added(who, now)]
            if self.chance.random() < 0.5:
                self.buyers.append((time.monotonic() + self.chance.uniform(0.5, 5.0), who))
        self.waiting += [newcomers] if newcomers else []
        for due, buyer in [one for one in self.buyers if one[0] <= time.monotonic()]:
            self.buyers.remove((due, buyer))
            order = ordered(buyer, datetime.now(UTC))
            self.waiting.append([order])
            self.pending[order["messageId"]] = f"{buyer}@shopper.example"
        self.post()
        self.watch()

    def post(self) -> None:
        """What a client does: keeps its events until they are acknowledged, and sends some once more."""
        while self.waiting:
            messages = self.waiting[0]
            try:
                answer = self.client.post("/v1/batch", json={"batch": messages})
            except httpx.HTTPError:
                return
            if answer.status_code != 200:
                return
            self.acknowledged += [message["messageId"] for message in messages]
            if self.chance.random() >= 0.1:
                self.waiting.pop(0)

    def watch(self) -> None:
        """Notes the orders that are seen to be committed."""
        try:
            seen = self.shop.rows("SELECT message_id FROM event_keys WHERE message_id = ANY(:ids)", ids=[*self.pending])
        except (SQLAlchemyError, RekindleError):
            return
        at = time.monotonic()
        for (message_id,) in seen:
            self.seen_at[self.pending.pop(message_id)] = at


def test_chaos(tmp_path: Path, mailbox: tuple[Mailbox, str]) -> None:
    box, url = mailbox
    chance, port = random.Random(SEED), free_port()
    tuned = {"REKINDLE_MAILER": url, "REKINDLE_WORKERS_SWEEP_INTERVAL": "1s"}
    with open_shop(tmp_path / "shop", tuned, *EDITS):
        pass
    servers = OwnServers(tmp_path / "shop", tmp_path)
    environ = {**tuned, **servers.environ}
    try:
        with (
            open_shop(tmp_path / "shop", environ) as shop,
            running_fleet(tmp_path / "shop", environ, port, chance) as fleet,
            client_of(shop, port) as client,
        ):
            crowd = Crowd(shop, client, chance)
            wait_for(lambda: is_ready(client), 120, "the web process", fleet)
            with fleet.under_fire():
                storm(crowd, fleet, servers, chance)
            calm(crowd, fleet)
            fleet.stop()
            carts = judge(crowd, fleet, servers, box)
            assert crowd.people > 4 * SECONDS and carts > crowd.people / 4
            assert fleet.kills.total() >= SECONDS / 2 and fleet.kills["pool"] > 5
            assert {"database", "redis", "flush"} <= set(servers.crashes)
    finally:
        servers.close()


def storm(crowd: Crowd, fleet: Fleet, servers: OwnServers, chance: random.Random) -> None:
    """Shoppers come and go while everything that can break breaks."""
    shop = crowd.shop

    def crash_a_connection() -> None:
        try:
            [(pid,)] = shop.rows("SELECT pg_backend_pid()")
        except (SQLAlchemyError, RekindleError):
            return
        servers.crash_a_connection(pid)

    blows: list[Callable[[], None]] = [
        servers.flush_redis,
        crash_a_connection,
        servers.crash_redis,
        servers.crash_database,
        servers.flush_redis,
    ]
    begun, blown, every = time.monotonic(), 0, min(SECONDS / (len(blows) + 1), 20.0)
    while (spent := time.monotonic() - begun) < SECONDS:
        crowd.step(chance.randint(0, 8))
        if spent > every * (blown + 1):
            blows[blown % len(blows)]()
            fleet.jump()
            blown += 1
        time.sleep(chance.uniform(0, 0.03))


def calm(crowd: Crowd, fleet: Fleet) -> None:
    """Nothing breaks any more: the processes themselves finish what is left."""
    shop = crowd.shop

    def left() -> list[int]:
        fleet.mend()
        crowd.step(0)
        shop.run(
            "UPDATE messages SET lease_until = now() WHERE status = 'sending' AND lease_until < now() + :left",
            left=delivering.LEASE - timedelta(seconds=10),
        )
        delivering.expire(shop.engine)
        shop.run("UPDATE messages SET not_before = NULL WHERE status = 'queued' AND not_before IS NOT NULL")
        [counts] = shop.rows(
            "SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM enrollments WHERE due_at < now()),"
            " (SELECT count(*) FROM messages WHERE status IN ('queued', 'sending'))"
        )
        return [*counts, len(crowd.waiting), len(crowd.buyers), len(crowd.pending)]

    wait_for(lambda: not any(left()), 300, "everything to be done", fleet, left)


def judge(crowd: Crowd, fleet: Fleet, servers: OwnServers, box: Mailbox) -> int:
    """The independent checker speaks; returns how many cart mails there were."""
    rows = crowd.shop.rows
    check_nothing_lost(rows, crowd.acknowledged)
    check_every_timer_decided(rows)
    check_times(rows, crowd.shop.now - timedelta(minutes=1))
    doubt = check_nobody_mailed_twice(rows, box, most_in_doubt=fleet.most_in_doubt(servers.crashes["database"]))
    check_no_mail_after_an_order(rows, box, crowd.seen_at)
    carts = [mail for mail in box.mails if mail.campaign_id == "abandoned_cart"]
    print(f"\n{crowd.people} shoppers, kills {dict(fleet.kills)}, crashes {dict(servers.crashes)}")
    print(f"{len(box.mails)} mails, {len(carts)} of carts, {doubt} in doubt; ended: {dict(fleet.ended)}")
    print(Counter(tuple(row) for row in rows("SELECT outcome, reason FROM decisions")))
    return len(carts)


def client_of(shop: Shop, port: int) -> httpx.Client:
    key = shop.engine.settings.write_keys["website"].get_secret_value()
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=(key, ""), timeout=5)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def wait_for(
    is_so: Callable[[], bool], seconds: float, what: str, fleet: Fleet, state: Callable[[], object] = lambda: ""
) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if is_so():
                return
        except (SQLAlchemyError, RekindleError):
            pass
        if time.monotonic() > end:
            logs = "\n".join(
                f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}"
                for path in sorted(fleet.folder.parent.glob("*.log"))
            )
            raise AssertionError(f"waited {seconds:g} s for {what}; {state()}\n{logs}")
        time.sleep(0.2)

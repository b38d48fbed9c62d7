"""Workers killed several times a second, the database crashed, the cache flushed - while shoppers abandon and buy."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy.exc import SQLAlchemyError

from campaigns.delivery import mailer_from_url
from campaigns.domain.errors import RekindleError
from campaigns.pipeline.deliver import deliver, expire
from campaigns.pipeline.ingest import ingest_inbox
from tests.faults.asking import ask, tell
from tests.faults.checker import (
    Mailbox,
    check_every_timer_decided,
    check_no_mail_after_an_order,
    check_nobody_mailed_twice,
    check_nothing_lost,
)
from tests.pipeline.small_shop import Shop, added, identify, open_shop, ordered

pytestmark = pytest.mark.servers
SECONDS = float(os.environ.get("REKINDLE_CHAOS_SECONDS", "30"))
SEED = int(os.environ.get("REKINDLE_CHAOS_SEED", "7"))
WORKERS = 3
CRASHES = 2


@dataclass
class Crowd:
    """Shoppers who put something into the cart and, half of them, order a moment before or after the mail is due."""

    shop: Shop
    chance: random.Random
    acknowledged: list[str] = field(default_factory=list)
    pending: dict[str, str] = field(default_factory=dict)
    seen_at: dict[str, float] = field(default_factory=dict)
    buyers: list[tuple[float, str]] = field(default_factory=list)
    people: int = 0

    def step(self) -> None:
        self.people += 1
        who, now = f"u{self.people}", datetime.now(UTC)
        self.post(identify(who, now), added(who, now))
        if self.chance.random() < 0.5:
            self.buyers.append((time.monotonic() + self.chance.uniform(0.5, 4.0), who))
        for due, buyer in [one for one in self.buyers if one[0] <= time.monotonic()]:
            self.buyers.remove((due, buyer))
            order = ordered(buyer, datetime.now(UTC))
            self.post(order)
            self.pending[order["messageId"]] = f"{buyer}@shopper.example"
        self.watch()

    def post(self, *messages: dict[str, Any]) -> None:
        """What a client does: sends until it is acknowledged, and sometimes once more."""
        times = 2 if self.chance.random() < 0.1 else 1
        while times:
            try:
                self.shop.post(*messages)
                times -= 1
            except (SQLAlchemyError, RekindleError):
                time.sleep(0.1)
        self.acknowledged += [message["messageId"] for message in messages]

    def watch(self) -> None:
        """Notes the orders that are seen to be committed."""
        try:
            seen = self.shop.rows("SELECT message_id FROM event_keys WHERE message_id = ANY(:ids)", ids=[*self.pending])
        except (SQLAlchemyError, RekindleError):
            return
        at = time.monotonic()
        for (message_id,) in seen:
            self.seen_at[self.pending.pop(message_id)] = at


def test_chaos(
    tmp_path: Path,
    environ: dict[str, str],
    mailbox: tuple[Mailbox, str],
    start_runner: Callable[..., subprocess.Popen[str]],
) -> None:
    box, url = mailbox
    environ |= {"REKINDLE_MAILER": url}
    chance = random.Random(SEED)
    with open_shop(tmp_path / "shop", environ, ("after: 1h", "after: 2s")) as shop:
        crowd = Crowd(shop, chance)
        runner = start_runner(tmp_path / "shop", environ)
        tell(runner, f"loop {WORKERS} {SEED} 100000")
        begun = time.monotonic()
        crashes = 0
        while (spent := time.monotonic() - begun) < SECONDS:
            crowd.step()
            if crashes < CRASHES and spent > SECONDS * (crashes + 1) / (CRASHES + 1):
                crash_database(shop)
                redis.Redis.from_url(environ["REKINDLE_REDIS_URL"]).flushdb()
                crashes += 1
            time.sleep(chance.uniform(0, 0.02))
        kills = int(ask(runner, "stop"))
        settle(shop, crowd, url)
        check_nothing_lost(shop.rows, crowd.acknowledged)
        check_every_timer_decided(shop.rows)
        doubt = check_nobody_mailed_twice(shop.rows, box, most_in_doubt=kills + WORKERS * crashes)
        check_no_mail_after_an_order(box, crowd.seen_at, grace=0.5)
        carts = [mail for mail in box.mails if mail.campaign_id == "abandoned_cart"]
        print(f"{crowd.people} shoppers, {kills} kills, {crashes} crashes of the database")
        print(f"{len(box.mails)} mails, {len(carts)} of carts, {doubt} in doubt")
        assert kills >= SECONDS and len(carts) > crowd.people / 4


def crash_database(shop: Shop) -> None:
    """Kills one server process: PostgreSQL drops all connections and recovers from its log."""
    try:
        [(pid,)] = shop.rows("SELECT pg_backend_pid()")
        os.kill(pid, signal.SIGKILL)
    except (SQLAlchemyError, RekindleError):
        return


def settle(shop: Shop, crowd: Crowd, url: str) -> None:
    """Everything is quiet again: the next beats do what is left."""
    mailer = mailer_from_url(url)
    time.sleep(4)
    while ingest_inbox(shop.engine).batches:
        pass
    time.sleep(2.5)
    crowd.watch()
    shop.decide()
    shop.run("UPDATE messages SET lease_until = now() - interval '1 s' WHERE status = 'sending'")
    expire(shop.engine)
    shop.run("UPDATE messages SET not_before = NULL WHERE status = 'queued'")
    while deliver(shop.engine, mailer):
        pass
    mailer.close()

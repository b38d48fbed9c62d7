"""A shop in one process: real servers, the wall clock, events put into the inbox as the web process does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from campaigns.clock import Clock
from campaigns.config import scaffold
from campaigns.domain.message import Accepted, OutboundMail, Outcome
from campaigns.domain.product import Product
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.decide import decide_due
from campaigns.pipeline.deliver import deliver
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_inbox
from campaigns.storage.database import statement, transaction
from campaigns.storage.inbox import InboxStore
from campaigns.storage.products import save_products

HOUR = timedelta(hours=1)
_numbers = itertools.count(1)


class Postbox:
    """A mailer that answers what it is told to, and keeps what it accepted."""

    def __init__(self, *answers: Outcome) -> None:
        self.answers = list(answers)
        self.mails: list[OutboundMail] = []

    def send(self, mails: Sequence[OutboundMail]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for mail in mails:
            outcome = self.answers.pop(0) if self.answers else Accepted()
            if isinstance(outcome, Accepted):
                self.mails.append(mail)
            outcomes.append(outcome)
        return outcomes

    def close(self) -> None: ...


class Shop:
    """What a test does to a shop and asks of it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.inbox = InboxStore(engine.database)
        self.now = datetime.now(UTC)

    def post(self, *messages: Mapping[str, Any], received_at: datetime | None = None) -> int:
        """Commits messages as the event API does; they count as received when the newest of them happened."""
        newest = max(datetime.fromisoformat(message["timestamp"]) for message in messages)
        body = orjson.dumps({"sent_at": None, "messages": list(messages)})
        return self.inbox.add_inbox("website", received_at or newest, body, len(messages))

    def send(self, *messages: Mapping[str, Any], received_at: datetime | None = None) -> None:
        """Posts each message by itself and applies them all."""
        for message in messages:
            self.post(message, received_at=received_at)
        while ingest_inbox(self.engine).batches:
            pass

    def decide(self) -> int:
        total = 0
        while claimed := decide_due(self.engine).claimed:
            total += claimed
        return total

    def deliver(self, mailer: Postbox) -> dict[str, int]:
        return dict(deliver(self.engine, mailer))

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with transaction(self.engine.database) as connection:
            return list(connection.execute(statement(sql), values))

    def run(self, sql: str, **values: Any) -> None:
        with transaction(self.engine.database) as connection:
            connection.execute(statement(sql), values)

    def decisions(self) -> list[tuple[str, int, str, str]]:
        return [
            tuple(row)
            for row in self.rows("SELECT campaign_id, step, outcome, reason FROM decisions ORDER BY decision_id")
        ]

    def statuses(self) -> list[str]:
        return [row[0] for row in self.rows("SELECT status FROM messages ORDER BY message_id")]

    def ago(self, hours: float) -> datetime:
        return self.now - timedelta(hours=hours)


def track(event: str, who: str, at: datetime, message_id: str = "", **properties: Any) -> dict[str, Any]:
    """One track call; `who` starting with "anon" is an anonymous id."""
    identity = {"anonymousId": who} if who.startswith("anon") else {"userId": who}
    return {
        "type": "track",
        "event": event,
        "messageId": message_id or f"m{next(_numbers)}",
        "timestamp": at.isoformat(),
        "properties": properties,
        **identity,
    }


def added(who: str, at: datetime, product: str = "lamp", **properties: Any) -> dict[str, Any]:
    return track("Product Added", who, at, product_id=product, name=product, price=49.9, quantity=1, **properties)


def ordered(who: str, at: datetime, order_id: str = "", **properties: Any) -> dict[str, Any]:
    products = [{"product_id": "lamp", "name": "lamp", "price": 49.9, "quantity": 1}]
    order_id = order_id or f"o{next(_numbers)}"
    return track("Order Completed", who, at, order_id=order_id, total=49.9, products=products, **properties)


def identify(who: str, at: datetime, email: str = "", anonymous_id: str = "", **traits: Any) -> dict[str, Any]:
    traits = {"email": email or f"{who}@shopper.example", "marketing_consent": True, **traits}
    device = {"anonymousId": anonymous_id} if anonymous_id else {}
    return {
        "type": "identify",
        "messageId": f"m{next(_numbers)}",
        "userId": who,
        "traits": traits,
        "timestamp": at.isoformat(),
        **device,
    }


@contextmanager
def open_shop(
    folder: Path, environ: Mapping[str, str], *edits: tuple[str, str], holdout: str = "0.0", clock: Clock | None = None
) -> Iterator[Shop]:
    """A workspace as `init` makes it, mailing by day and night; `edits` change abandoned_cart.yaml."""
    workspace = scaffold(folder, shop_id="lane", shop_name="Lane", shop_url="https://lane.example").workspace
    text = workspace.config_file.read_text(encoding="utf-8")
    text = text.replace('quiet_hours = "21:00-08:00"', 'quiet_hours = "off"')
    workspace.config_file.write_text(
        text.replace("holdout_share = 0.10", f"holdout_share = {holdout}"), encoding="utf-8"
    )
    file = workspace.campaigns / "abandoned_cart.yaml"
    campaign = file.read_text(encoding="utf-8")
    for old, new in edits:
        assert old in campaign, old
        campaign = campaign.replace(old, new)
    file.write_text(campaign, encoding="utf-8")
    with open_engine(folder, environ=environ, clock=clock) as engine:
        apply_files(engine, read_campaign_files(workspace.campaigns, engine.templates), by="test")
        goods = [
            Product(
                f"p{n}",
                f"Product {n}",
                f"https://lane.example/p{n}",
                "",
                "home",
                "",
                price_minor=900 + n,
                currency="EUR",
            )
            for n in range(12)
        ]
        with transaction(engine.database) as connection:
            save_products(connection, goods, engine.now(connection))
        yield Shop(engine)

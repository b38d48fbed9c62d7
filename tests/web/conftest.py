"""A whole web process on a real port, over small real parts that keep everything in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock

import httpx
import pytest

from campaigns.clock import VirtualClock
from campaigns.domain.segment_batch import events_in
from campaigns.pipeline.collect import Source
from campaigns.rendering.links import LinkSigner
from campaigns.storage.inbox import RejectedEvent
from campaigns.web.app import create_app
from campaigns.web.server import serving
from campaigns.web.services import (
    Departure,
    HookUnproven,
    Preferences,
    Reaction,
    SentMessage,
    Services,
    ShopLook,
    Topic,
    WebLimits,
)
from campaigns.web.wiring import services_of
from tests.pipeline import small_shop
from triggers.events import Event

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = "wk-of-the-website"
SHOP = ShopLook(
    name="Fern & Kettle",
    url="https://shop.example",
    support_email="hello@shop.example",
    postal_address="1 Quay Street, Galway",
    brand={"primary": "#14532d", "radius": "10px", "font": "Georgia, serif", "text": "red;}</style><script>"},
)


class MemoryInbox:
    """Keeps batches in memory; `broken` makes it fail like a database that has gone away."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, datetime, bytes, int]] = []
        self.rejected: list[RejectedEvent] = []
        self.broken = False
        self._lock = Lock()

    def add_inbox(self, source: str, received_at: datetime, body: bytes, event_count: int) -> int:
        if self.broken:
            raise ConnectionError("the database has gone away")
        with self._lock:
            self.rows.append((source, received_at, body, event_count))
            return len(self.rows)

    def add_rejects(self, source: str, received_at: datetime, rejected: Sequence[RejectedEvent]) -> None:
        self.rejected.extend(rejected)

    def events(self) -> list[Event]:
        """What a worker would read out of the rows."""
        found = [
            event
            for source, at, body, count in self.rows
            for event in events_in(body, source=source, received_at=at, currency="EUR")
        ]
        assert len(found) == sum(row[3] for row in self.rows)
        return [event for event in found if isinstance(event, Event)]


@dataclass
class Shop:
    """Everything behind the pages, and what happened to it."""

    inbox: MemoryInbox = field(default_factory=MemoryInbox)
    links: LinkSigner = field(default_factory=lambda: LinkSigner(b"a secret of the shop", ""))
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOW))
    messages: dict[str, SentMessage] = field(default_factory=dict)
    reactions: list[Reaction] = field(default_factory=list)
    departures: list[Departure] = field(default_factory=list)
    wanted: frozenset[str] = frozenset({"cart", "reviews"})
    down: bool = False

    def find_message(self, message_ref: str) -> SentMessage | None:
        self._work()
        return self.messages.get(message_ref)

    def record(self, reaction: Reaction) -> None:
        self._work()
        self.reactions.append(reaction)

    def unsubscribe(self, departure: Departure) -> None:
        self._work()
        self.departures.append(departure)

    def find_preferences(self, message_ref: str) -> Preferences | None:
        self._work()
        message = self.messages.get(message_ref)
        if message is None:
            return None
        titles = {"cart": "Forgotten carts", "reviews": "Review requests"}
        topics = [Topic(key, title, "Now and then.", key in self.wanted) for key, title in titles.items()]
        return Preferences(message.address, topics, everything_off=not self.wanted)

    def save_preferences(self, message_ref: str, wanted: frozenset[str], at: datetime) -> None:
        self._work()
        self.wanted = wanted

    def take_hook(self, body: bytes, headers: object) -> int:
        self._work()
        if b"forged" in body:
            raise HookUnproven("the signature is wrong")
        return body.count(b"bounce")

    def check(self) -> None:
        self._work()

    def _work(self) -> None:
        if self.down:
            raise ConnectionError("the database has gone away")

    def services(self, limits: WebLimits | None = None) -> Services:
        return Services(
            clock=self.clock,
            shop=SHOP,
            inbox=self.inbox,
            sources=[Source.with_key("website", KEY), Source.with_key("app", "wk-of-the-app")],
            links=self.links,
            find_message=self.find_message,
            record_reaction=self.record,
            unsubscribe=self.unsubscribe,
            find_preferences=self.find_preferences,
            save_preferences=self.save_preferences,
            hooks={"postwoman": self.take_hook},
            checks={"database": self.check},
            limits=limits or WebLimits(),
        )


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Shop, str]]:
    shop = Shop()
    with serving(create_app(shop.services())) as address:
        yield shop, address


@pytest.fixture
def shop(running: tuple[Shop, str]) -> Shop:
    """The running shop, as on its first day."""
    found = running[0]
    found.__dict__.update(
        {key: value for key, value in Shop().__dict__.items() if key not in ("inbox", "links", "clock", "messages")}
    )
    found.inbox.__init__()  # type: ignore[misc]
    found.messages.clear()
    sent_at = NOW - timedelta(hours=1)
    found.messages["7-1"] = SentMessage("7-1", "ann@mail.example", "cart", "Your cart", sent_at, "<h1>Hello</h1>")
    return found


@pytest.fixture
def address(running: tuple[Shop, str]) -> str:
    """The address of the running web process."""
    return running[1]


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    """A browser of a shopper, who follows no redirect unasked."""
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"
    with httpx.Client(base_url=address, headers={"User-Agent": agent}, timeout=20) as found:
        yield found


@pytest.fixture
def catalog_client(shop: small_shop.Shop) -> Iterator[httpx.Client]:
    """A shop's own system, over the real parts of the module's `shop`."""
    key = shop.engine.settings.catalog_key
    assert key is not None
    with (
        serving(create_app(services_of(shop.engine)), host="127.0.0.1", port=0) as url,
        httpx.Client(base_url=url, auth=(key.get_secret_value(), "")) as found,
    ):
        yield found

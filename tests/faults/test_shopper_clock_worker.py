"""A shopper, a clock and a worker at odds: whatever they do, a simple model says what may be mailed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from campaigns.clock import VirtualClock
from campaigns.pipeline.deliver import expire
from campaigns.pipeline.ingest import ingest_inbox
from campaigns.storage.database import transaction
from campaigns.storage.messages import begin_hand_over, claim_messages
from tests.pipeline.small_shop import HOUR, Postbox, Shop, added, identify, open_shop, ordered, track

pytestmark = pytest.mark.servers
_numbers = itertools.count(1)
MINUTES = st.integers(1, 100).map(lambda minutes: timedelta(minutes=minutes))
WHO = st.integers(0, 2)


@dataclass
class Shopper:
    """The model: what is in the cart, when it was touched last, and when an order last took it."""

    name: str
    cart: dict[str, int] = field(default_factory=dict)
    touched_at: datetime | None = None
    ordered_at: datetime | None = None
    has_ordered: bool = False


class Machine(RuleBasedStateMachine):
    """Steps of shoppers, of time and of workers. The world is shared by all runs; shoppers are new in each."""

    shop: Shop
    clock: VirtualClock

    def __init__(self) -> None:
        super().__init__()
        self.postbox = Postbox()
        self.posted: list[dict[str, Any]] = []
        self.people = [Shopper(f"s{next(_numbers)}") for _ in range(3)]
        for shopper in self.people:
            self.post(identify(shopper.name, self.now))
        self.checked = 0
        self.in_doubt = 0

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def post(self, message: dict[str, Any]) -> None:
        self.shop.post(message)
        self.posted.append(message)
        self.clock.move_to(self.now + timedelta(seconds=1))

    @rule(who=WHO, product=st.sampled_from(["lamp", "vase"]))
    def add(self, who: int, product: str) -> None:
        shopper = self.people[who]
        shopper.cart[product] = shopper.cart.get(product, 0) + 1
        shopper.touched_at = self.now
        self.post(added(shopper.name, self.now, product))

    @rule(who=WHO)
    def empty(self, who: int) -> None:
        shopper = self.people[who]
        for product in list(shopper.cart):
            shopper.touched_at = self.now
            message = track("Product Removed", shopper.name, self.now, product_id=product)
            message["properties"]["quantity"] = shopper.cart.pop(product)
            self.post(message)

    @rule(who=WHO)
    def order(self, who: int) -> None:
        shopper = self.people[who]
        shopper.cart.clear()
        shopper.ordered_at, shopper.has_ordered = self.now, True
        self.post(ordered(shopper.name, self.now))

    @rule(who=WHO)
    def abandon(self, who: int) -> None:
        """A cart is left until its mail is decided: from here on only the last look stands between."""
        self.add(who, "lamp")
        self.wait(HOUR + timedelta(minutes=1))
        self.decide()

    @rule(who=WHO, by_order=st.booleans())
    def give_up_then_deliver(self, who: int, by_order: bool) -> None:
        """The reason to write goes, and the next moment the mails leave."""
        if by_order:
            self.order(who)
        else:
            self.empty(who)
        self.deliver()

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.shop.post(data.draw(st.sampled_from(self.posted)))

    @rule(length=MINUTES)
    def wait(self, length: timedelta) -> None:
        self.clock.move_to(self.now + length)

    @rule()
    def ingest(self) -> None:
        while ingest_inbox(self.shop.engine).batches:
            pass

    @rule()
    def decide(self) -> None:
        self.ingest()
        self.shop.decide()

    @rule()
    def deliver(self) -> None:
        self.ingest()
        while self.shop.deliver(self.postbox):
            pass

    @rule(begun=st.booleans())
    def lose_a_sender(self, begun: bool) -> None:
        token, lease = uuid4(), timedelta(seconds=60)
        with transaction(self.shop.engine.database) as connection:
            claimed = claim_messages(connection, token=token, limit=50, lease=lease, now=self.now)
            ids = [message.message_id for message in claimed[:1]]
            if begun:
                self.in_doubt += len(begin_hand_over(connection, ids, token=token, lease=lease))
        self.shop.run("UPDATE messages SET lease_until = now() - interval '1 s' WHERE status = 'sending'")
        expire(self.shop.engine)

    @invariant()
    def mails_have_their_reason(self) -> None:
        refs = [mail.message_ref for mail in self.postbox.mails]
        assert len(refs) == len(set(refs))
        by_address = {f"{shopper.name}@shopper.example": shopper for shopper in self.people}
        for mail in self.postbox.mails[self.checked :]:
            shopper = by_address.get(mail.recipient.address)
            if shopper is not None and mail.campaign_id == "abandoned_cart":
                assert shopper.cart, f"{shopper.name} has nothing in the cart"
                assert shopper.touched_at is not None and self.now - shopper.touched_at >= HOUR
                assert shopper.ordered_at is None or shopper.ordered_at < shopper.touched_at
        self.checked = len(self.postbox.mails)

    def teardown(self) -> None:
        self.clock.move_to(self.now + 2 * HOUR)
        self.decide()
        self.deliver()
        self.mails_have_their_reason()
        for shopper in self.people:
            found = self.shop.rows(
                "SELECT d.outcome FROM decisions d JOIN profiles p USING (profile_id) WHERE p.user_id = :who"
                " AND d.campaign_id = 'abandoned_cart' AND d.step = 1 AND d.outcome <> 'defer'",
                who=shopper.name,
            )
            if shopper.cart and not shopper.has_ordered:
                assert len(found) == 1, f"{shopper.name}: {found}"
        [(doubt,)] = self.shop.rows("SELECT count(*) FROM messages WHERE status = 'uncertain'")
        assert doubt >= self.in_doubt
        assert self.shop.rows("SELECT 1 FROM messages WHERE status IN ('queued', 'sending')") == []


@pytest.fixture
def world(tmp_path: Path, environ: dict[str, str]) -> Iterator[tuple[Shop, VirtualClock]]:
    clock = VirtualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    with open_shop(tmp_path / "shop", environ, clock=clock) as shop:
        yield shop, clock


def test_whatever_happens_mails_have_their_reason(world: tuple[Shop, VirtualClock]) -> None:
    Machine.shop, Machine.clock = world
    options = settings(
        max_examples=8,
        stateful_step_count=18,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Machine, settings=options)

"""A shopper, a clock and a worker at odds: events late and twice, timers between, states stored and read."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from triggers.abandoned_cart import AbandonedCart
from triggers.abandoned_checkout import AbandonedCheckout
from triggers.browse_abandonment import BrowseAbandonment
from triggers.changes import Arm
from triggers.enrollments import EnrollmentBook, EnrollmentStatus
from triggers.evaluate import MAX_EVENT_AGE, evaluate
from triggers.events import Event, Line
from triggers.instants import micros, moment
from triggers.post_purchase import PostPurchase
from triggers.rules import Rule, RuleSet
from triggers.state import ProfileState
from triggers.wake import Due, Exit, Sleep, advance, leave, wake

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
NAMES = ["Product Viewed", "Product Added", "Product Removed", "Cart Updated", "Checkout Started", "Order Completed"]


class ShopperAndWorker(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.rules = RuleSet(
            [
                Rule("cart", AbandonedCart(), (HOUR, DAY), reentry=DAY),
                Rule("checkout", AbandonedCheckout(), (HOUR / 2,), reentry=DAY),
                Rule("browse", BrowseAbandonment(), (2 * HOUR,), reentry=14 * DAY),
                Rule("thanks", PostPurchase(), (0 * HOUR, DAY)),
            ]
        )
        self.now = datetime(2026, 3, 2, tzinfo=UTC)
        self.state, self.book = ProfileState(), EnrollmentBook()
        self.past: list[Event] = []
        self.decided: set[tuple[str, str, int]] = set()

    @rule(
        name=st.sampled_from(NAMES),
        minutes=st.integers(0, 90),
        late=st.sampled_from([0, 0, 0, 1, 10, 45, 59, 61, 300]),
        product=st.sampled_from("ab"),
        cart_id=st.sampled_from([None, None, "c1"]),
    )
    def shopper_does(self, name: str, minutes: int, late: int, product: str, cart_id: str | None) -> None:
        self.now += timedelta(minutes=minutes)
        number = len(self.past)
        lines = () if name == "Cart Updated" and number % 2 else (Line(product),)
        occurred_at = self.now - timedelta(minutes=late)
        event = Event(
            "shop", f"m{number}", name, occurred_at, self.now, lines=lines, cart_id=cart_id, order_id=f"o{number % 7}"
        )
        self.past.append(event)
        self.take(event)

    @rule(back=st.integers(1, 10))
    def an_event_comes_again(self, back: int) -> None:
        if len(self.past) >= back:
            before = orjson.dumps(self.state.to_json(), option=orjson.OPT_SORT_KEYS)
            self.take(self.past[-back])
            assert orjson.dumps(self.state.to_json(), option=orjson.OPT_SORT_KEYS) == before

    def take(self, event: Event):
        changes = evaluate(self.rules, self.state, self.book, event, now=self.now)
        is_history = event.received_at - event.occurred_at > MAX_EVENT_AGE
        assert not (is_history and [change for change in changes if isinstance(change, Arm)])
        return changes

    @rule(hours=st.sampled_from([0, 1, 2, 25, 400]))
    def worker_sweeps(self, hours: int) -> None:
        self.now += hours * HOUR
        for mark in list(self.book.live()):
            if mark.due_at <= self.now:
                self.fire(mark)

    def fire(self, mark) -> None:
        campaign = self.rules.find(mark.campaign_id)
        match wake(campaign, mark, self.state, now=self.now):
            case Sleep(until):
                assert until > self.now
            case Exit(reason):
                leave(mark, reason)
            case Due(step, due_at, last_activity_at):
                assert due_at <= self.now and last_activity_at + campaign.delays[0] <= self.now
                assert (mark.campaign_id, mark.key, step) not in self.decided
                self.decided.add((mark.campaign_id, mark.key, step))
                if mark.campaign_id != "thanks":
                    assert moment(self.state.ordered_until) < last_activity_at
                advance(campaign, mark)

    @rule()
    def process_restarts(self) -> None:
        self.state = ProfileState.from_json(orjson.loads(orjson.dumps(self.state.to_json())))
        self.book.refused.clear()

    @invariant()
    def open_enrollments_have_a_timer_and_keep_their_distance(self) -> None:
        for campaign_id, marks in self.book.marks.items():
            live = [mark for mark in marks.values() if mark.is_live]
            assert all(mark.due_at is not None for mark in live)
            assert all(mark.due_at is None for mark in marks.values() if not mark.is_live)
            assert all(mark.step > 0 for mark in marks.values() if mark.status is EnrollmentStatus.ACTIVE)
            counted = sorted(mark.entered_at for mark in marks.values() if mark.is_live or mark.is_settled)
            reentry = self.rules.find(campaign_id).reentry
            assert all(later - earlier >= reentry for earlier, later in itertools.pairwise(counted))

    @invariant()
    def nothing_is_armed_for_a_cart_that_was_bought(self) -> None:
        for mark in self.book.of("cart").values():
            if mark.status is EnrollmentStatus.ARMED:
                assert micros(mark.last_activity_at) > self.state.ordered_until


ShopperAndWorker.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestShopperAndWorker = ShopperAndWorker.TestCase

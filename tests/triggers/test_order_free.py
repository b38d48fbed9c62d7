"""Late, repeated and shuffled events end in the same state and the same timers, whatever happened in between."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.abandoned_cart import AbandonedCart
from triggers.abandoned_checkout import AbandonedCheckout
from triggers.browse_abandonment import BrowseAbandonment
from triggers.catalog_events import PRICE_DROPPED
from triggers.custom_event import CustomEvent
from triggers.enrollments import EnrollmentBook
from triggers.evaluate import evaluate
from triggers.events import Event, EventName, Line, Visit
from triggers.instants import micros
from triggers.merging import merge
from triggers.post_purchase import PostPurchase
from triggers.price_drop import PriceDrop
from triggers.replenishment import Replenishment
from triggers.rules import Rule, RuleSet
from triggers.state import ProfileState, fold
from triggers.welcome import Welcome
from triggers.win_back import WinBack

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR
RULES = RuleSet(
    [
        Rule("cart", AbandonedCart(), (HOUR, DAY, 3 * DAY), reentry=DAY),
        Rule("browse", BrowseAbandonment(no_order_for=2 * DAY), (2 * HOUR,), reentry=2 * DAY),
        Rule("thanks", PostPurchase(), (0 * HOUR, 10 * DAY)),
        Rule("checkout", AbandonedCheckout(), (HOUR,), reentry=DAY),
        Rule("refill", Replenishment({"a": 9 * DAY}), (0 * HOUR,)),
        Rule("lost", WinBack(), (60 * DAY,)),
        Rule("hello", Welcome(until_first_order=True), (0 * HOUR,), once_per_profile=True),
        Rule(
            "wish",
            CustomEvent(("Wished", "Quiz Taken"), ("Order Completed", "Wish Granted")),
            (HOUR,),
            reentry=5 * HOUR,
        ),
        Rule("wishes", CustomEvent(("Wished",), ("Done",), key="product"), (HOUR,)),
        Rule("cheaper", PriceDrop(), (0 * HOUR,), reentry=3 * HOUR),
    ]
)
NAMES = [
    EventName.PRODUCT_VIEWED,
    EventName.PRODUCT_VIEWED,
    EventName.PRODUCT_VIEWED,
    EventName.PRODUCT_ADDED,
    EventName.PRODUCT_ADDED,
    EventName.PRODUCT_REMOVED,
    EventName.CART_UPDATED,
    EventName.CHECKOUT_STARTED,
    EventName.ORDER_COMPLETED,
    EventName.ORDER_REFUNDED,
    EventName.PAGE_VIEWED,
    EventName.IDENTIFIED,
    PRICE_DROPPED,
    "Wished",
    "Quiz Taken",
    "Done",
]
VISITS = [None, None, None, Visit(source="mail", campaign="spring"), Visit(referrer="https://search.example/q")]


@st.composite
def histories(draw: st.DrawFn, most: int = 14) -> list[Event]:
    """Some days of one shopper, within the bounds of what a state keeps. Events of one instant are rare but occur."""
    steps = draw(st.lists(st.sampled_from([0, 1, 7, 20, 31, 50, 300, 900]), min_size=1, max_size=most))
    at, events = START, []
    for index, minutes in enumerate(steps):
        at += timedelta(minutes=minutes)
        events.append(_event(draw, index, at))
    return events


def _event(draw: st.DrawFn, index: int, at: datetime) -> Event:
    name = draw(st.sampled_from(NAMES))
    products = draw(st.lists(st.sampled_from("abc"), min_size=0 if name == EventName.CART_UPDATED else 1, max_size=2))
    cart_id = draw(st.sampled_from([None, None, "c1", "c2"]))
    order_id = draw(st.sampled_from(["o1", "o2", "o3", None]))
    return Event(
        "shop",
        f"m{index}",
        name,
        at,
        at,
        lines=tuple(Line(product, price_minor=100) for product in products),
        cart_id=cart_id,
        order_id=order_id if name.startswith("Order") else None,
        visit=draw(st.sampled_from(VISITS)),
        properties={"was_minor": 200},
        traits={"email": "a@example.com", "size": index} if name == EventName.IDENTIFIED else {},
    )


def played(events: list[Event]) -> tuple[ProfileState, EnrollmentBook]:
    state, book = ProfileState(), EnrollmentBook()
    for event in events:
        evaluate(RULES, state, book, event, now=event.occurred_at)
    return state, book


def armed(book: EnrollmentBook) -> set[tuple[object, ...]]:
    return {(m.campaign_id, m.key, m.entered_at, m.last_activity_at) for m in book.live()}


def told(state: ProfileState) -> bytes:
    return orjson.dumps(state.to_json(), option=orjson.OPT_SORT_KEYS)


@settings(max_examples=150, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_gives_the_same_state_and_timers(events: list[Event], chance: random.Random):
    state, book = played(events)
    shuffled = events + chance.sample(events, len(events) // 2)
    chance.shuffle(shuffled)
    other, other_book = played(shuffled)
    assert told(other) == told(state)
    assert armed(other_book) == armed(book)


@settings(max_examples=100, deadline=None)
@given(histories(), st.integers(0, 2**14 - 1))
def test_merging_two_identities_is_commutative_and_equals_one_history(events: list[Event], split: int):
    ones, others, whole = ProfileState(), ProfileState(), ProfileState()
    for index, event in enumerate(events):
        fold(ones if split >> index & 1 else others, event, micros(event.occurred_at))
        fold(whole, event, micros(event.occurred_at))
    assert told(merge(ones, others)) == told(merge(others, ones)) == told(whole)
    assert told(merge(whole, whole)) == told(whole)


@settings(max_examples=100, deadline=None)
@given(histories(most=40))
def test_state_survives_json(events: list[Event]):
    state, _ = played(events)
    packed = orjson.dumps(state.to_json())
    again = ProfileState.from_json(orjson.loads(packed))
    assert told(again) == told(state)
    for event in events:
        evaluate(RULES, again, EnrollmentBook(), event, now=event.occurred_at)
    assert told(again) == told(state)


def test_a_state_stays_small_whatever_a_bot_does():
    state = ProfileState()
    for index in range(5000):
        at = START + timedelta(minutes=index * 7)
        name = NAMES[index % len(NAMES)]
        event = Event(
            "shop", f"m{index}", name, at, at, lines=(Line(f"p{index}"),), cart_id=f"c{index % 50}",
            order_id=f"o{index}", visit=Visit(source=f"s{index}"), traits={f"t{index}": "x"},
        )  # fmt: skip
        fold(state, event, micros(at))
    assert len(orjson.dumps(state.to_json())) < 60_000

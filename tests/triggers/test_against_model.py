"""The engine against a model that keeps every event and answers each question by reading all of them again."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from triggers.abandoned_cart import AbandonedCart
from triggers.browse_abandonment import BrowseAbandonment
from triggers.enrollments import EnrollmentBook
from triggers.evaluate import evaluate
from triggers.events import Event, EventName, Line, Visit
from triggers.instants import micros, stamp
from triggers.post_purchase import PostPurchase
from triggers.rules import Rule, RuleSet
from triggers.state import ProfileState
from triggers.wake import Due, Exit, advance, leave, wake

pytestmark = pytest.mark.slow

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR
HALF_HOUR = timedelta(minutes=30)
DELAYS = {"cart": (HOUR, DAY, 3 * DAY), "browse": (2 * HOUR, 5 * HOUR), "thanks": (0 * HOUR, 2 * DAY)}
REENTRY = {"cart": DAY, "browse": 3 * DAY, "thanks": 0 * HOUR}
TRIGGERS = {"cart": AbandonedCart(), "browse": BrowseAbandonment(no_order_for=DAY), "thanks": PostPurchase()}
CART = {EventName.PRODUCT_ADDED, EventName.PRODUCT_REMOVED, EventName.CART_UPDATED, EventName.CHECKOUT_STARTED}
Fired = tuple[str, str, int, datetime]


def engine(events: list[Event], *, restart: bool = False) -> list[Fired]:
    """What the product does: evaluate events in time order, let timers fire between them."""
    rules = RuleSet([Rule(name, TRIGGERS[name], DELAYS[name], reentry=REENTRY[name]) for name in DELAYS])
    state, book, fired = ProfileState(), EnrollmentBook(), []
    for event in [*events, None]:
        until = event.occurred_at if event else START + 100 * DAY
        _fire(rules, state, book, until, fired)
        if event:
            evaluate(rules, state, book, event, now=event.occurred_at)
        if restart:
            state = ProfileState.from_json(orjson.loads(orjson.dumps(state.to_json())))
    return sorted(fired)


def _fire(rules: RuleSet, state: ProfileState, book: EnrollmentBook, until: datetime, fired: list[Fired]) -> None:
    while True:
        due = min(
            (m for m in book.live() if m.due_at < until), key=lambda m: (m.due_at, m.campaign_id, m.key), default=None
        )
        if due is None:
            return
        rule = rules.find(due.campaign_id)
        match wake(rule, due, state, now=due.due_at):
            case Due(step, due_at, _):
                fired.append((due.campaign_id, due.key, step, due_at))
                advance(rule, due)
            case Exit(reason):
                leave(due, reason)


@dataclass
class Enrolled:
    campaign: str
    key: str
    entered: datetime
    step: int = 0
    anchor: datetime | None = None
    over: bool = False

    @property
    def counts(self) -> bool:
        return self.step > 0 or not self.over


class Model:
    """Keeps all events; slow, and written from the rules' definitions."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.enrolled: list[Enrolled] = []
        self.fired: list[Fired] = []

    def run(self, events: list[Event]) -> list[Fired]:
        for event in [*events, None]:
            self.fire(event.occurred_at if event else START + 100 * DAY)
            if event:
                self.seen.append(event)
                self.react(event)
        return sorted(self.fired)

    # what is so, by reading everything

    def last_order(self) -> tuple[datetime, str] | None:
        orders = [(e.occurred_at, e.order_id) for e in self.seen if e.name == EventName.ORDER_COMPLETED]
        return max(orders, default=None)

    def cart(self, cart_id: str | None) -> tuple[str, list[Event]]:
        mine = [e for e in self.seen if e.name in CART and e.cart_id == cart_id]
        order = self.last_order()
        name = cart_id or "cart"
        if order and any(e.occurred_at <= order[0] for e in mine):
            name = f"{name}@{order[1]}"
        return name, [e for e in mine if not order or e.occurred_at > order[0]]

    def cart_content(self, acts: list[Event]) -> dict[str, int]:
        content: dict[str, int] = {}
        for event in acts:
            if event.name == EventName.CART_UPDATED:
                content = {}
            for line in event.lines if event.name != EventName.CHECKOUT_STARTED else ():
                sign = -1 if event.name == EventName.PRODUCT_REMOVED else 1
                content[line.product_id] = max(content.get(line.product_id, 0) + sign, 0)
        return {product: count for product, count in content.items() if count}

    def sessions(self) -> list[list[Event]]:
        found: list[list[Event]] = []
        sources: set[str] = set()
        for event in self.seen:
            if event.name == EventName.ORDER_REFUNDED:
                continue
            source = event.visit.source if event.visit else None
            if not found or event.occurred_at - found[-1][-1].occurred_at > HALF_HOUR:
                found.append([])
                sources = set()
            elif source and source not in sources and event.occurred_at > found[-1][0].occurred_at:
                found.append([])
            if source:
                sources.add(source)
            found[-1].append(event)
        return found

    def standing(self, campaign: str, key: str) -> datetime | str:
        """The moment waits count from, or why there is nothing to wait for."""
        if campaign == "thanks":
            if any(e.name == EventName.ORDER_REFUNDED and e.order_id == key for e in self.seen):
                return "refunded"
            return min(e.occurred_at for e in self.seen if e.name == EventName.ORDER_COMPLETED and e.order_id == key)
        return self.standing_cart(key) if campaign == "cart" else self.standing_session(key)

    def standing_cart(self, key: str) -> datetime | str:
        for cart_id in {e.cart_id for e in self.seen if e.name in CART}:
            name, acts = self.cart(cart_id)
            if name == key and acts:
                return acts[-1].occurred_at if self.cart_content(acts) else "emptied"
        return "ordered"

    def standing_session(self, key: str) -> datetime | str:
        session = next(s for s in self.sessions() if stamp(micros(s[0].occurred_at)) == key)
        start = session[0].occurred_at
        for event in self.seen:
            more = event.name in CART - {EventName.PRODUCT_REMOVED} and (
                event.lines or event.name != EventName.CART_UPDATED
            )
            if event.occurred_at >= start and (more or event.name == EventName.ORDER_COMPLETED):
                return "more than browsing"
            if event.name == EventName.ORDER_COMPLETED and event.occurred_at >= start - DAY:
                return "ordered recently"
        views = [e.occurred_at for e in session if e.name == EventName.PRODUCT_VIEWED]
        return views[-1] if len(views) >= 2 else "too few views"

    # what follows

    def react(self, event: Event) -> None:
        ended = False
        for one in self.enrolled:
            if not one.over and isinstance(self.standing(one.campaign, one.key), str):
                one.over = True
                ended = ended or one.campaign == "cart"
        if event.name in CART:
            self.open("cart", self.cart(event.cart_id)[0], event.occurred_at)
        if event.name == EventName.PRODUCT_VIEWED:
            self.open("browse", stamp(micros(self.sessions()[-1][0].occurred_at)), event.occurred_at)
        if event.name == EventName.ORDER_COMPLETED:
            self.open("thanks", event.order_id, event.occurred_at)
        if ended:
            self.reopen_carts()

    def open(self, campaign: str, key: str, at: datetime) -> None:
        used = any(one.campaign == campaign and one.key == key and one.counts for one in self.enrolled)
        if used or isinstance(self.standing(campaign, key), str):
            return
        near = [one for one in self.enrolled if one.campaign == campaign and one.counts]
        if all(abs(at - one.entered) >= REENTRY[campaign] for one in near):
            self.enrolled.append(Enrolled(campaign, key, at))

    def reopen_carts(self) -> None:
        """Carts that an ended enrollment had kept out enter at the activity at which they would have."""
        waiting = []
        for cart_id in {e.cart_id for e in self.seen if e.name in CART}:
            name, acts = self.cart(cart_id)
            opened = False
            for act in acts:
                opened = opened or act.name == EventName.PRODUCT_ADDED
                opened = opened or (act.name == EventName.CART_UPDATED and bool(act.lines))
                if opened:
                    waiting.append((act.occurred_at, name))
        for at, name in sorted(waiting):
            self.open("cart", name, at)

    def fire(self, until: datetime) -> None:
        queue = [(self.due(one), index) for index, one in enumerate(self.enrolled) if not one.over]
        heapq.heapify(queue)
        while queue:
            due, index = heapq.heappop(queue)
            if due >= until:
                return
            one = self.enrolled[index]
            self.fired.append((one.campaign, one.key, one.step, due))
            one.anchor = one.anchor or self.standing(one.campaign, one.key)
            one.step += 1
            if one.step < len(DELAYS[one.campaign]):
                heapq.heappush(queue, (self.due(one), index))
            else:
                one.over = True

    def due(self, one: Enrolled) -> datetime:
        last = self.standing(one.campaign, one.key)
        quiet = last + DELAYS[one.campaign][0]
        return max(quiet, one.anchor + DELAYS[one.campaign][one.step]) if one.step else quiet


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Some days of one shopper in time order, no two events at one instant."""
    gaps = draw(st.lists(st.sampled_from([1, 7, 20, 30, 31, 61, 200, 700, 1500, 3000]), min_size=1, max_size=25))
    names = (
        [EventName.PRODUCT_VIEWED] * 4
        + [EventName.PRODUCT_ADDED] * 3
        + sorted(CART)
        + ["Order Completed", "Page Viewed"]
    )
    at, events = START, []
    for index, gap in enumerate(gaps):
        at += timedelta(minutes=gap)
        name = draw(st.sampled_from([*names, "Order Refunded"]))
        lines = draw(
            st.lists(st.sampled_from("ab"), min_size=0 if name == "Cart Updated" else 1, max_size=2, unique=True)
        )
        events.append(
            Event(
                "shop",
                f"m{index}",
                name,
                at,
                at,
                lines=tuple(map(Line, lines)),
                cart_id=draw(st.sampled_from([None, None, "c1"])),
                order_id=draw(st.sampled_from(["o1", "o2"])) if name == "Order Refunded" else f"o{index}",
                visit=draw(st.sampled_from([None, None, None, Visit(source="mail"), Visit(source="ads")])),
            )
        )
    return events


@settings(max_examples=200, deadline=None)
@given(histories())
def test_the_engine_fires_exactly_what_the_model_fires(events: list[Event]):
    assert engine(events) == Model().run(events)


@pytest.mark.parametrize("seed", range(6))
def test_the_model_agrees_on_long_histories_that_outgrow_what_a_state_keeps(seed: int):
    """Hundreds of views in a visit, carts of more than a hundred additions, more sessions and orders than are kept."""
    chance = random.Random(seed)
    names = [EventName.PRODUCT_VIEWED] * 80 + [EventName.PRODUCT_ADDED] * 12 + ["Order Completed"] * (seed % 3)
    gaps = [1] * 60 + [5, 25, 31, 400, 2000]
    at, events = START, []
    for index in range(700):
        at += timedelta(minutes=chance.choice(gaps))
        lines = (Line(chance.choice("abcdefgh")),)
        events.append(Event("shop", f"m{index}", chance.choice(names), at, at, lines=lines, order_id=f"o{index}"))
    assert engine(events) == Model().run(events)


@settings(max_examples=60, deadline=None)
@given(histories())
def test_storing_and_reading_the_state_between_events_changes_nothing(events: list[Event]):
    assert engine(events, restart=True) == engine(events)

"""Each further trigger: what opens it, what its waits count from, what ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from triggers.abandoned_cart import AbandonedCart
from triggers.abandoned_checkout import AbandonedCheckout
from triggers.back_in_stock import BackInStock
from triggers.browse_abandonment import BrowseAbandonment
from triggers.catalog_events import BACK_IN_STOCK, PRICE_DROPPED, catalog_event
from triggers.changes import Arm, Cancel, NotStarted, TimerChange
from triggers.custom_event import CustomEvent
from triggers.enrollments import EnrollmentBook
from triggers.evaluate import evaluate, evaluate_covering_order, reconsider
from triggers.events import Event, EventName, Line, Visit
from triggers.merging import merge, merge_books
from triggers.post_purchase import PostPurchase
from triggers.price_drop import PriceDrop
from triggers.registry import TRIGGERS
from triggers.replenishment import Replenishment
from triggers.rules import Rule, RuleSet
from triggers.state import ProfileState
from triggers.trigger import Trigger
from triggers.wake import Sleep, advance, wake
from triggers.welcome import Welcome
from triggers.win_back import WinBack

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR
NOW = 0 * HOUR


class Shopper:
    def __init__(self, *triggers: Trigger, wait: timedelta = NOW, reentry: timedelta = NOW) -> None:
        self.rules = RuleSet(Rule(trigger.name, trigger, (wait,), reentry=reentry) for trigger in triggers)
        self.state, self.book, self.count = ProfileState(), EnrollmentBook(), 0

    def does(self, name: str, after: timedelta, *products: str, **fields: object) -> list[TimerChange]:
        self.count += 1
        at = NOON + after
        lines = tuple(Line(product, price_minor=1000) for product in products)
        event = Event("shop", f"m{id(self)}-{self.count}", name, at, at, lines=lines, **fields)  # type: ignore[arg-type]
        return self.takes(event)

    def takes(self, event: Event) -> list[TimerChange]:
        return evaluate(self.rules, self.state, self.book, event, now=event.received_at)


def reasons(changes: list[TimerChange]) -> list[str]:
    return [change.reason for change in changes if isinstance(change, (Cancel, NotStarted))]


def test_abandoned_checkout_opens_at_the_checkout_and_ends_with_the_order():
    shopper = Shopper(AbandonedCheckout())
    assert shopper.does(EventName.PRODUCT_ADDED, NOW, "shirt") == []
    [arm] = shopper.does(EventName.CHECKOUT_STARTED, HOUR, "shirt", checkout_id="x1")
    assert isinstance(arm, Arm)
    assert (arm.entered_at, arm.context["checkout"]) == (NOON + HOUR, "x1")
    assert [line.product_id for line in shopper.state.current_cart().checkout_lines()] == ["shirt"]
    assert reasons(shopper.does(EventName.ORDER_COMPLETED, 2 * HOUR, "shirt")) == ["ordered"]


def test_a_checkout_without_a_cart_counts_by_its_own_lines():
    shopper = Shopper(AbandonedCheckout())
    assert len(shopper.does(EventName.CHECKOUT_STARTED, NOW, "shirt")) == 1


@pytest.mark.parametrize(("price", "was", "opens"), [(800, 1000, 1), (950, 1000, 0), (800, None, 0), (1100, 1000, 0)])
def test_price_drop_opens_from_the_least_drop_on(price, was, opens):
    shopper = Shopper(PriceDrop(min_drop_percent=10))
    told = catalog_event(PRICE_DROPPED, "shirt", profile_ref="1", at=NOON, price_minor=price, was_minor=was)
    assert len(shopper.takes(told)) == opens
    assert shopper.takes(told) == []


def test_price_drop_ends_when_the_product_is_bought_and_not_when_another_is():
    shopper = Shopper(PriceDrop())
    shopper.takes(catalog_event(PRICE_DROPPED, "shirt", profile_ref="1", at=NOON, price_minor=500, was_minor=1000))
    assert shopper.does(EventName.ORDER_COMPLETED, HOUR, "hat") == []
    assert reasons(shopper.does(EventName.ORDER_COMPLETED, 2 * HOUR, "shirt")) == ["bought_product"]


def test_a_newer_drop_replaces_the_older():
    shopper = Shopper(PriceDrop())
    for days, price in ((0, 800), (1, 500)):
        at = NOON + days * DAY
        told = catalog_event(PRICE_DROPPED, "shirt", profile_ref="1", at=at, price_minor=price, was_minor=1000)
        changes = shopper.takes(told)
    assert reasons(changes) == ["offer_withdrawn"]
    assert [mark.key for mark in shopper.book.live()] == ["shirt@2026-03-03T12:00:00Z"]


def test_a_change_of_the_catalog_is_no_visit():
    shopper = Shopper(BackInStock())
    [arm] = shopper.takes(catalog_event(BACK_IN_STOCK, "shirt", profile_ref="1", at=NOON))
    assert arm.context["product"] == "shirt"
    assert list(shopper.state.sessions()) == []


def test_replenishment_waits_for_the_shoppers_own_rhythm():
    shopper = Shopper(Replenishment(early=2 * DAY))
    assert shopper.does(EventName.ORDER_COMPLETED, NOW, "coffee", order_id="o1") == []
    [arm] = shopper.does(EventName.ORDER_COMPLETED, 30 * DAY, "coffee", order_id="o2")
    assert (arm.key, arm.due_at, arm.context["rhythm_days"]) == ("coffee@@o2", NOON + 58 * DAY, 30)
    changes = shopper.does(EventName.ORDER_COMPLETED, 50 * DAY, "coffee", order_id="o3")
    assert reasons(changes) == ["ordered_again"]
    assert changes[-1].due_at == NOON + (50 + 25 - 2) * DAY


def test_replenishment_takes_the_products_rhythm_at_the_first_order():
    shopper = Shopper(Replenishment({"coffee": 20 * DAY}, early=1 * DAY))
    [arm] = shopper.does(EventName.ORDER_COMPLETED, NOW, "coffee", "mug", order_id="o1")
    assert arm.due_at == NOON + 19 * DAY
    assert reasons(shopper.does(EventName.ORDER_REFUNDED, DAY, order_id="o1")) == ["order_refunded"]


def test_win_back_starts_over_with_each_order():
    shopper = Shopper(WinBack(), wait=60 * DAY)
    shopper.does(EventName.ORDER_COMPLETED, NOW, "hat", order_id="o1")
    cancel, arm = shopper.does(EventName.ORDER_COMPLETED, 10 * DAY, "hat", order_id="o2")
    assert (cancel.reason, arm.key, arm.due_at) == ("ordered_again", "o2", NOON + 70 * DAY)


def test_win_back_since_the_last_visit_sleeps_on_after_a_visit():
    shopper = Shopper(WinBack(since_last_visit=True), wait=60 * DAY)
    shopper.does(EventName.ORDER_COMPLETED, NOW, "hat", order_id="o1")
    assert shopper.does(EventName.PRODUCT_VIEWED, 30 * DAY, "hat") == []
    rule = shopper.rules.find("win_back")
    [mark] = shopper.book.live()
    assert wake(rule, mark, shopper.state, now=NOON + 60 * DAY) == Sleep(NOON + 90 * DAY)


def test_welcome_opens_once_when_the_address_is_known():
    shopper = Shopper(Welcome(until_first_order=True))
    assert shopper.does(EventName.IDENTIFIED, NOW, traits={"size": "M"}) == []
    [arm] = shopper.does(EventName.IDENTIFIED, HOUR, traits={"email": "ada@example.com"})
    assert arm.key == "welcome"
    assert shopper.does(EventName.IDENTIFIED, 2 * HOUR, email="ada@example.com") == []
    assert reasons(shopper.does(EventName.ORDER_COMPLETED, 3 * HOUR, "hat")) == ["ordered"]


def test_an_order_of_another_profile_with_the_same_address_ends_the_cart_and_thanks_nobody_twice():
    shopper = Shopper(AbandonedCart(), PostPurchase())
    shopper.does(EventName.PRODUCT_ADDED, NOW, "shirt")
    order = Event("shop", "x", EventName.ORDER_COMPLETED, NOON + HOUR, NOON + HOUR, order_id="o9")
    changes = evaluate_covering_order(shopper.rules, shopper.state, shopper.book, order, now=NOON + HOUR)
    assert reasons(changes) == ["ordered"] and len(changes) == 1
    assert shopper.state.current_cart() is None and not shopper.state.orders


def test_joining_a_stranger_with_a_profile_keeps_one_timer_and_the_whole_cart():
    phone, desk = Shopper(AbandonedCart()), Shopper(AbandonedCart())
    phone.does(EventName.PRODUCT_ADDED, NOW, "shirt")
    desk.does(EventName.PRODUCT_ADDED, HOUR, "shoe")
    advance(desk.rules.find("abandoned_cart"), desk.book.of("abandoned_cart")["cart"])
    state = merge(phone.state, desk.state, merged_ids=("7",))
    dropped = merge_books(phone.book, desk.book)
    changes = reconsider(phone.rules, state, phone.book, now=NOON + HOUR)
    assert [mark.step for mark in dropped] == [0]
    assert [(mark.key, mark.step) for mark in phone.book.marks["abandoned_cart"].values()] == [("cart", 1)]
    assert changes == []
    assert [line.product_id for line in state.current_cart().lines()] == ["shirt", "shoe"]
    assert state.merged_ids == ["7"]


def test_joining_with_a_buyer_ends_the_strangers_cart():
    stranger, buyer = Shopper(AbandonedCart()), Shopper(AbandonedCart())
    stranger.does(EventName.PRODUCT_ADDED, NOW, "shirt")
    buyer.does(EventName.ORDER_COMPLETED, HOUR, "shirt", order_id="o1")
    state = merge(stranger.state, buyer.state)
    merge_books(buyer.book, stranger.book)
    assert reasons(reconsider(buyer.rules, state, buyer.book, now=NOON + HOUR)) == ["ordered"]


def test_a_new_campaign_or_referral_source_begins_a_session_with_its_landing_page_and_device():
    shopper = Shopper(BrowseAbandonment())
    visit = Visit(source="mail", campaign="spring", landing_url="https://shop.example/sale", device="phone")
    shopper.does(EventName.PRODUCT_VIEWED, NOW, "a")
    shopper.does(EventName.PRODUCT_VIEWED, HOUR / 6, "b", visit=visit)
    shopper.does(EventName.PRODUCT_VIEWED, HOUR / 5, "c", visit=visit)
    shopper.does(EventName.PAGE_VIEWED, HOUR / 4, visit=Visit(referrer="https://www.search.example/?q=x"))
    own = Visit(referrer="https://shop.example/a", landing_url="https://www.shop.example/b")
    shopper.does(EventName.PAGE_VIEWED, HOUR / 3, visit=own)
    sessions = list(shopper.state.sessions())
    assert [session.source for session in sessions] == ["", "mail/-/spring", "search.example"]
    assert (sessions[1].landing_url, sessions[1].device) == ("https://shop.example/sale", "phone")
    assert [mark.key for mark in shopper.book.live()] == [sessions[1].key]


def test_a_late_view_that_joins_two_sessions_moves_the_enrollment_to_the_new_start():
    shopper = Shopper(BrowseAbandonment(), wait=2 * HOUR)
    shopper.does(EventName.PRODUCT_VIEWED, NOW, "a")
    shopper.does(EventName.PRODUCT_VIEWED, HOUR * 0.75, "b")
    shopper.does(EventName.PRODUCT_VIEWED, HOUR * 0.8, "c")
    changes = shopper.does(EventName.PRODUCT_VIEWED, HOUR * 0.4, "d")
    assert reasons(changes) == ["superseded"]
    assert [mark.key for mark in shopper.book.live()] == ["2026-03-02T12:00:00Z"]


def test_an_event_of_the_shops_own_opens_and_another_ends_it():
    shopper = Shopper(CustomEvent(("Wished",), ("Product Added", "Wish Granted")), wait=HOUR)
    [arm] = shopper.does("Wished", NOW, "hat")
    assert (arm.key, arm.due_at, arm.context) == ("2026-03-02T12:00:00Z", NOON + HOUR, {"product": "hat"})
    assert len(shopper.does("Wished", HOUR / 2, "hat")) == 1
    assert shopper.does("Quiz Taken", HOUR, "hat") == []
    assert reasons(shopper.does("Product Added", 2 * HOUR, "hat")) == ["event_followed", "event_followed"]


def test_events_of_one_product_are_one_enrollment_that_waits_from_the_newest():
    shopper = Shopper(CustomEvent(("Wished",), ("Wish Granted",), key="product"), wait=HOUR)
    shopper.does("Wished", NOW, "hat")
    [touch] = shopper.does("Wished", HOUR / 2, "hat")
    assert (touch.key, touch.last_activity_at) == ("hat", NOON + HOUR / 2)
    shopper.does("Wish Granted", HOUR)
    [arm] = shopper.does("Wished", 2 * HOUR, "hat")
    assert (arm.entered_at, arm.is_revival) == (NOON + 2 * HOUR, True)


@pytest.mark.parametrize("name", TRIGGERS)
def test_every_trigger_stays_calm_about_a_key_it_does_not_know(name):
    trigger = TRIGGERS[name]()
    state = ProfileState()
    assert trigger.look(state, "nonsense") is None
    assert trigger.openings(state, "nonsense") == []
    assert list(trigger.known(state)) == []

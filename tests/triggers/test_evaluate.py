"""Timers follow what shoppers do: opened, moved, ended, refused - each with its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from triggers.abandoned_cart import AbandonedCart
from triggers.browse_abandonment import BrowseAbandonment
from triggers.changes import Arm, Cancel, NotStarted, TimerChange, Touch
from triggers.enrollments import EnrollmentBook, EnrollmentStatus
from triggers.evaluate import evaluate
from triggers.events import Event, EventName, Line
from triggers.post_purchase import PostPurchase
from triggers.rules import Rule, RuleSet
from triggers.state import ProfileState
from triggers.wake import Due, Exit, Sleep, advance, leave, wake

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

CART = Rule("cart", AbandonedCart(), (HOUR, DAY, 3 * DAY), reentry=DAY)
BROWSE = Rule("browse", BrowseAbandonment(), (2 * HOUR,), reentry=14 * DAY)
ORDER = Rule("thanks", PostPurchase(), (timedelta(0), 10 * DAY, 14 * DAY))


class Shopper:
    """One profile walking through the shop."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = RuleSet(rules or (CART, BROWSE, ORDER))
        self.state = ProfileState()
        self.book = EnrollmentBook()
        self.count = 0

    def does(self, name: str, after: timedelta, *products: str, late: timedelta = timedelta(0), **fields: object
             ) -> list[TimerChange]:  # fmt: skip
        self.count += 1
        at = NOON + after
        event = Event("shop", f"m{self.count}", name, at, at + late, lines=tuple(map(Line, products)), **fields)  # type: ignore[arg-type]
        return evaluate(self.rules, self.state, self.book, event, now=at + late)


def test_adding_to_the_cart_opens_an_enrollment_due_one_hour_later():
    [arm] = Shopper().does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    assert isinstance(arm, Arm)
    assert (arm.campaign_id, arm.key, arm.entered_at, arm.due_at) == ("cart", "cart", NOON, NOON + HOUR)


def test_more_cart_activity_moves_last_activity_and_leaves_the_timer_row():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    assert shopper.does(EventName.PRODUCT_ADDED, HOUR / 2, "shoe") == [Touch("cart", "cart", NOON + HOUR / 2)]


def test_timer_that_fires_early_goes_back_to_sleep_and_is_then_due():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    shopper.does(EventName.PRODUCT_ADDED, HOUR / 2, "shoe")
    mark = shopper.book.of("cart")["cart"]
    assert wake(CART, mark, shopper.state, now=NOON + HOUR) == Sleep(NOON + HOUR * 1.5)
    due = wake(CART, mark, shopper.state, now=NOON + HOUR * 1.5)
    assert due == Due(0, NOON + HOUR * 1.5, NOON + HOUR / 2)


def test_an_order_ends_the_cart_and_opens_the_thank_you():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    cancel, arm = shopper.does(EventName.ORDER_COMPLETED, HOUR / 2, "shirt", order_id="o1")
    assert (cancel.reason, arm.campaign_id, arm.key) == ("ordered", "thanks", "o1")
    assert wake(CART, shopper.book.of("cart")["cart"], shopper.state, now=NOON + HOUR) == Exit("ordered")


def test_emptied_cart_ends_and_filling_it_again_opens_it_again():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    [cancel] = shopper.does(EventName.PRODUCT_REMOVED, MINUTE, "shirt")
    assert isinstance(cancel, Cancel) and cancel.reason == "cart_emptied"
    [arm] = shopper.does(EventName.PRODUCT_ADDED, 2 * MINUTE, "shoe")
    assert isinstance(arm, Arm) and arm.is_revival


def test_full_cart_snapshots_replace_what_is_in_the_cart():
    shopper = Shopper()
    shopper.does(EventName.CART_UPDATED, 0 * HOUR, "shirt", "shoe", cart_id="c1")
    shopper.does(EventName.CART_UPDATED, MINUTE, "hat", cart_id="c1")
    assert [line.product_id for line in shopper.state.carts["c1"].lines()] == ["hat"]
    [cancel] = shopper.does(EventName.CART_UPDATED, 2 * MINUTE, cart_id="c1")
    assert cancel.reason == "cart_emptied"


def test_later_steps_count_from_the_moment_of_abandonment_and_wait_for_silence():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    mark = shopper.book.of("cart")["cart"]
    advance(CART, mark)
    assert (mark.status, mark.step, mark.due_at) == (EnrollmentStatus.ACTIVE, 1, NOON + DAY)
    shopper.does(EventName.PRODUCT_ADDED, DAY - HOUR / 2, "shoe")
    assert wake(CART, mark, shopper.state, now=NOON + DAY) == Sleep(NOON + DAY + HOUR / 2)
    advance(CART, mark)
    assert mark.due_at == NOON + 3 * DAY


def test_a_second_cart_within_a_day_of_a_mailed_one_is_not_started_and_told_once():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    advance(CART, shopper.book.of("cart")["cart"])
    shopper.does(EventName.ORDER_COMPLETED, 2 * HOUR, "shirt", order_id="o1")
    [refused] = shopper.does(EventName.PRODUCT_ADDED, 3 * HOUR, "shoe")
    assert isinstance(refused, NotStarted) and refused.reason == "entered_recently"
    assert refused.facts == {"until": "2026-03-03T12:00:00+00:00"}
    assert shopper.does(EventName.PRODUCT_ADDED, 4 * HOUR, "shoe") == []
    [arm] = shopper.does(EventName.PRODUCT_ADDED, DAY, "shoe")
    assert (arm.key, arm.entered_at) == ("cart@o1", NOON + DAY)


def test_an_enrollment_that_ended_before_its_first_mail_does_not_count_for_re_entry():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    shopper.does(EventName.ORDER_COMPLETED, HOUR / 2, "shirt", order_id="o1")
    [arm] = shopper.does(EventName.PRODUCT_ADDED, HOUR, "shoe")
    assert (arm.key, arm.due_at) == ("cart@o1", NOON + 2 * HOUR)


def test_a_mailed_cart_is_not_opened_twice():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    mark = shopper.book.of("cart")["cart"]
    for _ in CART.delays:
        advance(CART, mark)
    assert mark.status is EnrollmentStatus.COMPLETED
    assert shopper.does(EventName.PRODUCT_ADDED, 9 * DAY, "shoe") == []


def test_two_views_in_a_session_open_browse_abandonment_at_the_second():
    shopper = Shopper()
    assert shopper.does(EventName.PRODUCT_VIEWED, 0 * HOUR, "shirt") == []
    [arm] = shopper.does(EventName.PRODUCT_VIEWED, MINUTE, "shoe")
    assert (arm.campaign_id, arm.key) == ("browse", "2026-03-02T12:00:00Z")
    assert (arm.entered_at, arm.due_at) == (NOON + MINUTE, NOON + MINUTE + 2 * HOUR)


def test_views_more_than_half_an_hour_apart_are_two_sessions():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_VIEWED, 0 * HOUR, "shirt")
    assert shopper.does(EventName.PRODUCT_VIEWED, 31 * MINUTE, "shoe") == []
    assert [a.key for a in shopper.does(EventName.PRODUCT_VIEWED, 61 * MINUTE, "shoe")] == ["2026-03-02T12:31:00Z"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (EventName.PRODUCT_ADDED, "added_to_cart"),
        (EventName.CHECKOUT_STARTED, "checkout_started"),
        (EventName.ORDER_COMPLETED, "ordered"),
    ],
)
def test_anything_more_than_browsing_ends_browse_abandonment(name, reason):
    shopper = Shopper(BROWSE)
    shopper.does(EventName.PRODUCT_VIEWED, 0 * HOUR, "shirt")
    shopper.does(EventName.PRODUCT_VIEWED, MINUTE, "shoe")
    assert [(c.campaign_id, c.reason) for c in shopper.does(name, HOUR, "shirt")] == [("browse", reason)]


def test_a_recent_order_keeps_browse_abandonment_from_starting():
    shopper = Shopper(BROWSE)
    shopper.does(EventName.ORDER_COMPLETED, -5 * DAY, "hat")
    shopper.does(EventName.PRODUCT_VIEWED, 0 * HOUR, "shirt")
    [refused] = shopper.does(EventName.PRODUCT_VIEWED, MINUTE, "shoe")
    assert isinstance(refused, NotStarted) and refused.reason == "ordered_recently"


def test_order_rows_of_one_order_are_one_enrollment_and_a_refund_ends_it():
    shopper = Shopper(ORDER)
    [arm] = shopper.does(EventName.ORDER_COMPLETED, 0 * HOUR, "shirt", order_id="o1")
    assert arm.due_at == NOON
    assert shopper.does(EventName.ORDER_COMPLETED, MINUTE, "shoe", order_id="o1") == []
    assert [line.product_id for line in shopper.state.orders["o1"].lines()] == ["shirt", "shoe"]
    [cancel] = shopper.does(EventName.ORDER_REFUNDED, DAY, order_id="o1")
    assert cancel.reason == "order_refunded"


def test_back_dated_events_feed_history_and_open_nothing_but_still_end_things():
    shopper = Shopper()
    [refused] = shopper.does(EventName.PRODUCT_ADDED, -2 * HOUR, "shirt", late=2 * HOUR)
    assert isinstance(refused, NotStarted) and refused.reason == "back_dated"
    assert [line.product_id for line in shopper.state.carts[""].lines()] == ["shirt"]
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shoe")
    [cancel, *_] = shopper.does(EventName.ORDER_COMPLETED, HOUR, "shoe", late=5 * HOUR)
    assert isinstance(cancel, Cancel)


def test_an_event_from_the_future_counts_from_when_it_was_received():
    [arm] = Shopper().does(EventName.PRODUCT_ADDED, 400 * DAY, "shirt", late=-400 * DAY)
    assert (arm.entered_at, arm.due_at) == (NOON, NOON + HOUR)


def test_a_decision_that_ends_an_enrollment_uses_up_its_key():
    shopper = Shopper()
    shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    leave(shopper.book.of("cart")["cart"], "suppressed", is_decided=True)
    assert shopper.does(EventName.PRODUCT_ADDED, HOUR, "shoe") == []


def test_paused_campaign_opens_nothing():
    shopper = Shopper(Rule("cart", AbandonedCart(), (HOUR,), is_paused=True))
    [refused] = shopper.does(EventName.PRODUCT_ADDED, 0 * HOUR, "shirt")
    assert refused.reason == "campaign_paused"

"""The words of `why`: events, causes and what comes next, as a marketer would say them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from campaigns.domain.campaign import Campaign
from campaigns.domain.campaign_reasons import NOT_STARTED_SENTENCES, NotStartedReason, Reason
from campaigns.domain.decision import explain_reason
from campaigns.rendering.money import money_text
from campaigns.storage.coupons import CarriedCode
from triggers.catalog_events import BACK_IN_STOCK, CATALOG_EVENTS
from triggers.events import EventName

_NAMES_SHOWN = 4
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))

_FIRST = {
    "abandoned_cart": "The cart was left alone for {wait}",
    "abandoned_checkout": "The checkout was left alone for {wait}",
    "browse_abandonment": "Products were looked at, and nothing came of it for {wait}",
    "post_purchase": "An order was completed {wait} before",
    "price_drop": "A product of interest became cheaper",
    "back_in_stock": "A product of interest came back into stock",
    "replenishment": "It is about time to buy again",
    "win_back": "Nothing was heard from the shopper for {wait}",
    "welcome": "The shopper became known",
}
_LATER = {
    "abandoned_cart": "The cart was still waiting {wait} after it was left",
    "abandoned_checkout": "The checkout was still open {wait} after it was left",
    "browse_abandonment": "Nothing had come of the visit {wait} after it",
    "post_purchase": "The order was {wait} ago",
}
_SAID = {
    EventName.PRODUCT_VIEWED: "Looked at",
    EventName.PRODUCT_ADDED: "Put into the cart:",
    EventName.PRODUCT_REMOVED: "Took out of the cart:",
    EventName.PRODUCT_WISHLISTED: "Put on the wish list:",
    EventName.CART_UPDATED: "Changed the cart to",
    EventName.CART_VIEWED: "Looked at the cart:",
    EventName.CHECKOUT_STARTED: "Started the checkout with",
    EventName.PAGE_VIEWED: "Looked at a page",
    EventName.PRODUCT_LIST_VIEWED: "Looked through a list of products:",
    EventName.PRODUCTS_SEARCHED: "Searched:",
    EventName.ORDER_CANCELLED: "The order was cancelled:",
    EventName.ORDER_REFUNDED: "The order was refunded:",
}


def say_length(length: timedelta) -> str:
    """A length of time as it is said: an hour, 24 hours, ten days."""
    seconds = round(length.total_seconds())
    for unit, size in _UNITS:
        if seconds >= size and seconds % size == 0 and (unit, seconds) != ("day", size):
            return _say_count(seconds // size, unit)
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds >= 2 * size), ("second", 1))
    return "about " + _say_count(round(seconds / size), unit) if seconds else "no time"


def _say_count(count: int, unit: str) -> str:
    if count == 1:
        return f"an {unit}" if unit == "hour" else f"a {unit}"
    return f"{_NUMBERS[count] if count < len(_NUMBERS) else f'{count:,}'} {unit}s"


def say_cause(campaign: Campaign, step: int) -> str:
    """Why a step (from 0) came up, in a clause: the cart was left alone for an hour."""
    kind, after = campaign.trigger.name, campaign.steps[step].after
    words = _FIRST.get(kind, "The campaign's event happened") if step == 0 else _LATER.get(kind)
    if step == 0 and not after:
        words = "An order was completed" if kind == "post_purchase" else words
    words = words or "{wait} had passed since the campaign began"
    said = words.format(wait=say_length(after))
    return said[0].upper() + said[1:]


def say_step(campaign: Campaign, step: int) -> str:
    """Which mail of the campaign: the mail, or mail 2 of 3 (second reminder)."""
    if len(campaign.steps) == 1:
        return "the mail"
    return f"mail {step + 1} of {len(campaign.steps)} ({campaign.steps[step].name.replace('_', ' ')})"


def say_decision(
    campaign: Campaign | None, name: str, step: int, outcome: str, reason: str, facts: Mapping[str, Any]
) -> str:
    """A decision in a sentence or two; `step` counts from 0."""
    told = explain_reason(reason, facts)
    if campaign is None or step >= len(campaign.steps):
        return f"{name}, step {step + 1}: {outcome}. {told}"
    which, cause = say_step(campaign, step), say_cause(campaign, step)
    if outcome == "send":
        against = "nothing spoke against it" if reason == Reason.PASSED else told
        return f"{name}: {which} is sent. {cause}; {against}."
    if outcome == "ghost":
        return f"{name}: {which} is held back (a ghost). {cause}, and nothing spoke against it. {told}"
    return f"{name}: {which} {'waits' if outcome == 'defer' else 'is not sent'}. {told}"


def say_refusal(name: str, reason: str) -> str:
    """That a campaign did not start, and why."""
    try:
        why = NOT_STARTED_SENTENCES[NotStartedReason(reason)]
    except ValueError:
        why = f"{reason.replace('_', ' ')}."
    return f"{name} did not start: {why}"


def say_moved(touches: int, last_at: datetime, entered_at: datetime) -> str:
    """That activity set a timer anew."""
    if not touches:
        return ""
    times = {1: "once", 2: "twice"}.get(touches, f"{touches} times")
    day = "" if last_at.date() == entered_at.date() else f"{last_at:%d %b} "
    return f" Activity set its timer anew {times}, the last time at {day}{last_at:%H:%M} UTC."


def say_coupon(carried: CarriedCode | None) -> str:
    """The code a mail carries and what became of it, as a sentence; nothing without one."""
    if carried is None:
        return ""
    until = f", valid until {carried.valid_until:%d %b %Y %H:%M} UTC" if carried.valid_until else ""
    used = f"; it was used with order {carried.order_id}" if carried.redeemed_at else ""
    return f" It carries the coupon code {carried.code} ({carried.pool}{until}){used}."


class EventWords:
    """Events in words; `titles` names products."""

    def __init__(self, titles: Mapping[str, str], currency: str) -> None:
        self.titles, self.currency = titles, currency

    def say(self, name: str, payload: Mapping[str, Any]) -> str:
        """One event."""
        products = self.products(payload.get("lines", ()))
        if name == EventName.ORDER_COMPLETED:
            total = payload.get("total_minor")
            worth = f" for {money_text(total, payload.get('currency') or self.currency, 'en')}" if total else ""
            order = f" (order {payload['order_id']})" if payload.get("order_id") else ""
            return f"Ordered {products or 'something'}{worth}{order}."
        if name == EventName.IDENTIFIED:
            return f"Was recognised as {payload.get('user_id') or payload.get('email') or 'somebody'}."
        if name == EventName.ALIASED:
            return f"Two ids turned out to be one shopper: {payload.get('previous_id')} and {payload.get('user_id')}."
        if name in CATALOG_EVENTS:
            return self._say_change(name, payload, products)
        said = _SAID.get(name)
        if said is None:
            return f"{name}{': ' + products if products else ''}."
        what = products or payload.get("order_id") or ""
        return f"{said} {what}".rstrip(" :") + "."

    def _say_change(self, name: str, payload: Mapping[str, Any], products: str) -> str:
        what = products or "A product"
        if name == BACK_IN_STOCK:
            return f"{what} can be bought again."
        now = next((line.get("price_minor") for line in payload.get("lines", ())), None)
        was = payload.get("properties", {}).get("was_minor")
        if not isinstance(now, int) or not isinstance(was, int):
            return f"The price of {what} fell."
        before, after = (money_text(minor, self.currency, "en") for minor in (was, now))
        return f"The price of {what} fell from {before} to {after}."

    def say_views(self, views: Sequence[Mapping[str, Any]], length: timedelta) -> str:
        """Several product views of one visit."""
        ids = dict.fromkeys(line["product_id"] for payload in views for line in payload.get("lines", ()))
        names = self._listed([self.titles.get(one, f"product {one}") for one in ids])
        minutes = round(length.total_seconds() / 60)
        span = f" in {_say_count(minutes, 'minute')}" if minutes else ""
        times = f", {len(views)} times in all" if len(views) > len(ids) else ""
        return f"Looked at {_say_count(len(ids), 'product')}{times}{span}: {names}."

    def products(self, lines: Iterable[Mapping[str, Any]]) -> str:
        """Products with their quantities."""
        return self._listed(
            [
                self.titles.get(line["product_id"], f"product {line['product_id']}")
                + (f" × {line['quantity']}" if line.get("quantity", 1) != 1 else "")
                for line in lines
            ]
        )

    def _listed(self, names: Sequence[str]) -> str:
        more = len(names) - _NAMES_SHOWN
        return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")

"""A shop of eight shelves whose shoppers like one shelf each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from campaigns.domain.product import Product
from triggers.events import Event, EventName, Line

START = datetime(2026, 3, 12, 9, tzinfo=UTC)
SHELVES = 8
PER_SHELF = 6


def product(number: int) -> Product:
    shelf = number // PER_SHELF
    return Product(
        f"P{number}", f"Thing {number}", category=f"Shelf {shelf}", brand=f"Brand {number % 3}",
        price_minor=1000 + number, currency="EUR",
    )  # fmt: skip


def visits(shoppers: int = 60, days: int = 12, seed: int = 3) -> list[Event]:
    """Shoppers who like one shelf each, look around there, sometimes add, and sometimes buy the shelf's first thing."""
    chance = np.random.default_rng(seed)
    events: list[Event] = []
    for shopper in range(shoppers):
        shelf, who = shopper % SHELVES, f"user-{shopper}"
        for day in sorted(chance.choice(days, 5, replace=False).tolist()):
            at = START - timedelta(days=days - day, minutes=int(chance.integers(600)))
            for step in range(4):
                number = shelf * PER_SHELF + int(chance.integers(PER_SHELF))
                name = EventName.PRODUCT_ADDED if step == 3 else EventName.PRODUCT_VIEWED
                events.append(event(name, who, at + timedelta(minutes=step), f"P{number}"))
            if chance.random() < 0.3:
                order = event(EventName.ORDER_COMPLETED, who, at + timedelta(minutes=9), f"P{shelf * PER_SHELF}")
                events.append(replace(order, order_id=f"o-{who}-{day}"))
    return sorted(events, key=lambda one: one.occurred_at)


def event(name: str, who: str, at: datetime, *products: str) -> Event:
    lines = tuple(Line(one) for one in products)
    return Event("shop", f"{who}-{name}-{at.isoformat()}-{products}", name, at, at, user_id=who, lines=lines)

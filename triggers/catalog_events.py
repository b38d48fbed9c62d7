"""What happened to a product that a profile cares about, told as an event of that profile.

The catalog changes once; whoever looked at the product lately gets one of these events, made by `catalog_event`,
so that price drops and returns to stock run through the same machinery as everything else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from triggers.events import Event, Line
from triggers.instants import micros

PRICE_DROPPED: Final = "Product Price Dropped"
BACK_IN_STOCK: Final = "Product Back In Stock"
CATALOG_EVENTS: Final = frozenset({PRICE_DROPPED, BACK_IN_STOCK})

Offer = tuple[int, str, str, int, int, int]
"""(at, event name, product id, price_minor, price before or 0, instant of the last interest in it)."""

LEAST_DROP_PERCENT: Final = 1
"""Smaller reductions are no news to anybody; no campaign can ask for less."""

_MOST_MINOR: Final = 2**53


def catalog_event(
    name: str,
    product_id: str,
    *,
    profile_ref: str,
    at: datetime,
    received_at: datetime | None = None,
    price_minor: int | None = None,
    was_minor: int | None = None,
    interested_at: datetime | None = None,
    user_id: str | None = None,
    anonymous_id: str | None = None,
    email: str | None = None,
) -> Event:
    """The event that tells one profile of a change. Made twice for the same change it has the same message id.

    `user_id`, `anonymous_id` or `email` names the profile as its own events do; `received_at` is when the
    catalog said so, `interested_at` when the profile last looked at the product, carted it or asked for it."""
    properties: dict[str, Any] = {"was_minor": was_minor} if was_minor is not None else {}
    if interested_at is not None:
        properties["interested_at"] = micros(interested_at)
    return Event(
        source="catalog",
        message_id=f"{name}:{product_id}:{at.isoformat()}:{profile_ref}",
        name=name,
        occurred_at=at,
        received_at=received_at or at,
        lines=(Line(product_id, price_minor=price_minor),),
        properties=properties,
        user_id=user_id,
        anonymous_id=anonymous_id,
        email=email,
    )


def offer_of(event: Event, at: int) -> Offer:
    """The change as folded state keeps it. Anybody may send an event of this name: what is no number counts as 0."""
    line = event.lines[0] if event.lines else Line("")
    was, interested = _number(event.properties.get("was_minor")), _number(event.properties.get("interested_at"))
    return at, event.name, line.product_id, line.price_minor or 0, was, min(interested, at) or at


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST_MINOR else 0

"""What happened to a product that a profile cares about, told as an event of that profile.

The catalog changes once; whoever looked at the product lately gets one of these events, made by `catalog_event`,
so that price drops and returns to stock run through the same machinery as everything else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from triggers.events import Event, Line

PRICE_DROPPED: Final = "Product Price Dropped"
BACK_IN_STOCK: Final = "Product Back In Stock"
CATALOG_EVENTS: Final = frozenset({PRICE_DROPPED, BACK_IN_STOCK})

Offer = tuple[int, str, str, int, int]
"""(at, event name, product id, price_minor, price before or 0)."""


def catalog_event(
    name: str,
    product_id: str,
    *,
    profile_ref: str,
    at: datetime,
    price_minor: int | None = None,
    was_minor: int | None = None,
) -> Event:
    """The event that tells one profile of a change. Made twice for the same change it has the same message id."""
    return Event(
        source="catalog",
        message_id=f"{name}:{product_id}:{at.isoformat()}:{profile_ref}",
        name=name,
        occurred_at=at,
        received_at=at,
        lines=(Line(product_id, price_minor=price_minor),),
        properties={"was_minor": was_minor},
    )


def offer_of(event: Event, at: int) -> Offer:
    """The change as folded state keeps it."""
    line = event.lines[0] if event.lines else Line("")
    return at, event.name, line.product_id, line.price_minor or 0, event.properties.get("was_minor") or 0

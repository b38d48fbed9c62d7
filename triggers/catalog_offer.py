"""What price drops and returns to stock have in common: a product the profile cares about changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from triggers.catalog_events import Offer
from triggers.events import Event, EventName
from triggers.instants import micros, span, stamp
from triggers.state import ProfileState
from triggers.trigger import Ended, Passage, Seen, Trigger


@dataclass(frozen=True)
class CatalogOffer(Trigger):
    """Opens when the profile is told of a change; ends when it buys the product, or a newer change replaces this one.
    `interest_for` is how long a look at the product, or a place in the cart, counts as interest."""

    interest_for: timedelta = timedelta(days=30)

    event_name: ClassVar[str]
    ends_on = frozenset({EventName.ORDER_COMPLETED})
    default_wait = timedelta(minutes=15)
    default_reentry = timedelta(days=3)

    def is_wanted(self, offer: Offer) -> bool:
        """Whether the change is worth a mail."""
        return True

    def touched(self, state: ProfileState, event: Event, at: int) -> Iterable[str]:
        if event.name != self.event_name or not event.lines:
            return ()
        return (_key(event.lines[0].product_id, micros(event.occurred_at)),)

    def known(self, state: ProfileState) -> Iterable[str]:
        return [_key(offer[2], offer[0]) for offer in state.offers if offer[1] == self.event_name]

    def look(self, state: ProfileState, key: str) -> Seen:
        offers = [offer for offer in state.offers if offer[1] == self.event_name]
        offer = next((one for one in offers if _key(one[2], one[0]) == key), None)
        if offer is None:
            return None
        at, _, product_id, price_minor, was_minor, interested_at = offer
        if state.bought_since(product_id, at - span(self.interest_for)):
            return Ended("bought_product")
        is_wanted = at - interested_at <= span(self.interest_for) and self.is_wanted(offer)
        if not is_wanted or any(one[2] == product_id and one[0] > at for one in offers):
            return Ended("offer_withdrawn")
        return Passage(key, at, {"product": product_id, "price_minor": price_minor, "was_minor": was_minor})

    def openings(self, state: ProfileState, key: str) -> list[int]:
        return [offer[0] for offer in state.offers if offer[1] == self.event_name and _key(offer[2], offer[0]) == key]


def _key(product_id: str, at: int) -> str:
    return f"{product_id}@{stamp(at)}"

"""price_drop: a product the profile looked at, or has in the cart, became cheaper."""

from __future__ import annotations

from dataclasses import dataclass, field

from triggers.catalog_events import LEAST_DROP_PERCENT, PRICE_DROPPED, Offer
from triggers.catalog_offer import CatalogOffer


@dataclass(frozen=True)
class PriceDrop(CatalogOffer):
    """Opens when the price falls by at least `min_drop_percent`. The key is the product and when it changed."""

    min_drop_percent: int = field(default=10, metadata={"least": LEAST_DROP_PERCENT, "most": 99})

    name = "price_drop"
    title = "Price drop"
    event_name = PRICE_DROPPED
    opens_on = frozenset({PRICE_DROPPED})

    def is_wanted(self, offer: Offer) -> bool:
        _, _, _, price_minor, was_minor, _ = offer
        return was_minor > 0 and (was_minor - price_minor) * 100 >= self.min_drop_percent * was_minor

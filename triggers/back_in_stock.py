"""back_in_stock: a product the profile looked at, or has in the cart, can be bought again."""

from __future__ import annotations

from dataclasses import dataclass

from triggers.catalog_events import BACK_IN_STOCK
from triggers.catalog_offer import CatalogOffer


@dataclass(frozen=True)
class BackInStock(CatalogOffer):
    """Opens when the product's stock returns. The key is the product and the moment of the change."""

    name = "back_in_stock"
    title = "Back in stock"
    event_name = BACK_IN_STOCK
    opens_on = frozenset({BACK_IN_STOCK})

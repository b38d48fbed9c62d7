"""The product as mails and recommendations see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Product:
    """One product of the catalog. Prices are minor units of `currency`; `stock` None means "not tracked"."""

    product_id: str
    title: str
    url: str = ""
    image_url: str = ""
    category: str = ""
    brand: str = ""
    price_minor: int | None = None
    list_price_minor: int | None = None  # the price before a reduction, where there is one
    currency: str = "EUR"
    stock: int | None = None
    hidden: bool = False
    published_at: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def in_stock(self) -> bool:
        return self.stock is None or self.stock > 0

"""The business rules of a slot, as campaign files write them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from campaigns.domain.campaigns_yaml.kinds import INVALID, Kind, ListOf, MapOf, Section, Setting, Whole
from campaigns.domain.campaigns_yaml.source import Source

MOST_NAMED: Final = 1_000
LARGEST_PRICE: Final = 1_000_000_000


@dataclass(frozen=True)
class Name(Kind):
    """The id of a product or the name of a category; a bare number is taken as its digits."""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value).strip():
            source.note(line, key, "must be the id of a product or the name of a category")
            return INVALID
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "integer"]}


@dataclass(frozen=True)
class Within(Kind):
    """A number within bounds."""

    least: float
    most: float
    means: str

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            source.note(line, key, f"must be {self.means}")
            return INVALID
        if not self.least <= value <= self.most:
            source.note(line, key, f"{value} must lie between {self.least:g} and {self.most:g}: {self.means}")
            return INVALID
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.least, "maximum": self.most}


RULES: Final = Section(
    {
        "pinned": Setting(ListOf(Name(), most=24), "Products that come first, in this order, whoever the shopper is."),
        "boosted": Setting(
            MapOf(Within(0.1, 10.0, "the factor on a product's score, such as 1.5")),
            "Products by id that rank higher (above 1) or lower (below 1): the factor on their score.",
        ),
        "hidden": Setting(ListOf(Name(), most=MOST_NAMED), "Products that this slot never shows."),
        "hidden_categories": Setting(
            ListOf(Name(), most=MOST_NAMED), "Categories of which this slot never shows a product."
        ),
        "minimum_price_minor": Setting(
            Whole(1, LARGEST_PRICE), "The lowest price shown, in minor units: 1500 is 15.00."
        ),
        "minimum_margin_minor": Setting(
            Whole(1, LARGEST_PRICE),
            "The lowest price less `cost_minor` of the catalog, in minor units; products without a cost pass.",
        ),
        "max_per_category": Setting(Whole(1, 24), "At most so many products of one category."),
        "max_per_brand": Setting(Whole(1, 24), "At most so many products of one brand."),
        "max_per_price_band": Setting(Whole(1, 24), "At most so many products of one price band, which is a doubling."),
        "keep_bought_away_days": Setting(
            Within(0, 3650, "a number of days"),
            "For so many days a product that was bought is not shown again, unless its rhythm says that it is due.",
            default=90,
        ),
        "new_share": Setting(
            Within(0, 1, "a share, such as 0.1"), "The share of the places that new products get.", default=0.1
        ),
    }
)

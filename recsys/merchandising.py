"""Business rules: what may not be shown to this shopper now, and how much of one kind a slate may hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from math import log2
from typing import Final

from recsys import keys
from recsys.ladder import Candidate
from recsys.request import Fetched, ProductFacts, Request
from recsys.session import bought_lines
from recsys.slates import Rung, SlotKind

RHYTHM_EARLY = 0.8  # a repeat purchase is due after this share of the product's median interval
SUBSTITUTES = 10  # this many nearest `similar` products count as substitutes


class Merchandising:
    """The rules of one request. `refusal` tells why a product may not be shown at all, `crowded` why not one more.

    `taken`: products that are shown elsewhere in this mail.
    """

    def __init__(self, request: Request, fetched: Fetched, taken: Collection[str]) -> None:
        self.request, self.fetched, self.rules = request, fetched, request.slot.rules
        self.facts = fetched.facts
        self.barred = self._barred(taken)
        self.unfit = self._unfit()
        self.limits = self._limits()
        self.counts: dict[tuple[str, str], int] = {}

    def _barred(self, taken: Collection[str]) -> dict[str, str]:
        """Return what this very shopper may not be shown, and why; where several rules bar a product, the last."""
        request = self.request
        found = {one: "just bought" for one in request.last_order if one not in request.bought}
        found |= dict.fromkeys(request.returned, "returned")
        found |= dict.fromkeys(request.cart, "in the cart")
        found |= dict.fromkeys(taken, "already in this mail")
        return found

    def refusal(self, product_id: str) -> str:
        """Return the name of the rule that forbids the product, empty where none does."""
        if product_id in self.barred:
            return self.barred[product_id]
        if product_id in self.request.bought and self._bought_lately(product_id):
            return "just bought"
        return self.unfit.get(product_id) or self._by_facts(product_id)

    def _bought_lately(self, product_id: str) -> bool:
        """An order of unknown age bars its products; one whose age is known leaves it to the rhythm."""
        days = self.request.bought[product_id]
        if days >= self.rules.keep_bought_away_days:
            return False
        rhythm = self.rhythm_days(product_id)
        return not (rhythm and days >= RHYTHM_EARLY * rhythm)

    def rhythm_days(self, product_id: str) -> float:
        """Return the usual days between two purchases of a product by one shopper, 0 where unknown."""
        record = self.fetched.get(keys.product(product_id))
        return record.rhythm_days() if record else 0.0

    def _by_facts(self, product_id: str) -> str:
        rules = self.rules
        if product_id in rules.hidden:
            return "hidden"
        if self.facts is None:
            return ""
        facts = self.facts.get(product_id)
        if facts is None:
            return "not in the catalog"
        if facts.hidden or facts.category in rules.hidden_categories:
            return "hidden"
        if not facts.in_stock:
            return "out of stock"
        if rules.minimum_price_minor is not None and (facts.price_minor or 0) < rules.minimum_price_minor:
            return "below the price floor"
        return "" if rules.minimum_margin_minor is None else _by_margin(facts, rules.minimum_margin_minor)

    def crowded(self, candidate: Candidate) -> str:
        """Return the name of the cap that is full; pinned products pass every cap."""
        facts = self.facts.get(candidate.product_id) if self.limits and self.facts else None
        if facts is None or candidate.rung is Rung.PINNED:
            return ""
        for kind, value_of, limit in self.limits:
            value = value_of(facts)
            if value and self.counts.get((kind, value), 0) >= limit:
                return f"enough of this {kind}"
        return ""

    def took(self, candidate: Candidate) -> None:
        """Count a product that was put into the slate."""
        facts = self.facts.get(candidate.product_id) if self.limits and self.facts else None
        if facts is not None:
            for kind, value_of, _ in self.limits:
                counted = kind, value_of(facts)
                self.counts[counted] = self.counts.get(counted, 0) + 1

    def _limits(self) -> list[tuple[str, Callable[[ProductFacts], str], int]]:
        rules = self.rules
        limits = (rules.max_per_category, rules.max_per_brand, rules.max_per_price_band)
        return [(*cap, limit) for cap, limit in zip(_CAPS, limits, strict=True) if limit is not None]

    def _unfit(self) -> dict[str, str]:
        """Return what does not fit this kind of slot."""
        kind = self.request.slot.kind
        if kind in (SlotKind.NEW_FOR_YOU, SlotKind.SIMILAR):
            return dict.fromkeys([s.product_id for s in self.request.signals], "already seen")
        if kind in (SlotKind.COMPLEMENT, SlotKind.CROSS_SELL):
            return dict.fromkeys(self._substitutes(), "substitute of what was bought")
        return {}

    def _substitutes(self) -> Iterator[str]:
        for product_id in bought_lines(self.request):
            record = self.fetched.get(keys.product(product_id))
            if record and (at := record.find("substitute")):
                yield from record.first(at, SUBSTITUTES)[0]


def _by_margin(facts: ProductFacts, floor: int) -> str:
    cost = facts.attributes.get("cost_minor")
    if not isinstance(cost, int) or facts.price_minor is None:
        return ""
    return "below the margin floor" if facts.price_minor - cost < floor else ""


def price_band(price_minor: int | None) -> str:
    """Return the band of a price: each doubling is a new band; empty where the price is unknown or zero."""
    return str(int(log2(price_minor))) if price_minor and price_minor > 0 else ""


_CAPS: Final[Sequence[tuple[str, Callable[[ProductFacts], str]]]] = (
    ("category", lambda facts: facts.category),
    ("brand", lambda facts: facts.brand),
    ("price", lambda facts: price_band(facts.price_minor)),
)

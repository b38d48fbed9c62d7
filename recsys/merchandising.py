"""Business rules: what may not be shown to this shopper now, and how much of one kind a slate may hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import log2

from recsys import keys
from recsys.ladder import Candidate
from recsys.request import Fetched, ProductFacts, Request
from recsys.slates import Rung, SlotKind

RHYTHM_EARLY = 0.8  # a repeat purchase is due after this share of the product's median interval
SUBSTITUTES = 10  # this many nearest `similar` products count as substitutes


class Merchandising:
    """The rules of one request. `refusal` tells why a product may not be shown at all, `crowded` why not one more."""

    def __init__(self, request: Request, fetched: Fetched) -> None:
        self.request, self.fetched, self.rules = request, fetched, request.slot.rules
        self.facts = fetched.facts
        self.cart = frozenset(request.cart)
        self.order = frozenset(request.last_order)
        self.touched = frozenset(s.product_id for s in request.signals)
        self.substitutes = self._substitutes()
        self.counts: dict[str, Counter[str]] = {"category": Counter(), "brand": Counter(), "price": Counter()}

    def refusal(self, candidate: Candidate) -> str:
        """Return the name of the rule that forbids the product, empty where none does."""
        return self._by_shopper(candidate.product_id) or self._by_facts(candidate)

    def _by_shopper(self, product_id: str) -> str:
        request, kind = self.request, self.request.slot.kind
        if product_id in request.taken:
            return "already in this mail"
        if product_id in self.cart:
            return "in the cart"
        if product_id in request.returned:
            return "returned"
        if self._is_just_ordered(product_id) or self._bought_lately(product_id):
            return "just bought"
        if kind in (SlotKind.COMPLEMENT, SlotKind.CROSS_SELL) and product_id in self.substitutes:
            return "substitute of what was bought"
        if kind in (SlotKind.NEW_FOR_YOU, SlotKind.SIMILAR) and product_id in self.touched:
            return "already seen"
        return ""

    def _is_just_ordered(self, product_id: str) -> bool:
        """An order of unknown age bars its products; one whose age is known leaves it to the rhythm."""
        return product_id in self.order and product_id not in self.request.bought

    def _bought_lately(self, product_id: str) -> bool:
        days = self.request.bought.get(product_id)
        if days is None or days >= self.rules.keep_bought_away_days:
            return False
        rhythm = self.rhythm_days(product_id)
        return not (rhythm and days >= RHYTHM_EARLY * rhythm)

    def rhythm_days(self, product_id: str) -> float:
        """Return the usual days between two purchases of a product by one shopper, 0 where unknown."""
        record = self.fetched.get(keys.product(product_id))
        return record.lists.rhythm_days() if record else 0.0

    def _by_facts(self, candidate: Candidate) -> str:
        rules, product_id = self.rules, candidate.product_id
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
        return self._by_margin(facts)

    def _by_margin(self, facts: ProductFacts) -> str:
        floor, cost = self.rules.minimum_margin_minor, facts.attributes.get("cost_minor")
        if floor is None or not isinstance(cost, int) or facts.price_minor is None:
            return ""
        return "below the margin floor" if facts.price_minor - cost < floor else ""

    def crowded(self, candidate: Candidate) -> str:
        """Return the name of the cap that is full; pinned products pass every cap."""
        facts = self.facts.get(candidate.product_id) if self.facts else None
        if facts is None or candidate.rung is Rung.PINNED:
            return ""
        for kind, value, limit in self._caps(facts):
            if limit is not None and value and self.counts[kind][value] >= limit:
                return f"enough of this {kind}"
        return ""

    def took(self, candidate: Candidate) -> None:
        """Count a product that was put into the slate."""
        facts = self.facts.get(candidate.product_id) if self.facts else None
        if facts is not None:
            for kind, value, _ in self._caps(facts):
                self.counts[kind][value] += 1

    def _caps(self, facts: ProductFacts) -> tuple[tuple[str, str, int | None], ...]:
        rules = self.rules
        return (
            ("category", facts.category, rules.max_per_category),
            ("brand", facts.brand, rules.max_per_brand),
            ("price", price_band(facts.price_minor), rules.max_per_price_band),
        )

    def _substitutes(self) -> frozenset[str]:
        if self.request.slot.kind not in (SlotKind.COMPLEMENT, SlotKind.CROSS_SELL):
            return frozenset()
        found: set[str] = set()
        for product_id in self.order or self.cart:
            record = self.fetched.get(keys.product(product_id))
            if record and "substitute" in record.lists:
                found.update(record.lists["substitute"][0][:SUBSTITUTES])
        return frozenset(found)


def price_band(price_minor: int | None) -> str:
    """Return the band of a price: each doubling is a new band; empty where the price is unknown or zero."""
    return str(int(log2(price_minor))) if price_minor and price_minor > 0 else ""


Explain = Callable[[Candidate], tuple[str, str]]

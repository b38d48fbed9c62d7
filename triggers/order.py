"""An order as state: rows that repeat one order id are one order whose lines unite."""

from __future__ import annotations

from typing import Any

from triggers.events import Event, Line
from triggers.lines import SEPARATOR, Facts, build_line, join_facts, note_facts, pack_facts, quantities, unpack_facts


class Order:
    """One order. `completed_at` is the instant of its first row, `last_at` of its last."""

    __slots__ = ("cart_id", "checkout_id", "completed_at", "currency", "facts", "last_at", "quantities", "total_minor")

    def __init__(self, at: int) -> None:
        self.completed_at = at
        self.last_at = at
        self.quantities: dict[str, int] = {}
        self.facts: dict[str, Facts] = {}
        self.total_minor = 0
        self.currency = ""
        self.cart_id = ""
        self.checkout_id = ""

    def fold(self, event: Event, at: int, tie: int) -> None:
        """Takes in one row. A repeated row changes nothing, so a quantity is the largest one seen."""
        self.completed_at = min(self.completed_at, at)
        self.last_at = max(self.last_at, at)
        for key, quantity in quantities(event.lines).items():
            self.quantities[key] = max(self.quantities.get(key, 0), quantity)
        note_facts(self.facts, event.lines, at, tie)
        self.total_minor = max(self.total_minor, event.total_minor or 0)
        self.currency = max(self.currency, event.currency or "")
        self.cart_id = max(self.cart_id, event.cart_id or "")
        self.checkout_id = max(self.checkout_id, event.checkout_id or "")

    @property
    def value_minor(self) -> int:
        """What the order was worth: its stated total, or its lines where they add up to more."""
        summed = sum((self.facts[key][2] or 0) * quantity for key, quantity in self.quantities.items())
        return max(self.total_minor, summed)

    def lines(self) -> list[Line]:
        """What was ordered, in the order of line keys."""
        return [build_line(key, self.quantities[key], self.facts.get(key)) for key in sorted(self.quantities)]

    def product_ids(self) -> set[str]:
        """The products ordered."""
        return {key.partition(SEPARATOR)[0] for key in self.quantities}

    def join(self, other: Order) -> None:
        """Takes over other rows of the same order."""
        self.completed_at = min(self.completed_at, other.completed_at)
        self.last_at = max(self.last_at, other.last_at)
        for key, quantity in other.quantities.items():
            self.quantities[key] = max(self.quantities.get(key, 0), quantity)
        join_facts(self.facts, other.facts)
        self.total_minor = max(self.total_minor, other.total_minor)
        self.currency = max(self.currency, other.currency)
        self.cart_id = max(self.cart_id, other.cart_id)
        self.checkout_id = max(self.checkout_id, other.checkout_id)

    def to_json(self) -> list[Any]:
        return [self.completed_at, self.last_at, self.total_minor, self.currency, self.cart_id, self.checkout_id,
                self.quantities, pack_facts(self.facts)]  # fmt: skip

    @classmethod
    def from_json(cls, packed: list[Any]) -> Order:
        order = cls(packed[0])
        order.last_at, order.total_minor, order.currency = packed[1], packed[2], packed[3]
        order.cart_id, order.checkout_id, order.quantities = packed[4], packed[5], dict(packed[6])
        order.facts = unpack_facts(packed[7])
        return order

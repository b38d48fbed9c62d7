"""A cart as state: folded from additions, removals, snapshots and checkouts in any order."""

from __future__ import annotations

from typing import Any, Final

from triggers.bounded import insert_newest, join_newest
from triggers.events import Event, EventName, Line
from triggers.lines import (
    Facts,
    build_line,
    join_facts,
    keep_newest_facts,
    note_facts,
    pack_facts,
    quantities,
    unpack_facts,
)

IMPLICIT: Final = ""
"""The cart of a shop that sends no cart ids: everything since the last order."""

MAX_CHANGES: Final = 100
MAX_MOMENTS: Final = 32
MAX_FACTS: Final = 120
ADDED, REMOVED = 1, 0

Change = tuple[int, int, int, str, int]
"""(at, tie, ADDED or REMOVED, line key, quantity)."""
Content = tuple[int, int, str, tuple[tuple[str, int], ...]]
"""(at, tie, checkout id or "", ((line key, quantity), ...)): a snapshot or a checkout; the newest (at, tie) wins."""


class Cart:
    """One cart. `first_at` and `last_at` are its earliest and latest activity ever, orders or not."""

    __slots__ = ("changes", "checkout", "facts", "first_at", "last_at", "moments", "snapshot")

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.facts: dict[str, Facts] = {}
        self.snapshot: Content | None = None
        self.checkout: Content | None = None
        self.moments: list[tuple[int, int]] = []
        """(at, 1 if it may open an enrollment) of snapshots and checkouts."""
        self.first_at = 0
        self.last_at = 0

    def fold(self, event: Event, at: int, tie: int, ordered_until: int) -> None:
        """Takes in one cart event. What lies at or before the last order belongs to that order."""
        self.first_at = min(self.first_at or at, at)
        self.last_at = max(self.last_at, at)
        if at <= ordered_until:
            return
        name = event.name
        if name in (EventName.PRODUCT_ADDED, EventName.PRODUCT_REMOVED):
            kind = ADDED if name == EventName.PRODUCT_ADDED else REMOVED
            for key, quantity in quantities(event.lines).items():
                insert_newest(self.changes, (at, tie, kind, key, quantity), MAX_CHANGES)
        else:
            self._fold_content(event, at, tie)
        note_facts(self.facts, event.lines, at, tie)
        keep_newest_facts(self.facts, MAX_FACTS)

    def _fold_content(self, event: Event, at: int, tie: int) -> None:
        content = (at, tie, event.checkout_id or "", tuple(sorted(quantities(event.lines).items())))
        if event.name == EventName.CART_UPDATED:
            self.snapshot = _newer(self.snapshot, content)
            insert_newest(self.moments, (at, 1 if event.lines else 0), MAX_MOMENTS)
        else:
            self.checkout = _newer(self.checkout, content)
            insert_newest(self.moments, (at, 0), MAX_MOMENTS)

    def forget_until(self, ordered_until: int) -> None:
        """An order took everything up to this instant."""
        self.changes = [change for change in self.changes if change[0] > ordered_until]
        self.moments = [one for one in self.moments if one[0] > ordered_until]
        if self.snapshot is not None and self.snapshot[0] <= ordered_until:
            self.snapshot = None
        if self.checkout is not None and self.checkout[0] <= ordered_until:
            self.checkout = None
        self.facts = {key: value for key, value in self.facts.items() if value[0] > ordered_until}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left in it. Additions without a removal are the common case and need no replay."""
        changes = self.changes
        if self.snapshot is None and all(change[2] for change in changes):
            return not changes
        return not self.quantities()

    def quantities(self) -> dict[str, int]:
        """Line key to quantity: the last snapshot, and what was added and removed after it."""
        found: dict[str, int] = {}
        since = (0, 0)
        if self.snapshot is not None:
            since = self.snapshot[:2]
            found.update(self.snapshot[3])
        for at, tie, kind, key, quantity in self.changes:
            if (at, tie) > since:
                _apply(found, kind, key, quantity)
        return {key: quantity for key, quantity in found.items() if quantity > 0}

    def lines(self) -> list[Line]:
        """What is in the cart now, oldest first."""
        return [build_line(key, quantity, self.facts.get(key)) for key, quantity in self.quantities().items()]

    def checkout_lines(self) -> list[Line]:
        """What the last checkout listed, else the cart."""
        if self.checkout is None or not self.checkout[3]:
            return self.lines()
        return [build_line(key, quantity, self.facts.get(key)) for key, quantity in self.checkout[3]]

    def openings(self) -> list[int]:
        """The instants at which an enrollment could open: the first addition and all activity after it."""
        activity = sorted([(change[0], change[2]) for change in self.changes] + self.moments)
        first = next((index for index, (_, opens) in enumerate(activity) if opens), len(activity))
        return [at for at, _ in activity[first:]]

    def join(self, other: Cart, ordered_until: int) -> None:
        """Takes over another cart of the same id."""
        self.first_at = min(self.first_at or other.first_at, other.first_at or self.first_at)
        self.last_at = max(self.last_at, other.last_at)
        self.changes = join_newest(self.changes, other.changes, MAX_CHANGES)
        self.moments = join_newest(self.moments, other.moments, MAX_MOMENTS)
        self.snapshot = _newer(self.snapshot, other.snapshot)
        self.checkout = _newer(self.checkout, other.checkout)
        join_facts(self.facts, other.facts)
        keep_newest_facts(self.facts, MAX_FACTS)
        self.forget_until(ordered_until)

    def to_json(self) -> list[Any]:
        return [self.first_at, self.last_at, self.changes, self.moments, self.snapshot, self.checkout,
                pack_facts(self.facts)]  # fmt: skip

    @classmethod
    def from_json(cls, packed: list[Any]) -> Cart:
        cart = cls()
        cart.first_at, cart.last_at = packed[0], packed[1]
        cart.changes = [tuple(one) for one in packed[2]]
        cart.moments = [tuple(one) for one in packed[3]]
        cart.snapshot, cart.checkout = _content(packed[4]), _content(packed[5])
        cart.facts = unpack_facts(packed[6])
        return cart


def _apply(found: dict[str, int], kind: int, key: str, quantity: int) -> None:
    if kind == ADDED:
        found[key] = found.get(key, 0) + max(quantity, 1)
    elif quantity <= 0:
        found.pop(key, None)
    else:
        found[key] = max(found.get(key, 0) - quantity, 0)


def _newer(one: Content | None, other: Content | None) -> Content | None:
    if one is None or other is None:
        return one or other
    return one if one >= other else other


def _content(packed: list[Any] | None) -> Content | None:
    if packed is None:
        return None
    at, tie, checkout_id, lines = packed
    return at, tie, checkout_id, tuple((key, quantity) for key, quantity in lines)

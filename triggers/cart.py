"""A cart as state: folded from additions, removals, snapshots and checkouts in any order."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
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
MAX_SNAPSHOTS: Final = 8
MAX_CHECKOUTS: Final = 16
MAX_FACTS: Final = 120
REMOVED, ADDED, SNAPSHOT, CHECKOUT = 0, 1, 2, 3
"""What an activity is; an addition, or a snapshot that holds something, opens the cart."""

Change = tuple[int, int, int, str, int]
"""(at, tie, ADDED or REMOVED, line key, quantity)."""
Content = tuple[int, int, str, tuple[tuple[str, int], ...]]
"""(at, tie, checkout id or "", ((line key, quantity), ...)): a snapshot or a checkout; the newest (at, tie) wins."""


class Cart:
    """One cart. `first_at` and `last_at` are its earliest and latest activity ever, orders or not."""

    __slots__ = ("changes", "checkout", "checkouts", "facts", "first_at", "last_at", "snapshots")

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.facts: dict[str, Facts] = {}
        self.snapshots: list[Content] = []
        self.checkout: Content | None = None
        self.checkouts: list[tuple[int, int]] = []
        """(at, tie) of checkouts; `checkout` is the last one."""
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
            insert_newest(self.snapshots, content, MAX_SNAPSHOTS)
        else:
            self.checkout = _newer(self.checkout, content)
            insert_newest(self.checkouts, (at, tie), MAX_CHECKOUTS)

    def forget_until(self, ordered_until: int) -> None:
        """An order took everything up to this instant."""
        self.changes = [change for change in self.changes if change[0] > ordered_until]
        self.snapshots = [one for one in self.snapshots if one[0] > ordered_until]
        self.checkouts = [one for one in self.checkouts if one[0] > ordered_until]
        if self.checkout is not None and self.checkout[0] <= ordered_until:
            self.checkout = None
        self.facts = {key: value for key, value in self.facts.items() if value[0] > ordered_until}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left in it. Additions without a removal are the common case and need no replay."""
        changes = self.changes
        if not self.snapshots and all(change[2] for change in changes):
            return not changes
        return not self.quantities()

    def quantities(self) -> dict[str, int]:
        """Line key to quantity: the last snapshot, and what was added and removed after it."""
        found: dict[str, int] = {}
        since = (0, 0)
        if self.snapshots:
            since = self.snapshots[-1][:2]
            found.update(self.snapshots[-1][3])
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
        """The instants at which an enrollment could open: the first addition since the cart was empty last, and all
        activity after it. There are none exactly when the cart is empty."""
        return self._openings(
            lambda kinds, content, was_used: bool(content) and not kinds.isdisjoint((ADDED, SNAPSHOT))
        )

    def checkout_openings(self) -> list[int]:
        """The same from the first checkout on. A cart that nothing was ever put into counts by its checkout alone."""
        return self._openings(lambda kinds, content, was_used: CHECKOUT in kinds and (bool(content) or not was_used))

    def _openings(self, may_open: Callable[[set[int], dict[str, int], bool], bool]) -> list[int]:
        found: list[int] = []
        content: dict[str, int] = {}
        was_used = False
        for (at, _), steps in groupby(self._activity(), key=lambda one: one[:2]):
            was_empty, kinds = not content, set()
            for _, _, kind, entry in steps:
                kinds.add(kind)
                content = _after(content, kind, entry)
            was_used = was_used or bool(content)
            if not content and not was_empty:
                found = []
            elif found or may_open(kinds, content, was_used):
                found.append(at)
        return found

    def _activity(self) -> list[tuple[int, int, int, Any]]:
        changes = [(at, tie, kind, (key, quantity)) for at, tie, kind, key, quantity in self.changes]
        snapshots = [(at, tie, SNAPSHOT, lines) for at, tie, _, lines in self.snapshots]
        return sorted([*changes, *snapshots, *((at, tie, CHECKOUT, ()) for at, tie in self.checkouts)])

    def join(self, other: Cart, ordered_until: int) -> None:
        """Takes over another cart of the same id."""
        self.first_at = min(self.first_at or other.first_at, other.first_at or self.first_at)
        self.last_at = max(self.last_at, other.last_at)
        self.changes = join_newest(self.changes, other.changes, MAX_CHANGES)
        self.snapshots = join_newest(self.snapshots, other.snapshots, MAX_SNAPSHOTS)
        self.checkouts = join_newest(self.checkouts, other.checkouts, MAX_CHECKOUTS)
        self.checkout = _newer(self.checkout, other.checkout)
        join_facts(self.facts, other.facts)
        keep_newest_facts(self.facts, MAX_FACTS)
        self.forget_until(ordered_until)

    def to_json(self) -> list[Any]:
        return [self.first_at, self.last_at, self.changes, self.snapshots, self.checkouts, self.checkout,
                pack_facts(self.facts)]  # fmt: skip

    @classmethod
    def from_json(cls, packed: list[Any]) -> Cart:
        cart = cls()
        cart.first_at, cart.last_at = packed[0], packed[1]
        cart.changes = [tuple(one) for one in packed[2]]
        cart.snapshots = [_content(one) for one in packed[3]]
        cart.checkouts = [tuple(one) for one in packed[4]]
        cart.checkout = None if packed[5] is None else _content(packed[5])
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


def _after(content: dict[str, int], kind: int, entry: Any) -> dict[str, int]:
    if kind == SNAPSHOT:
        return {key: quantity for key, quantity in entry if quantity > 0}
    if kind != CHECKOUT:
        _apply(content, kind, *entry)
    return {key: quantity for key, quantity in content.items() if quantity > 0}


def _content(packed: list[Any]) -> Content:
    at, tie, checkout_id, lines = packed
    return at, tie, checkout_id, tuple((key, quantity) for key, quantity in lines)

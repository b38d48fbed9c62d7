"""How much of what was compiled is kept: a template with a shape for every mail fills neither memory nor disk."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

FREE_SHAPES = 300  # mails of one template that may bring a new shape before the others must have earned it
EARNED = 0.25  # of a shape, by every mail whose shape was known

Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The entries used last: at most `most`, and at most `characters` of text in them together."""

    def __init__(self, most: int, characters: int) -> None:
        self.most, self.characters = most, characters
        self._entries: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._held = 0
        self._lock = Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Value | None:
        """The entry, counted as used now; None where there is none."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Keeps a value that holds `size` characters; what was not used for longest goes."""
        with self._lock:
            self._held -= self._entries.pop(key, (None, 0))[1]
            self._entries[key] = value, size
            self._held += size
            while len(self._entries) > self.most or (self._held > self.characters and len(self._entries) > 1):
                self._held -= self._entries.popitem(last=False)[1][1]


class Allowance:
    """How many new shapes of one template may still be compiled to be kept."""

    def __init__(self) -> None:
        self._left = float(FREE_SHAPES)

    def __bool__(self) -> bool:
        return self._left >= 1

    def earn(self) -> None:
        """A mail had a shape that was known."""
        self._left = min(self._left + EARNED, FREE_SHAPES)

    def spend(self) -> bool:
        """A mail has a new shape: whether it may be kept."""
        if not self:
            return False
        self._left -= 1
        return True

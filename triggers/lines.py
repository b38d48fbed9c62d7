"""Lines as folded state keeps them: quantities by line key, and what the shop said about each product last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from triggers.events import Line

SEPARATOR: Final = "\x1f"
Facts = tuple[int, int, int | None, str | None, str | None, str | None, str | None, str | None]
"""(at, tie, price_minor, title, category, brand, url, image_url): the newest (at, tie) wins."""


def line_key(line: Line) -> str:
    """One product, or one variant of it: two sizes of a shirt are two lines."""
    return line.product_id if line.variant is None else line.product_id + SEPARATOR + line.variant


def quantities(lines: Iterable[Line]) -> dict[str, int]:
    """Quantities by line key; a product that an event lists twice counts twice."""
    found: dict[str, int] = {}
    for line in lines:
        key = line_key(line)
        found[key] = found.get(key, 0) + line.quantity
    return found


def note_facts(facts: dict[str, Facts], lines: Iterable[Line], at: int, tie: int) -> None:
    """Remembers the newest price, title and pictures of each line."""
    for line in lines:
        key = line_key(line)
        known = facts.get(key)
        if known is None or known[:2] < (at, tie):
            facts[key] = (at, tie, line.price_minor, line.title, line.category, line.brand, line.url, line.image_url)


def join_facts(facts: dict[str, Facts], others: dict[str, Facts]) -> None:
    """Takes over what `others` knows better; the same from both sides."""
    for key, other in others.items():
        known = facts.get(key)
        if known is None or known[:2] < other[:2]:
            facts[key] = other


def keep_newest_facts(facts: dict[str, Facts], limit: int) -> None:
    """Lets go of the oldest facts beyond the limit."""
    while len(facts) > limit:
        del facts[min(facts, key=lambda key: (facts[key][:2], key))]


def build_line(key: str, quantity: int, facts: Facts | None) -> Line:
    """The line to show in a mail."""
    product_id, _, variant = key.partition(SEPARATOR)
    if facts is None:
        return Line(product_id, quantity, variant=variant or None)
    _, _, price, title, category, brand, url, image = facts
    return Line(product_id, quantity, price, variant or None, title, category, brand, url, image)


def pack_facts(facts: dict[str, Facts]) -> dict[str, list[Any]]:
    """Facts as JSON lists without the empty tail."""
    return {key: _without_tail(list(value)) for key, value in facts.items()}


def unpack_facts(packed: dict[str, list[Any]]) -> dict[str, Facts]:
    """The other way round."""
    return {key: (*value, *(None,) * (8 - len(value))) for key, value in packed.items()}


def _without_tail(values: list[Any]) -> list[Any]:
    while values and values[-1] is None:
        values.pop()
    return values

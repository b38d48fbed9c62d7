"""What a request tells of the live session: which products and categories it starts from, and how much each counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from math import log
from operator import attrgetter

from recsys.columns import Events
from recsys.request import Request, Signal
from recsys.slates import SlotKind

SEEDS = 12  # most recent products whose neighbours are looked up
CATEGORIES = 3
SEED_DECAY = 0.85  # per step back in the session
HALF_LIFE_SECONDS = 2 * 86_400.0
_STEPS_PER_SECOND = log(0.5) / log(SEED_DECAY) / HALF_LIFE_SECONDS  # of age, in steps back in the session


def seeds(request: Request) -> list[Signal]:
    """Return the products a slot starts from, newest first and each once; cart or order lines lead."""
    found: list[Signal] | None = request.memo.get("seeds")
    if found is None:
        found = request.memo["seeds"] = _seeds(request)
    return found


def _seeds(request: Request) -> list[Signal]:
    lines: Iterable[str] = ()
    if request.slot.kind is SlotKind.COMPLEMENT:
        lines = request.cart or request.last_order
    elif request.slot.kind is SlotKind.CROSS_SELL:
        lines = request.last_order or request.cart
    found: dict[str, Signal] = {}
    if not lines:
        for signal in request.signals:
            found.setdefault(signal.product_id, signal)
        lines = request.cart
    for product_id in lines:
        if product_id not in found:
            found[product_id] = Signal(product_id, Events.ADDED)
    return list(found.values())[:SEEDS]


def bought_lines(request: Request) -> list[str]:
    """Return the lines of cart and order whose substitutes a slot that goes with them must not show."""
    if request.slot.kind is SlotKind.COMPLEMENT:
        return list(dict.fromkeys([*request.cart[:SEEDS], *request.last_order[:SEEDS]]))
    if request.slot.kind is SlotKind.CROSS_SELL:
        return list(request.last_order or request.cart)[:SEEDS]
    return []


def affinities(request: Request, attribute: str) -> list[str]:
    """Return the categories or brands the session leans to, strongest first."""
    found: list[str] | None = request.memo.get(attribute)
    if found is None:
        found = request.memo[attribute] = _affinities(request, attribute)
    return found


def _affinities(request: Request, attribute: str) -> list[str]:
    weight: dict[str, float] = {}
    names = map(attrgetter(attribute), request.signals[: 4 * SEEDS])
    for name, strength in zip(names, _strengths(request), strict=False):
        if name:
            weight[name] = weight.get(name, 0.0) + strength
    ranked = sorted(weight, key=weight.__getitem__, reverse=True)
    if attribute == "category":
        ranked = list(dict.fromkeys([*ranked, *request.top_categories]))
    return ranked[:CATEGORIES]


def _strengths(request: Request) -> list[float]:
    """Return how much each signal counts."""
    found: list[float] | None = request.memo.get("strengths")
    if found is None:
        found = request.memo["strengths"] = [_strength(signal, place) for place, signal in enumerate(request.signals)]
    return found


def _strength(signal: Signal, place: int) -> float:
    left: float = SEED_DECAY ** (place + signal.age_seconds * _STEPS_PER_SECOND)
    return Events.WEIGHTS.get(signal.event, 1.0) * left


def seed_strengths(request: Request) -> list[float]:
    """Return how much each seed counts."""
    signals, known = request.signals, _strengths(request)
    return [
        known[place] if place < len(known) and signals[place] is signal else _strength(signal, place)
        for place, signal in enumerate(seeds(request))
    ]


def own_products(request: Request) -> tuple[dict[str, float], set[str]]:
    """Return what the shopper touched with its strength, the strongest first, and what of it was put into a cart."""
    strength: dict[str, float] = {}
    for signal, more in zip(request.signals, _strengths(request), strict=True):
        strength[signal.product_id] = strength.get(signal.product_id, 0.0) + more
    added = {signal.product_id for signal in request.signals if signal.event == Events.ADDED}
    return {p: strength[p] for p in sorted(strength, key=strength.__getitem__, reverse=True)}, added


def own_code(product_id: str, added: Collection[str]) -> str:
    """Return which sentence says that a product is the shopper's own."""
    return "left_in_cart" if product_id in added else "recently_viewed"

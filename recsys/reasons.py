"""The words of a slate: why a product is shown, for the shopper and for the marketer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from recsys.slates import Rung, SlotKind

# a shop may hand in its own wording by the same names; {seed}, {category} and {brand} are filled in;
# "similar_unnamed", "next_unnamed" and "complement_unnamed" are said where the product to name is unknown
SHOPPER_WORDS: Final[Mapping[str, str]] = {
    "pinned": "Recommended by our team",
    "similar": "Similar to {seed}",
    "next": "Because you looked at {seed}",
    "complement": "Often bought with {seed}",
    "recently_viewed": "You looked at this recently",
    "left_in_cart": "You had this in your cart",
    "buy_again": "Time for a refill?",
    "profile": "Picked for you",
    "category": "Popular in {category}",
    "brand": "Popular from {brand}",
    "referral": "Visitors like you love this",
    "new": "New in the shop",
    "local": "A favourite near you",
    "global": "A bestseller of the shop",
}
_WITHOUT_SEED: Final = {"similar": "You may also like", "next": "You may also like", "complement": "Goes well together"}
_SPOKEN: Final = {kind: kind.value.replace("_", " ") for kind in SlotKind}


def shopper_reason(code: str, words: Mapping[str, str] | None = None, **values: str) -> str:
    """Return the sentence for the shopper; one that names an unknown product falls back to one that names none."""
    text = (words.get(code) if words else "") or SHOPPER_WORDS.get(code, "")
    named = _named_in(text)
    if named and not all(values.get(name) for name in named):
        said = words or {}
        text = said.get(f"{code}_unnamed") or _WITHOUT_SEED.get(code) or said.get("global") or SHOPPER_WORDS["global"]
    for name in named:
        text = text.replace("{" + name + "}", values.get(name, ""))
    return text


@lru_cache(maxsize=1_024)
def _named_in(text: str) -> tuple[str, ...]:
    return tuple(name for name in ("seed", "category", "brand") if "{" + name + "}" in text)


def marketer_explanation(rung: Rung, kind: SlotKind, source: str, seed: str = "") -> str:
    """Return the sentence for the marketer: rung, source and the product it started from."""
    origin = f" from {seed}" if seed else ""
    return f"rung {rung}: {source}{origin} for {_SPOKEN[kind]}"

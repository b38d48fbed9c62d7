"""Names of the cache records. The storage floor puts the workspace's own prefix in front of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

GLOBAL: Final = "pop:global"
TRENDING: Final = "pop:trending"
NEW: Final = "pop:new"
MIX: Final = "mix"
"""How the parts of a personal ranking are weighed: see `recsys.mixing`."""


def product(product_id: str) -> str:
    """Neighbours of a product: lists `next`, `similar`, `complement`."""
    return f"p:{product_id}"


def products(product_ids: Iterable[str]) -> list[str]:
    """Return `product` of each."""
    return [f"p:{product_id}" for product_id in product_ids]


def profile(profile_id: str) -> str:
    """The precomputed slate of a profile: list `blend`."""
    return f"s:{profile_id}"


def category(name: str) -> str:
    """Bestsellers of a category."""
    return f"pop:c:{name}"


def brand(name: str) -> str:
    """Bestsellers of a brand."""
    return f"pop:b:{name}"


def referral(name: str) -> str:
    """What visitors from a referral source want."""
    return f"pop:r:{name}"


def locality(name: str) -> str:
    """Bestsellers of a locality."""
    return f"pop:l:{name}"

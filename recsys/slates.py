"""What the recommender hands out: a slate of products for one slot, each with source, rung and reasons."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class SlotKind(StrEnum):
    """What a slot of an email is for."""

    SIMILAR = "similar"  # alternatives to what was looked at
    COMPLEMENT = "complement"  # goes with what is in the cart or was ordered
    NEXT_BEST = "next_best"  # whatever the shopper most likely wants next
    CROSS_SELL = "cross_sell"  # after an order: goes with it, from other categories too
    RECENTLY_VIEWED = "recently_viewed"  # pick up where you left off
    NEW_FOR_YOU = "new_for_you"  # never seen by this shopper


class Rung(StrEnum):
    """The step of the cold-start ladder a product came from, best first."""

    PINNED = "pinned"  # a marketer put it there
    SESSION = "session"  # neighbours of what was touched in the live session
    PROFILE = "profile"  # the precomputed slate of this shopper
    AFFINITY = "affinity"  # bestsellers of the category, brand or price band of the session
    REFERRAL = "referral"  # what visitors from the same referral source want
    NEW = "new"  # the share of new products that is shown to learn about them
    LOCAL = "local"  # bestsellers of the shopper's locality
    GLOBAL = "global"  # bestsellers of the shop


class Filled(StrEnum):
    """What the slot should do with the slate."""

    FULL = "full"
    SHORT = "short"  # fewer products than asked for, but at least the minimum
    FOLD = "fold"  # below the minimum: leave the slot out
    SKIP = "skip"  # below the minimum: do not send the mail


class SlateItem(NamedTuple):
    """One recommended product.

    `reason` is for the shopper ("Often bought with Blue Mug"); `explanation` is for the marketer and names rung,
    source and seed. `score` orders the slate and means nothing across slates.
    """

    product_id: str
    score: float
    source: str
    rung: Rung
    reason: str = ""
    explanation: str = ""
    seed_product_id: str | None = None


class Dropped(NamedTuple):
    """A candidate that a business rule took out, with the rule's name."""

    product_id: str
    rule: str


class Slate(NamedTuple):
    """The ranked products of one slot. `version` and `made_at` tell which artifacts the ranking came from."""

    slot: str
    kind: SlotKind
    items: tuple[SlateItem, ...]
    filled: Filled
    dropped: tuple[Dropped, ...] = ()
    version: str = ""
    made_at: datetime | None = None
    missing: tuple[str, ...] = ()  # keys that were asked for and not found

    @property
    def product_ids(self) -> list[str]:
        """The products in order."""
        return [item.product_id for item in self.items]

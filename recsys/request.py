"""What is asked of the recommender at decision time: plain values, read live by the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from recsys import keys
from recsys.columns import Events
from recsys.mixing import Mix
from recsys.packing import Unpacked, readable
from recsys.slates import SlotKind


class ProductFacts(Protocol):
    """What is read again about a product at decision time; `campaigns.domain.product.Product` is one."""

    @property
    def product_id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def brand(self) -> str: ...
    @property
    def price_minor(self) -> int | None: ...
    @property
    def hidden(self) -> bool: ...
    @property
    def in_stock(self) -> bool: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Signal:
    """A product the shopper touched lately, `age_seconds` before the decision; category and brand where known."""

    product_id: str
    event: str = Events.VIEWED
    age_seconds: float = 0.0
    category: str = ""
    brand: str = ""
    price_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """The shop's and the slot's business rules. A limit of None is off; shares are 0 .. 1, prices minor units."""

    pinned: tuple[str, ...] = ()
    boosted: Mapping[str, float] = field(default_factory=dict)  # product id -> factor on its score
    hidden: frozenset[str] = frozenset()
    hidden_categories: frozenset[str] = frozenset()
    minimum_price_minor: int | None = None
    minimum_margin_minor: int | None = None  # price less attributes["cost_minor"]; unknown cost passes
    max_per_category: int | None = None
    max_per_brand: int | None = None
    max_per_price_band: int | None = None  # a band is a doubling of the price
    keep_bought_away_days: float = 90.0  # unless the product's own rhythm says it is due
    new_share: float = 0.1  # of a slate's places, for new products


@dataclass(frozen=True, slots=True)
class SlotSpec:
    """A place in a template: how many products it wants, the fewest it accepts, and what to do below that."""

    name: str
    kind: SlotKind
    size: int = 4
    minimum: int = 1
    when_short: Literal["fold", "skip"] = "fold"
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True)
class Request:
    """One slot of one mail for one shopper. `signals` newest first; `bought`, `returned`: product id to days ago; `at`:
    the decision in seconds since 1970, 0 where unknown: slates then count as made after the last touch."""

    slot: SlotSpec
    profile_id: str | None = None
    signals: Sequence[Signal] = ()
    cart: Sequence[str] = ()
    last_order: Sequence[str] = ()
    bought: Mapping[str, float] = field(default_factory=dict)
    returned: Mapping[str, float] = field(default_factory=dict)
    referral_source: str = ""
    locality: str = ""
    top_categories: Sequence[str] = ()
    at: float = 0.0
    taken: frozenset[str] = (
        frozenset()
    )  # products other slots of this mail already show, and those of its cart or order
    drawn_by: str | None = None  # what sticky draws are made from; None: profile_id

    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What was made of this request already: a request is read many times on its way to a slate."""

    def fingerprint(self) -> tuple[object, ...]:
        """Return what the ranking of a shopper depends on: requests of one batch that share it share the ranking."""
        signals = [part for s in self.signals for part in (s.product_id, s.event, s.age_seconds)]
        return self.slot.kind, self.profile_id, tuple(signals), tuple(self.cart), tuple(self.last_order), self.at


_UNREAD: Any = object()


class Fetched:
    """What the caller read for a batch: packed bytes by key (one MGET) and live facts by product id.

    Bytes are unpacked once per batch however many shoppers share them. Damaged or foreign bytes count as missing.
    `facts` None means "not read": rules that need facts then pass everything.
    """

    def __init__(self, packed: Mapping[str, bytes | None], facts: Mapping[str, ProductFacts] | None = None) -> None:
        self.packed, self.facts = packed, facts
        self.ranked: dict[object, Any] = {}  # candidates and rankings by what they were made of
        self._read: dict[str, Unpacked | None] = {}
        self._mix: Mix | None = None

    @property
    def mix(self) -> Mix:
        """How the parts of a personal ranking are weighed."""
        if self._mix is None:
            self._mix = Mix.of(self.get(keys.MIX))
        return self._mix

    def get(self, key: str) -> Unpacked | None:
        """Return the unpacked record of a key, None where it is missing or unreadable."""
        found: Unpacked | None = self._read.get(key, _UNREAD)
        if found is _UNREAD:
            found = self._read[key] = readable(self.packed.get(key))
        return found

    def get_many(self, names: Sequence[str]) -> list[Unpacked | None]:
        """Return `get` of each key."""
        known = self._read
        return [known[name] if name in known else self.get(name) for name in names]

    def with_facts(self, facts: Mapping[str, ProductFacts]) -> Fetched:
        """Return the same batch with live facts; what was unpacked stays unpacked."""
        other = Fetched(self.packed, facts)
        other._read, other.ranked = self._read, self.ranked
        return other

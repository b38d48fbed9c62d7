"""Recommend: slates for a whole batch of mails with one read of the cache and two of the catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.campaign import Slot
from campaigns.domain.product import Product
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.subject import Subject
from campaigns.storage.products import read_products
from recsys import keys
from recsys.columns import Events
from recsys.request import Fetched, Request, Rules, Signal, SlotSpec
from recsys.serving import keys_needed, products_needed, recommend_mail
from recsys.slates import Filled, Slate, SlotKind
from triggers.instants import micros

_DAY = 86_400_000_000
_KINDS_OF_OPTIONS: Mapping[str, Callable[[Any], Any]] = {
    "pinned": tuple,
    "hidden": frozenset,
    "hidden_categories": frozenset,
}


@dataclass(frozen=True, slots=True)
class Recommended:
    """The slates of one mail by slot name, and the facts of every product that may be shown."""

    slates: Mapping[str, Slate]
    facts: Mapping[str, Product]

    @property
    def short_slot(self) -> str | None:
        """A slot whose campaign says "do not send without it" and that stayed below its minimum."""
        return next((name for name, slate in self.slates.items() if slate.filled is Filled.SKIP), None)

    def as_json(self) -> dict[str, Any]:
        """What a decision row keeps: every slot with its products, rungs and reasons."""
        return {name: _slate_json(slate) for name, slate in self.slates.items()}


def _slate_json(slate: Slate) -> dict[str, Any]:
    return {
        "kind": slate.kind.value,
        "filled": slate.filled.value,
        "version": slate.version,
        "made_at": slate.made_at.isoformat() if slate.made_at else None,
        "items": [
            {
                "product_id": item.product_id,
                "score": round(float(item.score), 4),
                "source": item.source,
                "rung": item.rung.value,
                "reason": item.reason,
                "explanation": item.explanation,
            }
            for item in slate.items
        ],
    }


def recommend_batch(engine: Engine, connection: Connection, subjects: Sequence[Subject]) -> list[Recommended]:
    """The slates of every mail, in the order of `subjects`. A cache that is gone falls down the ladder, never fails."""
    facts = read_products(connection, set().union(*(subject.product_ids() for subject in subjects)))
    requests = [[request_for(subject, slot, facts) for slot in subject.step.slots] for subject in subjects]
    flat = [request for mail in requests for request in mail]
    fetched = Fetched(_read_cache(engine, connection, keys_needed(flat)))
    missing = [product_id for product_id in products_needed(flat, fetched) if product_id not in facts]
    facts |= read_products(connection, missing)
    fetched = fetched.with_facts(facts)
    return [Recommended({slate.slot: slate for slate in recommend_mail(mail, fetched)}, facts) for mail in requests]


def _read_cache(engine: Engine, connection: Connection, names: list[str]) -> dict[str, bytes | None]:
    """What the cache holds; where it lacks even the bestsellers, the floor list of the database stands in for them."""
    packed: dict[str, bytes | None] = dict(engine.cache.read(names))
    if keys.GLOBAL in names and not packed.get(keys.GLOBAL):
        packed[keys.GLOBAL] = engine.floor.read(connection, engine.now(connection))
    return packed


def slot_spec(slot: Slot) -> SlotSpec:
    """A campaign's slot as the recommender takes it."""
    options: dict[str, Any] = {name: _KINDS_OF_OPTIONS.get(name, _as_is)(v) for name, v in slot.options.items()}
    return SlotSpec(slot.name, SlotKind(slot.kind), slot.size, slot.minimum, slot.when_short, Rules(**options))


def _as_is(value: Any) -> Any:
    return value


def request_for(subject: Subject, slot: Slot, facts: Mapping[str, Product]) -> Request:
    """What is asked of the recommender for one slot: live signals of the shopper, newest first."""
    session = subject.session
    return Request(
        slot=slot_spec(slot),
        profile_id=str(subject.row.profile_id),
        signals=_signals(subject, facts),
        cart=[line.product_id for line in subject.cart_lines()],
        last_order=[line.product_id for line in subject.order_lines()],
        bought=_bought(subject),
        referral_source=session.source if session else "",
        locality=str((subject.row.traits or {}).get("country") or ""),
        top_categories=_top_categories(subject, facts),
        taken=_shown(subject),
    )


def _shown(subject: Subject) -> frozenset[str]:
    lines = subject.order_lines() if "order" in subject.context else subject.cart_lines()
    return frozenset(line.product_id for line in lines)


def _signals(subject: Subject, facts: Mapping[str, Product]) -> list[Signal]:
    now = micros(subject.at)
    found = [(view.at, view.product_id, Events.VIEWED) for view in subject.recent()]
    cart = subject.cart
    if cart is not None:
        found += [(cart.last_at, line.product_id, Events.ADDED) for line in cart.lines()]
    found.sort(key=lambda one: -one[0])
    return [_signal(product_id, event, (now - at) / 1e6, facts.get(product_id)) for at, product_id, event in found]


def _signal(product_id: str, event: str, age_seconds: float, product: Product | None) -> Signal:
    if product is None:
        return Signal(product_id, event, max(age_seconds, 0.0))
    return Signal(product_id, event, max(age_seconds, 0.0), product.category, product.brand, product.price_minor)


def _bought(subject: Subject) -> dict[str, float]:
    now = micros(subject.at)
    bought: dict[str, float] = {}
    for _, order in subject.state.orders_by_time():
        for product_id in order.product_ids():
            bought[product_id] = max(0.0, (now - order.completed_at) / _DAY)
    return bought


def _top_categories(subject: Subject, facts: Mapping[str, Product]) -> list[str]:
    seen = Counter(facts[view.product_id].category for view in subject.recent() if view.product_id in facts)
    return [category for category, _ in seen.most_common(3) if category]

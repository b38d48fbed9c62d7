"""Recommend: slates for a whole batch of mails with one read of the cache and two of the catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.campaign import Slot
from campaigns.domain.product import Product
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.recs_words import words_of
from campaigns.pipeline.subject import SUBJECT_SLOT, Subject
from campaigns.storage.products import read_products
from recsys import keys
from recsys.columns import Events
from recsys.request import Fetched, Request, Rules, Signal, SlotSpec
from recsys.serving import keys_needed, products_needed, recommend_mail
from recsys.slates import Dropped, Filled, Rung, Slate, SlateItem, SlotKind
from triggers.events import EventName
from triggers.instants import micros
from triggers.order import Order

_DAY = 86_400_000_000
_RULES = frozenset(rule.name for rule in fields(Rules))
_KINDS_OF_OPTIONS: Mapping[str, Callable[[Any], Any]] = {
    "pinned": tuple,
    "hidden": frozenset,
    "hidden_categories": frozenset,
    "boosted": dict,
}


@dataclass(frozen=True, slots=True)
class Recommended:
    """The slates of one mail by slot name, and the facts of every product that may be shown."""

    slates: Mapping[str, Slate]
    facts: Mapping[str, Product]
    gone: Dropped | None = None
    """The product the mail would be about, where nothing is left to write about it, with the reason."""

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
    facts = read_products(connection, set().union(*(_named(subject) for subject in subjects)))
    rules = engine.settings.recs.rules
    requests = [requests_of(subject, facts, rules) for subject in subjects]
    flat = [request for mail in requests for request in mail]
    fetched, facts = fetch(engine, connection, flat, facts)
    return [
        _recommended(subject, _slates(engine, subject, mail, fetched), facts)
        for subject, mail in zip(subjects, requests, strict=True)
    ]


def _recommended(subject: Subject, slates: Sequence[Slate], facts: Mapping[str, Product]) -> Recommended:
    about = slates[0] if product_of(subject) and any(s.name == SUBJECT_SLOT for s in subject.step.slots) else None
    gone = about.dropped[0] if about is not None and not about.items else None
    return Recommended({slate.slot: slate for slate in slates}, facts, gone)


def fetch(
    engine: Engine, connection: Connection, requests: Sequence[Request], facts: Mapping[str, Product]
) -> tuple[Fetched, dict[str, Product]]:
    """What the requests need: one read of the cache, one of the catalog for what `facts` lacks."""
    fetched = Fetched(_read_cache(engine, connection, keys_needed(requests)))
    missing = [product_id for product_id in products_needed(requests, fetched) if product_id not in facts]
    known = {**facts, **read_products(connection, missing)}
    return fetched.with_facts(known), known


def requests_of(
    subject: Subject, facts: Mapping[str, Product], shop_rules: Mapping[str, Any] | None = None
) -> list[Request]:
    """One request for each slot of the mail that the recommender fills."""
    about = product_of(subject)
    slots = [slot for slot in subject.step.slots if not (about and slot.name == SUBJECT_SLOT)]
    return [request_for(subject, slot, facts, shop_rules) for slot in slots]


def _slates(engine: Engine, subject: Subject, requests: Sequence[Request], fetched: Fetched) -> list[Slate]:
    shop_locale = engine.settings.shop.locale
    words = words_of(engine.templates, subject.template, subject.row.locale or "", shop_locale)
    slates = recommend_mail(requests, fetched, words)
    about = product_of(subject)
    return [_subject_slate(subject, about, fetched), *slates] if about else slates


def product_of(subject: Subject) -> str:
    """The one product the mail is about, empty where it is about a cart, an order or a session."""
    return str(subject.context.get("product") or "")


def _named(subject: Subject) -> set[str]:
    return subject.product_ids() | ({product_of(subject)} - {""})


def _subject_slate(subject: Subject, product_id: str, fetched: Fetched) -> Slate:
    """The slate of the product the mail is about: it, or nothing where it may not be shown."""
    slot = next((slot for slot in subject.step.slots if slot.name == SUBJECT_SLOT), None)
    product = fetched.facts.get(product_id) if fetched.facts else None
    kind = SlotKind(slot.kind) if slot else SlotKind.RECENTLY_VIEWED
    rule = "not in the catalog" if product is None else "hidden" if product.hidden else ""
    if not rule and product is not None and not product.in_stock:
        rule = "out of stock"
    told_minor = subject.context.get("price_minor")
    if not rule and product is not None and told_minor and (product.price_minor or 0) > told_minor:
        rule = "dearer again"
    if rule:
        filled = Filled.SKIP if slot and slot.when_short == "skip" else Filled.FOLD
        return Slate(SUBJECT_SLOT, kind, (), filled, (Dropped(product_id, rule),))
    item = SlateItem(product_id, 1.0, "history", Rung.PINNED, "", "what this mail is about")
    return Slate(SUBJECT_SLOT, kind, (item,), Filled.FULL)


def _read_cache(engine: Engine, connection: Connection, names: list[str]) -> dict[str, bytes | None]:
    """What the cache holds; where it lacks even the bestsellers, the floor list of the database stands in for them."""
    packed: dict[str, bytes | None] = dict(engine.cache.read(names))
    if keys.GLOBAL in names and not packed.get(keys.GLOBAL):
        packed[keys.GLOBAL] = engine.floor.read(connection, engine.now(connection))
    return packed


def slot_spec(slot: Slot, shop_rules: Mapping[str, Any] | None = None) -> SlotSpec:
    """A campaign's slot as the recommender takes it: the shop's rules, the slot's own over them; what either hides is
    hidden. A rule that the recommender does not know bars nothing."""
    shop = shop_rules or {}
    options = {**shop, **slot.options}
    for name in ("hidden", "hidden_categories"):
        options[name] = [*shop.get(name, ()), *slot.options.get(name, ())]
    rules: dict[str, Any] = {
        name: _KINDS_OF_OPTIONS.get(name, _as_is)(v) for name, v in options.items() if name in _RULES
    }
    return SlotSpec(slot.name, SlotKind(slot.kind), slot.size, slot.minimum, slot.when_short, Rules(**rules))


def _as_is(value: Any) -> Any:
    return value


def request_for(
    subject: Subject, slot: Slot, facts: Mapping[str, Product], shop_rules: Mapping[str, Any] | None = None
) -> Request:
    """What is asked of the recommender for one slot: live signals of the shopper, newest first."""
    session = subject.session
    return Request(
        slot=slot_spec(slot, shop_rules),
        profile_id=str(subject.row.profile_id),
        drawn_by=subject.row.drawn_by,
        signals=_signals(subject, facts),
        cart=[line.product_id for line in subject.cart_lines()],
        last_order=_last_order(subject),
        bought=_days_since(subject, _kept_orders(subject)),
        returned=_days_since(subject, _orders_that_were(subject, "refunded")),
        referral_source=session.source if session else "",
        locality=str((subject.row.traits or {}).get("country") or ""),
        top_categories=_top_categories(subject, facts),
        at=subject.at.timestamp(),
        taken=_shown(subject),
    )


def _shown(subject: Subject) -> frozenset[str]:
    """What the mail shows outside the recommender's slots: nothing comes twice in one mail."""
    shown = {line.product_id for line in subject.cart_lines()} if "order" not in subject.context else set()
    if "order" in subject.context:
        shown |= {line.product_id for line in subject.order_lines()}
    if "session" in subject.context and not _lists_recent(subject):
        shown |= {view.product_id for view in subject.viewed()}
    return frozenset(shown | ({product_of(subject)} - {""}))


def _lists_recent(subject: Subject) -> bool:
    return any(slot.kind == SlotKind.RECENTLY_VIEWED for slot in subject.step.slots)


def _signals(subject: Subject, facts: Mapping[str, Product]) -> list[Signal]:
    now = micros(subject.at)
    found = [(view.at, view.product_id, Events.VIEWED) for view in subject.recent()]
    wished = subject.state.others.get(EventName.PRODUCT_WISHLISTED, ())
    found += [(at, product_id, Events.WISHLISTED) for at, _, product_id in wished if product_id and at <= now]
    cart = subject.cart
    if cart is not None:
        found += [(cart.last_at, line.product_id, Events.ADDED) for line in cart.lines()]
    if about := product_of(subject):
        found.append((now, about, Events.VIEWED))
    found.sort(key=lambda one: -one[0])
    return [_signal(product_id, event, (now - at) / 1e6, facts.get(product_id)) for at, product_id, event in found]


def _signal(product_id: str, event: str, age_seconds: float, product: Product | None) -> Signal:
    if product is None:
        return Signal(product_id, event, max(age_seconds, 0.0))
    return Signal(product_id, event, max(age_seconds, 0.0), product.category, product.brand, product.price_minor)


def _kept_orders(subject: Subject) -> list[Order]:
    """Orders that stand, latest first: one that was cancelled or sent back was not bought after all."""
    reversed_ids = subject.state.reversals
    return [order for order_id, order in reversed(subject.state.orders_by_time()) if order_id not in reversed_ids]


def _orders_that_were(subject: Subject, what: str) -> list[Order]:
    found = [order_id for order_id, (_, how) in subject.state.reversals.items() if how == what]
    return [subject.state.orders[one] for one in found if one in subject.state.orders]


def _days_since(subject: Subject, orders: Sequence[Order]) -> dict[str, float]:
    """Days since each product was in one of the orders, the latest in front."""
    now = micros(subject.at)
    latest: dict[str, int] = {}
    for order in orders:
        for product_id in order.product_ids():
            latest[product_id] = max(latest.get(product_id, 0), order.completed_at)
    ranked = sorted(latest.items(), key=lambda pair: -pair[1])
    return {product_id: max(0.0, (now - at) / _DAY) for product_id, at in ranked}


def _last_order(subject: Subject) -> list[str]:
    """The order the mail is about, else the last one that stands. Where the mail is about one product that is due
    again, its order must not bar it: what was bought when is known from `bought`."""
    named = subject.order if "order" in subject.context else None
    if named is not None:
        return [line.product_id for line in named[1].lines()]
    orders = _kept_orders(subject)
    return [line.product_id for line in orders[0].lines()] if orders else []


def _top_categories(subject: Subject, facts: Mapping[str, Product]) -> list[str]:
    seen = Counter(facts[view.product_id].category for view in subject.recent() if view.product_id in facts)
    return [category for category, _ in seen.most_common(3) if category]

"""Reads the fields of conditions from a candidate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from campaigns.decisions.candidate import Candidate
from campaigns.domain.campaign_condition import TRAIT_PREFIX, FieldReader
from triggers.events import Line
from triggers.instants import micros, moment, span
from triggers.order import Order
from triggers.session import Session


class CandidateReader:
    """The field reader of one candidate at one moment."""

    def __init__(self, candidate: Candidate, now: datetime) -> None:
        self.candidate, self.now = candidate, now
        self.state, self.profile = candidate.state, candidate.profile

    def __call__(self, name: str, within: timedelta | None) -> Any:
        if name.startswith(TRAIT_PREFIX):
            return self.trait(name[len(TRAIT_PREFIX) :])
        return READERS[name](self, within)

    def trait(self, name: str) -> Any:
        return self.profile.traits.get(name, self.state.trait(name))

    def age(self, instant: int) -> timedelta | None:
        return self.now - moment(instant) if instant else None

    def cart_lines(self) -> list[Line]:
        found = self.state.find_cart(self.candidate.mark.key)
        cart = found[1] if found else self.state.current_cart()
        return [] if cart is None else cart.lines()

    def order(self) -> Order | None:
        orders = self.state.orders
        return orders.get(self.candidate.mark.key) or orders.get(self.state.last_order_id)

    def order_lines(self) -> list[Line]:
        order = self.order()
        return [] if order is None else order.lines()

    def orders(self, within: timedelta | None) -> list[Order]:
        since = self._since(within)
        reversals = self.state.reversals
        return [o for key, o in self.state.orders.items() if o.completed_at >= since and key not in reversals]

    def session(self) -> Session | None:
        return self.state.session_at(micros(self.candidate.mark.entered_at))

    def session_views(self) -> list[str]:
        session = self.session()
        if session is None:
            return []
        return [product for _, product, _ in self.state.views_between(session.start_at, session.end_at)]

    def views(self, within: timedelta | None) -> list[str]:
        since = self._since(within)
        return [product for at, product, _ in self.state.views if at >= since]

    def categories(self, lines: Iterable[Line]) -> frozenset[str]:
        known = self.candidate.categories
        return frozenset(word for line in lines if (word := known.get(line.product_id) or line.category))

    def _since(self, within: timedelta | None) -> int:
        return 0 if within is None else micros(self.now) - span(within)


def reader_of(candidate: Candidate, now: datetime) -> FieldReader:
    """The field reader conditions are tested with."""
    return CandidateReader(candidate, now)


def _products(lines: Iterable[Line]) -> frozenset[str]:
    return frozenset(line.product_id for line in lines)


def _all_lines(orders: Iterable[Order]) -> list[Line]:
    return [line for order in orders for line in order.lines()]


def _total(lines: Iterable[Line]) -> int:
    return sum((line.price_minor or 0) * line.quantity for line in lines)


def _average(orders: list[Order]) -> float | None:
    return sum(order.value_minor for order in orders) / len(orders) if orders else None


def _session_text(name: str) -> Callable[[CandidateReader, timedelta | None], str | None]:
    def read(reader: CandidateReader, _: timedelta | None) -> str | None:
        session = reader.session()
        return None if session is None else getattr(session, name) or None

    return read


def _segments(reader: CandidateReader) -> frozenset[str]:
    named = reader.trait("segments")
    return reader.profile.segments | frozenset(named if isinstance(named, (list, tuple)) else ())


def _order_age(reader: CandidateReader, pick: Callable[[Iterable[int]], int]) -> timedelta | None:
    times = [order.completed_at for order in reader.orders(None)]
    return reader.age(pick(times)) if times else None


READERS: Final[Mapping[str, Callable[[CandidateReader, timedelta | None], Any]]] = {
    "profile.email_domain": lambda r, _: r.profile.email.rpartition("@")[2] or None,
    "profile.locale": lambda r, _: r.profile.locale or None,
    "profile.zone": lambda r, _: r.profile.zone or None,
    "profile.country": lambda r, _: r.trait("country"),
    "profile.segment": lambda r, _: _segments(r),
    "profile.first_seen": lambda r, _: r.age(r.state.first_at),
    "profile.last_seen": lambda r, _: r.age(r.state.last_at),
    "profile.known_since": lambda r, _: r.age(r.state.known_at),
    "profile.is_customer": lambda r, _: bool(r.orders(None)),
    "cart.items": lambda r, _: sum(line.quantity for line in r.cart_lines()),
    "cart.total_minor": lambda r, _: _total(r.cart_lines()),
    "cart.products": lambda r, _: _products(r.cart_lines()),
    "cart.categories": lambda r, _: r.categories(r.cart_lines()),
    "cart.brands": lambda r, _: frozenset(line.brand for line in r.cart_lines() if line.brand),
    "order.items": lambda r, _: sum(line.quantity for line in r.order_lines()),
    "order.total_minor": lambda r, _: None if (order := r.order()) is None else order.value_minor,
    "order.products": lambda r, _: _products(r.order_lines()),
    "order.categories": lambda r, _: r.categories(r.order_lines()),
    "session.source": _session_text("source"),
    "session.landing_url": _session_text("landing_url"),
    "session.device": _session_text("device"),
    "session.views": lambda r, _: len(r.session_views()),
    "session.products": lambda r, _: frozenset(r.session_views()),
    "orders.count": lambda r, w: len(r.orders(w)),
    "orders.total_minor": lambda r, w: sum(order.value_minor for order in r.orders(w)),
    "orders.average_minor": lambda r, w: _average(r.orders(w)),
    "orders.last": lambda r, _: _order_age(r, max),
    "orders.first": lambda r, _: _order_age(r, min),
    "orders.products": lambda r, w: _products(_all_lines(r.orders(w))),
    "orders.categories": lambda r, w: r.categories(_all_lines(r.orders(w))),
    "views.count": lambda r, w: len(r.views(w)),
    "views.products": lambda r, w: frozenset(r.views(w)),
}

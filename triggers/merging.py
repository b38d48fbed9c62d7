"""Joining two identities that turned out to be one person: their states, and their enrollments."""

from __future__ import annotations

from triggers.bounded import join_newest
from triggers.cart import Cart
from triggers.enrollments import EnrollmentBook, EnrollmentMark
from triggers.order import Order
from triggers.session import join_stretches
from triggers.state import (
    MAX_CARTS,
    MAX_MERGED,
    MAX_OFFERS,
    MAX_ORDERS,
    MAX_OTHER_NAMES,
    MAX_OTHERS,
    MAX_STRETCHES,
    MAX_TRAITS,
    MAX_VIEWS,
    Other,
    ProfileState,
)


def merge(one: ProfileState, other: ProfileState, *, merged_ids: tuple[str, ...] = ()) -> ProfileState:
    """The state that folding both histories into one profile would have given; the same from both sides.

    Neither argument is changed. `merged_ids` are the profile ids that went into it, kept for `why` and experiments."""
    state = ProfileState()
    _join_marks(state, one, other)
    state.carts = _join_carts(one, other, state.ordered_until)
    state.orders = _join_orders(one, other)
    state.stretches = join_stretches(one.stretches, other.stretches, MAX_STRETCHES)
    state.views = join_newest(one.views, other.views, MAX_VIEWS)
    state.offers = join_newest(one.offers, other.offers, MAX_OFFERS)
    state.others = _join_others(one, other)
    state.reversals = dict(one.reversals)
    for order_id, reversal in other.reversals.items():
        state.reversals[order_id] = min(reversal, state.reversals.get(order_id, reversal))
    while len(state.reversals) > MAX_ORDERS:
        del state.reversals[min(state.reversals, key=lambda key: (state.reversals[key], key))]
    _join_traits(state, one, other)
    state.merged_ids = sorted({*one.merged_ids, *other.merged_ids, *merged_ids})[:MAX_MERGED]
    return state


def _join_marks(state: ProfileState, one: ProfileState, other: ProfileState) -> None:
    for name in ("first_at", "known_at"):
        times = [at for at in (getattr(one, name), getattr(other, name)) if at]
        setattr(state, name, min(times, default=0))
    for name in ("last_at", "history_until", "added_until", "checkout_until"):
        setattr(state, name, max(getattr(one, name), getattr(other, name)))
    last_orders = ((one.ordered_until, one.last_order_id), (other.ordered_until, other.last_order_id))
    state.ordered_until, state.last_order_id = max(last_orders)


def _join_carts(one: ProfileState, other: ProfileState, ordered_until: int) -> dict[str, Cart]:
    joined: dict[str, Cart] = {}
    for source in (one, other):
        for cart_id, cart in source.carts.items():
            joined.setdefault(cart_id, Cart()).join(cart, ordered_until)
    newest = sorted(joined, key=lambda cart_id: (joined[cart_id].last_at, cart_id))[-MAX_CARTS:]
    return {cart_id: joined[cart_id] for cart_id in sorted(newest)}


def _join_orders(one: ProfileState, other: ProfileState) -> dict[str, Order]:
    joined: dict[str, Order] = {}
    for source in (one, other):
        for order_id, order in source.orders.items():
            joined.setdefault(order_id, Order(order.completed_at)).join(order)
    newest = sorted(joined, key=lambda order_id: (joined[order_id].last_at, order_id))[-MAX_ORDERS:]
    return {order_id: joined[order_id] for order_id in sorted(newest)}


def _join_others(one: ProfileState, other: ProfileState) -> dict[str, list[Other]]:
    names = sorted({*one.others, *other.others})
    joined = {name: join_newest(one.others.get(name, ()), other.others.get(name, ()), MAX_OTHERS) for name in names}
    newest = sorted(joined, key=lambda name: (joined[name][-1], name))[-MAX_OTHER_NAMES:]
    return {name: joined[name] for name in sorted(newest)}


def _join_traits(state: ProfileState, one: ProfileState, other: ProfileState) -> None:
    state.traits = dict(one.traits)
    for name, kept in other.traits.items():
        if name not in state.traits or state.traits[name][:2] < kept[:2]:
            state.traits[name] = kept
    while len(state.traits) > MAX_TRAITS:
        del state.traits[min(state.traits, key=lambda key: (state.traits[key][:2], key))]


def merge_books(winner: EnrollmentBook, loser: EnrollmentBook) -> list[EnrollmentMark]:
    """Gives the loser's enrollments to the winner, in place. Of two with one campaign and key the one further on
    stays - its mails were sent - and the other is returned, to be ended as merged. Call `reconsider` afterwards."""
    dropped: list[EnrollmentMark] = []
    for marks in loser.marks.values():
        for mark in marks.values():
            known = winner.find(mark.campaign_id, mark.key)
            if known is None or _progress(known) < _progress(mark):
                winner.put(mark)
                dropped.extend([known] if known else [])
            else:
                dropped.append(mark)
    winner.refused |= loser.refused
    return dropped


def _progress(mark: EnrollmentMark) -> tuple[int, bool, float]:
    return mark.step, mark.is_live, -mark.entered_at.timestamp()

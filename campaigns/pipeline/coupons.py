"""Coupons: each message of a step that promises one gets a code of its own, in the transaction that decides it.

Codes are held (locked) before the mail is rendered and written down once it is certain to be queued: a mail that fails
on the way, a shopper held out or a worker that dies takes up none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from campaigns.decisions.gates import ContentProblem
from campaigns.domain.campaign_reasons import Reason
from campaigns.domain.coupon import LEAST_LIFE, Coupon, CouponRule, make_code, sample_coupon
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.subject import Subject
from campaigns.storage.coupons import (
    HeldCode,
    Reservation,
    count_free,
    find_carried,
    find_taken,
    has_pool,
    hold_free,
    reserve_codes,
)

_log = logging.getLogger(__name__)
_DRAWS = 8


@dataclass(frozen=True, slots=True)
class CouponWish:
    """A mail that may promise a coupon. One that is held out shows a sample to nobody and takes up no code."""

    subject: Subject
    is_held_out: bool = False

    @property
    def rule(self) -> CouponRule:
        rule = self.subject.step.coupon
        assert rule is not None
        return rule


@dataclass(frozen=True, slots=True)
class Held:
    """A coupon for a mail; `reservation` is None where there is nothing to write down."""

    coupon: Coupon
    reservation: Reservation | None = None


class HeldElsewhere:
    """Other workers hold the last free codes at this moment and may give them back: ask again soon."""


Answer = Held | ContentProblem | HeldElsewhere | None


def hold_coupons(engine: Engine, connection: Connection, wishes: Sequence[CouponWish]) -> list[Answer]:
    """A coupon for each mail that is to have one, earliest first; None where its step promises none."""
    answers: list[Answer] = [None] * len(wishes)
    pools: dict[str, list[int]] = {}
    for place, wish in enumerate(wishes):
        if wish.subject.step.coupon is not None:
            pools.setdefault(wish.rule.pool, []).append(place)
    for pool, places in sorted(pools.items()):
        desk = _Desk(engine, connection, pool, [wishes[place] for place in places])
        for place, answer in zip(places, desk.answers(), strict=True):
            answers[place] = answer
    return answers


def keep_coupons(connection: Connection, held: Iterable[Held]) -> None:
    """Writes down which message carries which code, for mails that were queued."""
    reserve_codes(connection, [one.reservation for one in held if one.reservation is not None])


@dataclass(slots=True)
class _Desk:
    """The mails of a batch that want codes of one pool."""

    engine: Engine
    connection: Connection
    pool: str
    wishes: Sequence[CouponWish]
    free: int = 0
    """Free codes in the pool before this batch, those that other workers hold included; as many as matter."""
    held: list[HeldCode] = field(default_factory=list)
    substitute: str = ""
    """The pattern of made-up codes in a replay, where the pool was never filled."""

    def answers(self) -> list[Answer]:
        refs = [wish.subject.message_ref for wish in self.wishes]
        carried = find_carried(self.connection, refs)
        wanting = [w for w in self.wishes if not w.is_held_out and w.subject.message_ref not in carried]
        self._hold(len(wanting))
        made = self._make([wish for wish in wanting[len(self.held) :] if self._pattern(wish)])
        codes, taken, found = iter(self.held), 0, list[Answer]()
        for wish in self.wishes:
            ref = wish.subject.message_ref
            if ref in carried:
                pool, code, until = carried[ref]
                found.append(Held(Coupon(pool, code, self._words(wish), until)))
            elif wish.is_held_out:
                found.append(self._for_ghost(wish, taken))
            else:
                found.append(self._for_mail(wish, next(codes, None), made.get(ref, "")))
                taken += 1
        return found

    def _hold(self, count: int) -> None:
        lives_until = max(wish.subject.at for wish in self.wishes) + LEAST_LIFE
        self.held = hold_free(self.connection, self.pool, count, lives_until=lives_until)
        if len(self.held) < count or count < len(self.wishes):
            self.free = count_free(self.connection, self.pool, lives_until=lives_until, most=count + 1)
        if self.engine.is_virtual and not self.free and not self.held and not has_pool(self.connection, self.pool):
            self.substitute = f"{self.pool.upper()}-########"

    def _pattern(self, wish: CouponWish) -> str:
        return wish.rule.pattern or self.substitute

    def _for_ghost(self, wish: CouponWish, taken: int) -> Answer:
        """As the mail would have had it: there must have been a code."""
        if self._pattern(wish) or taken < self.free:
            return Held(sample_coupon(wish.rule, wish.subject.at, *self._locales(wish)))
        return self._empty(wish)

    def _for_mail(self, wish: CouponWish, code: HeldCode | None, made: str) -> Answer:
        rule, at = wish.rule, wish.subject.at
        if code is None and not made:
            return HeldElsewhere() if self.free > len(self.held) else self._empty(wish)
        until = rule.end(at, code.expires_at if code else None)
        said = code.code if code else made
        kept = Reservation(code.code_id if code else None, self.pool, said, wish.subject.message_ref, at, until)
        return Held(Coupon(self.pool, said, self._words(wish), until), kept)

    def _words(self, wish: CouponWish) -> str:
        return wish.rule.describe(*self._locales(wish))

    def _locales(self, wish: CouponWish) -> tuple[str, str]:
        return wish.subject.row.locale or "", self.engine.settings.shop.locale

    def _empty(self, wish: CouponWish) -> Answer:
        folds = wish.rule.when_empty == "fold"
        what = "the mail goes without a coupon" if folds else "the mail is not sent"
        ref = wish.subject.message_ref
        _log.error("no coupon code is left in the pool %s for message %s: %s", self.pool, ref, what)
        return None if folds else ContentProblem(Reason.NO_COUPON, {"pool": self.pool})

    def _make(self, wishes: Sequence[CouponWish]) -> dict[str, str]:
        """message_ref -> a code of the pattern that exists nowhere yet."""
        secret = self.engine.settings.secret.get_secret_value().encode()
        found: dict[str, str] = {}
        for draw in range(_DRAWS):
            waiting = [wish for wish in wishes if wish.subject.message_ref not in found]
            if not waiting:
                break
            drawn = {wish.subject.message_ref: self._draw(secret, wish, draw) for wish in waiting}
            taken = find_taken(self.connection, self.pool, drawn.values())
            for ref, code in drawn.items():
                if code.upper() not in taken:
                    taken.add(code.upper())
                    found[ref] = code
        return found

    def _draw(self, secret: bytes, wish: CouponWish, draw: int) -> str:
        return make_code(secret, self._pattern(wish), self.pool, wish.subject.message_ref, str(draw))

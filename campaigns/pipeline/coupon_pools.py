"""Coupon pools: filled from files or by a pattern, counted, and watched so that none runs dry unnoticed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.campaign import Campaign
from campaigns.domain.campaigns_yaml.layout import SLUG
from campaigns.domain.coupon import LEAST_LIFE, LOW_BELOW, make_code, pattern_fault
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.storage.coupons import PoolState, add_codes, find_codes, list_pools, note_sizes
from campaigns.storage.database import transaction
from campaigns.storage.files.coupons import CodeLine

_PIECE = 5_000
_SEED_BYTES = 16


@dataclass(frozen=True, slots=True)
class PoolReport:
    """A pool and the steps ("campaign/step") that hand out its codes."""

    state: PoolState
    used_by: tuple[str, ...] = ()
    never_ends: bool = False
    """Whether every step that uses it can make codes of its own."""

    @property
    def is_empty(self) -> bool:
        """Whether mails are skipped, or go without a coupon, because of it."""
        return bool(self.used_by) and not self.never_ends and not self.state.free

    @property
    def is_low(self) -> bool:
        """Whether less is left than went out in the last seven days, or fewer than 100."""
        return bool(self.used_by) and not self.never_ends and 0 < self.state.free < max(LOW_BELOW, self.state.lately)


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """What a till needs to know of a code. `valid_until` is what its mail says, else the code's own end."""

    pool: str
    code: str
    status: str
    valid_until: datetime | None
    order_id: str | None
    is_valid: bool
    """Handed out in a mail, not used yet, and not ended."""


def find_coupons(engine: Engine, code: str) -> list[CodeAnswer]:
    """The code in every pool that has it, capitals or not."""
    with transaction(engine.database) as connection:
        now, rows = engine.now(connection), find_codes(connection, code)
    return [
        CodeAnswer(*row, is_valid=row.status == "reserved" and (row.valid_until is None or row.valid_until > now))
        for row in rows
    ]


def check_pool_name(pool: str) -> None:
    """Raises WrongUsage for a name that no campaign file could give."""
    if not re.fullmatch(SLUG.pattern, pool):
        raise WrongUsage(f"{pool!r} is no name of a pool", fix=f"use {SLUG.form}")


def keep_codes(engine: Engine, pool: str, codes: Sequence[CodeLine]) -> set[str]:
    """Puts codes into a pool in a transaction of their own; returns those it did not have yet."""
    with transaction(engine.database) as connection:
        return add_codes(connection, pool, codes, now=engine.now(connection))


def close_import(engine: Engine) -> None:
    """After many codes came in."""
    with transaction(engine.database) as connection:
        note_sizes(connection)


def make_codes(engine: Engine, pool: str, pattern: str, count: int, *, expires_at: datetime | None = None) -> list[str]:
    """Fills a pool with `count` new codes of a pattern; returns them. Raises WrongUsage for a pattern that can be
    guessed."""
    check_pool_name(pool)
    if fault := pattern_fault(pattern):
        raise WrongUsage(f"the pattern {pattern!r} {fault}", fix="write for example SPRING-####-####")
    secret = engine.settings.secret.get_secret_value().encode()
    made: list[str] = []
    while len(made) < count:
        wanted = min(_PIECE, count - len(made))
        drawn = {make_code(secret, pattern, pool, secrets.token_hex(_SEED_BYTES)) for _ in range(wanted)}
        made += sorted(keep_codes(engine, pool, [CodeLine(code, expires_at) for code in drawn]))
    close_import(engine)
    return made


def read_pools(connection: Connection, campaigns: Iterable[Campaign], now: datetime) -> list[PoolReport]:
    """Every pool there is, and every one that a campaign names."""
    users: dict[str, list[str]] = {}
    ends: dict[str, bool] = {}
    for campaign in campaigns:
        for step in campaign.steps:
            if step.coupon is not None:
                users.setdefault(step.coupon.pool, []).append(f"{campaign.campaign_id}/{step.name}")
                ends[step.coupon.pool] = ends.get(step.coupon.pool, False) or not step.coupon.pattern
    states: Mapping[str, PoolState] = {
        state.pool: state for state in list_pools(connection, now=now, lives_until=now + LEAST_LIFE)
    }
    return [
        PoolReport(
            states.get(pool, PoolState(pool, 0, 0, 0, 0, 0)), tuple(users.get(pool, ())), not ends.get(pool, True)
        )
        for pool in sorted({*states, *users})
    ]


def say_pool(found: PoolReport) -> str:
    """What is wrong with a pool, in words; nothing where all is well."""
    state, names = found.state, ", ".join(found.used_by)
    if found.is_empty:
        return f"the pool {state.pool} is empty: {names} cannot hand out a code"
    if found.is_low:
        return (
            f"the pool {state.pool} is low: {state.free:,} codes left for {names}, {state.lately:,} went out in 7 days"
        )
    return ""

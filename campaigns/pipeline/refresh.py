"""Refresh: neighbours, bestsellers and slates brought up to date every 15 minutes, from what happened since.

A refresh keeps the rows it read (`recsys.kept`) for the next one, which reads new rows only, looks which of the
shoppers were joined or forgotten, counts everything anew from the columns, and writes the records that say something
new. Where nothing usable is kept, or it is older than twelve hours, all rows are read and all records written.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import pandas as pd
from sqlalchemy import Connection

from campaigns.domain.errors import UnusableEnvironment
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.precompute import KEEP_SECONDS, Spread, artifacts_of, model_of
from campaigns.pipeline.train import (
    ACTIVE,
    AT_LEAST_EVERY,
    HEARTBEAT,
    MOST_INTERACTIONS,
    MOST_SLATES,
    TrainReport,
    ask,
    learning_span,
    mix_record,
    moment_of,
    note_training,
    product_frame,
    read_champion,
    report_of,
)
from campaigns.storage.database import transaction
from campaigns.storage.heartbeats import beat, list_heartbeats
from campaigns.storage.interactions import read_kept
from campaigns.storage.products import list_products
from campaigns.storage.recs import list_armed_profiles, list_touched_profiles, read_last_event, training_turn
from campaigns.storage.recs_kept import (
    Mark,
    RefreshShelf,
    RefreshState,
    list_changed_profiles,
    look_once,
    read_horizon,
    read_mark,
)
from recsys import keys
from recsys.catalog import catalog_of
from recsys.kept import Kept
from recsys.precompute import Model
from recsys.training import Artifacts, TrainingSettings, train_log
from triggers.instants import micros

_log = logging.getLogger(__name__)
_SETTINGS: Final = TrainingSettings(ranking="neighbours")
_RECIPE: Final = repr(_SETTINGS)


@dataclass(frozen=True)
class Seen:
    """What a refresh learns from, as it was at `now`. `past` are the `rows` but for those that lie in the future;
    `chosen` are the profiles that get a slate of their own, `touched` those that did something since the last refresh,
    `new` counts the rows that came in since."""

    rows: Kept
    past: Kept
    products: pd.DataFrame
    chosen: list[int]
    touched: set[int]
    now: datetime
    days: float
    mark: Mark
    new: int


def refresh(engine: Engine, spread: Spread | None = None) -> TrainReport | None:
    """The refresh as a worker runs it: one at a time whatever the number of workers, and only where something new
    happened since the last one, and none after a roll-back: what a person took back does not creep in again. None where
    there was nothing to do."""
    with training_turn(engine.database) as is_ours:
        if not is_ours or read_champion(engine).get("held") or not _is_due(engine):
            return None
        return _Turn(engine).run(spread)


def train_and_publish(engine: Engine, *, until: datetime | None = None, spread: Spread | None = None) -> TrainReport:
    """A whole refresh from everything before `until` (default: now), of which nothing is kept for the next one."""
    seen = _look(engine, None, until)
    plan = _learn(engine, seen, None)
    records = dict(plan.artifacts.packed(plan.published.index))
    engine.cache.write(records | _mix(engine, seen), ttl_seconds=KEEP_SECONDS)
    report = plan.report(seen, len(records))
    plan.ask(engine, seen, spread)
    note_training(engine, report, seen.now, seen.days, seen.mark.seen)
    return report


def _is_due(engine: Engine) -> bool:
    with transaction(engine.database) as connection:
        last = list_heartbeats(connection).get(HEARTBEAT)
        if last is None or engine.now(connection) - last[0] > AT_LEAST_EVERY:
            return True
        is_cached = not engine.cache.find_missing([keys.GLOBAL])
        return not is_cached or read_last_event(connection) != last[1].get("last_event")


class _Turn:
    """One refresh of a worker whose turn it is. While it writes, no state is in force: where it dies in between, or its
    turn was taken by another, each record is right, and the next refresh writes all of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._token = engine, secrets.token_hex(8)
        self._shelf = RefreshShelf(artifacts_of(engine), engine.cache.world)

    def run(self, spread: Spread | None) -> TrainReport:
        former = self._find_state()
        seen = _look(self._engine, former)
        plan = _learn(self._engine, seen, former)
        self._open()
        written = self._write(plan, seen, former)
        plan.ask(self._engine, seen, spread)
        report = replace(plan.report(seen, written), is_whole=former is None)
        whole_at = former.whole_at if former else seen.now
        self._close(report, seen, RefreshState(seen.rows, plan.published, seen.mark, whole_at, seen.days, _RECIPE))
        return report

    def _find_state(self) -> RefreshState | None:
        with transaction(self._engine.database) as connection:
            last = list_heartbeats(connection).get(HEARTBEAT)
            now = moment_of(connection, self._engine.now(connection))
        try:
            found = self._shelf.find(str(last[1].get("state") or "") if last else "")
        except UnusableEnvironment as error:
            _log.warning("the last refresh is not readable, all is read anew: %s", error)
            return None
        is_usable = found and found.recipe == _RECIPE and timedelta() <= now - found.whole_at <= AT_LEAST_EVERY
        return found if is_usable else None

    def _open(self) -> None:
        """From here on the records are not what any state says."""
        with transaction(self._engine.database) as connection:
            last = list_heartbeats(connection).get(HEARTBEAT)
            if last is not None:
                beat(connection, HEARTBEAT, last[0], {**last[1], "state": "", "turn": self._token})

    def _write(self, plan: _Plan, seen: Seen, former: RefreshState | None) -> int:
        """Writes the records that say something new or are not in the cache, and drops those that say nothing any more;
        returns how many were written."""
        changed, cache = plan.published.index, self._engine.cache
        if former is not None:
            before = former.published.reindex(changed, fill_value=0).to_numpy()
            is_same = before == plan.published.to_numpy()
            changed = changed[~is_same].append(pd.Index(cache.find_missing(list(changed[is_same])), dtype=object))
            cache.delete(former.published.index.difference(plan.published.index))
        records = dict(plan.artifacts.packed(frozenset(changed)))
        cache.write(records | _mix(self._engine, seen), ttl_seconds=KEEP_SECONDS)
        return len(records)

    def _close(self, report: TrainReport, seen: Seen, state: RefreshState) -> None:
        """Puts the new state in force, unless somebody else took the turn or it cannot be kept."""
        token = self._token
        try:
            self._shelf.put(token, state)
        except UnusableEnvironment as error:
            _log.warning("what was read is not kept, the next refresh reads all anew: %s", error)
            token = ""
        with transaction(self._engine.database) as connection:
            last = list_heartbeats(connection).get(HEARTBEAT)
        if last is not None and last[1].get("turn") != self._token:
            token = ""
        note_training(self._engine, report, seen.now, seen.days, seen.mark.seen, state=token)
        if token:
            self._shelf.tidy(token)


@dataclass(frozen=True)
class _Plan:
    """What a refresh learned: artifacts, what their records say, and whose slates are to be made by the model in force
    (None: the artifacts hold them)."""

    artifacts: Artifacts
    published: pd.Series
    wanted: list[str]
    model: Model | None

    def ask(self, engine: Engine, seen: Seen, spread: Spread | None) -> None:
        if self.model is not None:
            ask(engine, self.model, self.wanted, seen.now, spread)

    def report(self, seen: Seen, written: int) -> TrainReport:
        found = report_of(self.artifacts, len(seen.past), len(self.published) + len(self.artifacts.profile_ids))
        return replace(found, profiles=len(self.wanted), written=written, new=seen.new)


def _look(engine: Engine, former: RefreshState | None, until: datetime | None = None) -> Seen:
    """Reads what there is to learn from, all as of one moment: new rows only after a former refresh."""
    horizon = read_horizon(engine.database)
    known = former.mark if former else Mark()
    with transaction(engine.database) as connection:
        look_once(connection)
        now = until or moment_of(connection, engine.now(connection))
        days = former.days if former else learning_span(connection, MOST_INTERACTIONS) / timedelta(days=1)
        since = now - timedelta(days=days)
        found = read_kept(connection, since=since, after=known.done)
        if former is None:
            rows, touched = found, _touched_since_last(connection)
        else:
            found = found.without(former.rows)
            rows, touched = _as_they_are(connection, former.rows.joined(found)), set(found.profile.tolist())
            rows = rows.select(rows.at >= micros(since))
        mark = read_mark(connection, known, horizon)
        products = product_frame(list_products(connection))
        armed = list_armed_profiles(connection, limit=MOST_SLATES)
    past = rows.select(rows.at < micros(now))
    lately = past.profile[past.at > micros(now - ACTIVE)][::-1]
    chosen = list(dict.fromkeys([*armed, *pd.unique(lately).tolist()]))[:MOST_SLATES]
    return Seen(rows, past, products, chosen, touched, now, days, mark, len(found))


def _touched_since_last(connection: Connection) -> set[int]:
    last = list_heartbeats(connection).get(HEARTBEAT)
    return list_touched_profiles(connection, after=int(last[1].get("last_event") or 0) if last else 0)


def _as_they_are(connection: Connection, rows: Kept) -> Kept:
    """Rows whose shoppers were joined with others, moved or were forgotten since, as they would be read now."""
    profiles, localities = rows.profiles_with_localities()
    ids = profiles.tolist()
    while changed := list_changed_profiles(connection, ids, localities):
        rows = rows.with_profiles(changed)
        became = dict(one for one in changed.values() if one is not None)
        ids, localities = list(became), list(became.values())
    return rows


def _learn(engine: Engine, seen: Seen, former: RefreshState | None) -> _Plan:
    champion = read_champion(engine)
    model = model_of(engine, str(champion.get("version", ""))) if champion.get("ranking") == "blend" else None
    is_whole = former is None and model is None
    wanted = [str(one) for one in (seen.chosen if is_whole else _without_fresh_slate(engine, seen))]
    catalog = catalog_of(seen.products, seen.past.touched())
    log, visits = seen.past.log(catalog.products), seen.past.visits(catalog.products)
    profiles = [] if model else wanted
    artifacts = train_log(log, catalog, visits, now=seen.now, settings=_SETTINGS, profiles=profiles)
    return _Plan(artifacts, artifacts.fingerprints(), wanted, model)


def _without_fresh_slate(engine: Engine, seen: Seen) -> list[int]:
    """Those of the choice who did something since the last refresh, or have no slate in the cache."""
    missing = set(engine.cache.find_missing([keys.profile(str(one)) for one in seen.chosen if one not in seen.touched]))
    return [one for one in seen.chosen if one in seen.touched or keys.profile(str(one)) in missing]


def _mix(engine: Engine, seen: Seen) -> dict[str, bytes]:
    return mix_record(read_champion(engine), seen.now)

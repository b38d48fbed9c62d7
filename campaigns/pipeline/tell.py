"""Tell: what changed in the catalog becomes an event of everybody it concerns, a batch of shoppers a transaction.

A price drop of a product with a million viewers is a million events: they are made in order of the profiles, and how
far that has come is kept with each batch. A worker that dies loses its batch, and the next one makes the same events.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from campaigns.domain.errors import UnusableEnvironment
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.ingest import apply_events, retried
from campaigns.storage.catalog_changes import (
    Addressee,
    CatalogChange,
    Progress,
    UntoldChange,
    claim_changes,
    find_addressees,
    list_concerned,
    list_open_months,
    move_changes,
    read_open_changes,
)
from campaigns.storage.database import transaction
from campaigns.storage.identities import IdentityRace
from campaigns.storage.interests import Gathered, gather_interests
from triggers.catalog_events import CATALOG_EVENTS, catalog_event
from triggers.catalog_offer import CatalogOffer
from triggers.events import Event
from triggers.rules import RuleSet

BATCH = 1_000
"""How many shoppers one transaction tells."""

_Concerned = tuple[CatalogChange, int, datetime]
"""(change, profile id, last interest before it)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TellReport:
    """What one batch did. `is_all` says that nothing is left that could be done now."""

    told: int = 0
    finished: int = 0
    is_all: bool = True


def tell_changes(engine: Engine, *, limit: int = BATCH) -> TellReport:
    """Tells the next shoppers of what changed in the catalog, through the code that takes in their own events.

    Concerned is who looked at the product, carted it, wished for it or asked for it before the change, and within the
    longest `interest_for` of the campaigns that listen. Where none listens nobody is told; a change that no longer
    holds is told to nobody. A shopper who cannot be told is passed over and holds up no other."""
    with transaction(engine.database) as connection:
        windows = interest_windows(engine.campaigns.rules(connection))
        waiting, oldest = read_open_changes(connection)
        months = list_open_months(connection) if waiting else []
    if not waiting and not windows:
        return TellReport()
    until, is_behind, is_stuck = _gather(engine, windows)
    if oldest is None or until is None or until < oldest:
        return TellReport(is_all=is_stuck or (not waiting and not is_behind))
    engine.partitions.ensure(months)
    done = _tell_next(engine, until, limit)
    return replace(done, is_all=not done.told and not done.finished)


def tell_all(engine: Engine) -> TellReport:
    """Batch after batch until nothing is left that could be done now."""
    told = finished = 0
    while not (report := tell_changes(engine)).is_all:
        told, finished = told + report.told, finished + report.finished
    return TellReport(told, finished)


def interest_windows(rules: RuleSet) -> dict[str, timedelta]:
    """How long a shopper's interest counts, by name of the catalog event: the longest of the campaigns that listen."""
    windows: dict[str, timedelta] = {}
    for name in CATALOG_EVENTS:
        triggers = [rule.trigger for rule in rules.listening(name) if isinstance(rule.trigger, CatalogOffer)]
        if triggers:
            windows[name] = max(trigger.interest_for for trigger in triggers)
    return windows


def _gather(engine: Engine, windows: dict[str, timedelta]) -> Gathered:
    """Up to when interests are complete. Where no campaign listens nobody's are needed."""
    with transaction(engine.database) as connection:
        now = engine.now(connection)
        if not windows:
            return Gathered(now, is_stuck=False)
        return gather_interests(connection, since=now - max(windows.values()), now=now)


def _tell_next(engine: Engine, until: datetime, limit: int) -> TellReport:
    """One batch in a transaction of its own; where it fails for a reason of its own, half of it."""
    try:
        return retried(lambda: _tell_batch(engine, until, limit))
    except (OperationalError, UnusableEnvironment, IdentityRace):
        raise
    except Exception:
        _log.exception("a batch of %d shoppers could not be told of changes in the catalog", limit)
    return _tell_next(engine, until, limit // 2) if limit > 1 else _pass_over(engine, until)


def _tell_batch(engine: Engine, until: datetime, limit: int) -> TellReport:
    with transaction(engine.database) as connection:
        windows = interest_windows(engine.campaigns.rules(connection))
        changes, concerned = _claim(connection, windows, until, limit)
        people = find_addressees(connection, [profile_id for _, profile_id, _ in concerned])
        known = [(change, people[who], at) for change, who, at in concerned if who in people]
        apply_events(engine, connection, [_event(*one) for one in known])
        names = {change.change_id: change.name for change in changes}
        counts = Counter(change.change_id for change, _, _ in known)
        progress = [
            one._replace(heard=names[one.change_id] in windows)
            for one in _progress(changes, concerned, counts, limit=limit)
        ]
        move_changes(connection, progress, engine.now(connection))
        return TellReport(len(known), sum(one.is_finished for one in progress))


def _pass_over(engine: Engine, until: datetime) -> TellReport:
    """Goes on behind the next shopper, who cannot be told."""
    with transaction(engine.database) as connection:
        windows = interest_windows(engine.campaigns.rules(connection))
        changes, concerned = _claim(connection, windows, until, 1)
        progress = _progress(changes, concerned, {}, limit=1)
        move_changes(connection, progress, engine.now(connection))
        _log.error("passed over: %s", [(change.name, change.product_id, who) for change, who, _ in concerned])
        return TellReport(0, len(concerned))


def _claim(
    connection: Connection, windows: Mapping[str, timedelta], until: datetime, limit: int
) -> tuple[list[CatalogChange], list[_Concerned]]:
    """The next changes, locked, and the next shoppers they concern, in order of change and profile."""
    changes = claim_changes(connection, until=until)
    wanted = [(one, one.changed_at - windows[one.name]) for one in changes if one.holds and one.name in windows]
    by_id = {one.change_id: one for one in changes}
    rows = list_concerned(connection, wanted, limit=limit) if wanted else []
    return changes, [(by_id[change_id], profile_id, at) for change_id, profile_id, at in rows]


def event_of_change(
    change: CatalogChange | UntoldChange, profile_id: int, interested_at: datetime, **names: str | None
) -> Event:
    """The event that tells a profile of a change; `names` are the ids it may carry, as `catalog_event` takes them."""
    return catalog_event(
        change.name,
        change.product_id,
        profile_ref=str(profile_id),
        at=change.changed_at,
        received_at=change.noted_at,
        price_minor=change.price_minor,
        was_minor=change.was_minor,
        interested_at=interested_at,
        **names,
    )


def _event(change: CatalogChange, person: Addressee, interested_at: datetime) -> Event:
    return event_of_change(
        change,
        person.profile_id,
        interested_at,
        user_id=person.user_id,
        anonymous_id=None if person.user_id else person.anonymous_id,
        email=None if person.user_id or person.anonymous_id else person.email,
    )


def _progress(
    changes: Sequence[CatalogChange], concerned: Sequence[_Concerned], told: Mapping[int, int], *, limit: int
) -> list[Progress]:
    """How far each change has come: a full batch breaks off within the last change it reached."""
    broken_off, last_profile = (concerned[-1][0].change_id, concerned[-1][1]) if len(concerned) == limit else (None, 0)
    progress = []
    for change in changes:
        is_finished = broken_off is None or change.change_id < broken_off
        if is_finished or change.change_id == broken_off:
            until = change.told_until if is_finished else last_profile
            progress.append(Progress(change.change_id, until, told.get(change.change_id, 0), is_finished))
    return progress

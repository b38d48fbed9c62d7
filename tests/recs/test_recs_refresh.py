"""Refreshes that read only what is new leave in the cache what one that reads everything would leave."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from campaigns.clock import VirtualClock
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.importing import import_catalog
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.precompute import artifacts_of
from campaigns.pipeline.privacy import forget_person
from campaigns.pipeline.recs_champion import challenge
from campaigns.pipeline.refresh import refresh
from campaigns.pipeline.train import HEARTBEAT, TrainReport
from campaigns.storage.database import statement, transaction
from campaigns.storage.heartbeats import list_heartbeats
from recsys import keys
from recsys.fingerprints import STEP
from recsys.packing import unpack
from tests.recs.recs_shop import START, event, product
from triggers.events import Event, EventName, Visit

pytestmark = pytest.mark.servers

Said = dict[str, dict[str, tuple[list[str], tuple[float, ...], float]]]


def refreshed(engine: Engine) -> TrainReport:
    report = refresh(engine)
    assert report is not None
    return report


def said(engine: Engine) -> Said:
    """What the records of products and lists say, by key."""
    cache, prefix = engine.cache, engine.cache._prefix.encode()
    names = [key[len(prefix) :].decode() for key in cache._redis.scan_iter(match=prefix + b"*")]
    wanted = [name for name in names if not name.startswith(keys.profile("")) and name != keys.MIX]
    found = {name: unpack(record).lists for name, record in cache.read(sorted(wanted)).items()}
    return {
        name: {kind: (lists[kind][0], lists[kind][1], lists[kind][3]) for kind in lists}
        for name, lists in found.items()
    }


def check_equals_whole(engine: Engine, report: TrainReport) -> None:
    """Everything in the cache is what a refresh without a former one makes of the same shop."""
    before = said(engine)
    start_over(engine)
    whole = refreshed(engine)
    assert whole.is_whole and whole.version == report.version and whole.interactions == report.interactions
    after = said(engine)
    assert {name: shape(lists) for name, lists in before.items()} == {
        name: shape(lists) for name, lists in after.items()
    }
    for name, lists in after.items():
        for kind, (_, scores, _) in lists.items():
            assert before[name][kind][1] == pytest.approx(scores, abs=STEP)


def shape(lists: Mapping[str, tuple[list[str], tuple[float, ...], float]]) -> dict[str, tuple[list[str], float]]:
    return {kind: (ids, rhythm) for kind, (ids, _, rhythm) in lists.items()}


def start_over(engine: Engine) -> None:
    with transaction(engine.database) as connection:
        connection.execute(statement("DELETE FROM heartbeats WHERE name = :name"), {"name": HEARTBEAT})
    engine.cache.clear()


def facts(engine: Engine) -> Mapping[str, object]:
    with transaction(engine.database) as connection:
        return list_heartbeats(connection)[HEARTBEAT][1]


def wait(engine: Engine, **span: float) -> datetime:
    assert isinstance(engine.clock, VirtualClock)
    engine.clock.move_to(engine.clock.now() + timedelta(**span))
    return engine.clock.now()


def some_events(chance: np.random.Generator, now: datetime, turn: int) -> list[Event]:
    """New and old shoppers, named or not; late, ahead of time and of products that no catalog lists."""
    events = []
    for number in range(40):
        who = int(chance.integers(90))
        late = timedelta(minutes=float(chance.choice([0, 5, 31, 600, 4000, -20], p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.1])))
        names = (EventName.PRODUCT_VIEWED, EventName.PRODUCT_ADDED, EventName.ORDER_COMPLETED)
        name = str(chance.choice(names, p=[0.7, 0.2, 0.1]))
        lines = [f"P{chance.integers(56)}" for _ in range(3 if name == EventName.ORDER_COMPLETED else 1)]
        found = event(name, f"user-{who}", now - late - timedelta(seconds=number), *lines)
        if who >= 60:
            found = replace(found, user_id=None, anonymous_id=f"device-{who}")
        visit = Visit(source=str(chance.choice(["mail", "ad", "NA"]))) if chance.random() < 0.5 else None
        order = f"o-{turn}-{number}" if name == EventName.ORDER_COMPLETED else None
        events.append(replace(found, received_at=now, visit=visit, order_id=order))
    return events


def something_else(engine: Engine, chance: np.random.Generator, now: datetime, turn: int) -> None:
    """A shopper is recognised, moves, or is forgotten; the catalog changes."""
    who, device = f"user-{chance.integers(60)}", f"device-{60 + chance.integers(30)}"
    kind = (turn + int(chance.integers(2))) % 4
    if kind == 0:
        link = event(EventName.IDENTIFIED, who, now)
        ingest_events(engine, [replace(link, message_id=f"link-{turn}", anonymous_id=device)])
    elif kind == 1:
        move = event(EventName.IDENTIFIED, who, now)
        ingest_events(engine, [replace(move, message_id=f"move-{turn}", traits={"country": f"country {turn % 3}"})])
    elif kind == 2:
        forget_person(engine, f"user-{turn}")
    else:
        shelf = replace(product(turn), category=f"Shelf {chance.integers(9)}")
        import_catalog(engine, [[shelf, product(48 + turn)]], on_progress=lambda count: None)


@pytest.mark.parametrize("seed", range(4))
def test_many_refreshes_of_what_is_new_equal_one_of_everything(engine: Engine, seed: int) -> None:
    chance = np.random.default_rng(seed)
    assert refreshed(engine).is_whole
    for turn in range(8):
        now = wait(engine, minutes=float(chance.integers(1, 75)))
        something_else(engine, chance, now, turn)
        ingest_events(engine, some_events(chance, now, turn))
        report = refreshed(engine)
        assert not report.is_whole
        assert 0 < report.new < 200
    check_equals_whole(engine, report)


def test_little_news_write_little(engine: Engine) -> None:
    first = refreshed(engine)
    assert first.written == first.records
    now = wait(engine, minutes=15)
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-1", now, "P1")])
    second = refreshed(engine)
    assert not second.is_whole and second.new == 1
    assert 0 < second.written < first.written / 2
    check_equals_whole(engine, second)


def test_an_event_that_becomes_visible_after_later_ones_is_not_lost(engine: Engine) -> None:
    """Its transaction takes its number first and ends last, after two refreshes looked past it."""
    refreshed(engine)
    now = wait(engine, minutes=10)
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-2", now, "P9")])
    with transaction(engine.database) as slow:
        copy = (
            "INSERT INTO events (occurred_at, received_at, profile_id, source, message_id, name, payload)"
            " SELECT occurred_at - interval '1 minute', received_at, profile_id, source, 'slow', name,"
            " jsonb_set(payload, '{lines,0,product_id}', '\"P33\"') FROM events ORDER BY event_id DESC LIMIT 1"
        )
        slow.execute(statement(copy))
        for number in range(2):
            ingest_events(engine, [event(EventName.PRODUCT_VIEWED, f"user-{number}", wait(engine, minutes=5), "P1")])
            assert not refreshed(engine).is_whole
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-5", wait(engine, minutes=5), "P1")])
    last = refreshed(engine)
    assert last.new == 2
    check_equals_whole(engine, last)


def test_what_the_cache_lost_is_written_again(engine: Engine) -> None:
    refreshed(engine)
    engine.cache.delete([keys.product("P7"), keys.TRENDING])
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-40", wait(engine, minutes=15), "P41")])
    report = refreshed(engine)
    assert not report.is_whole
    assert engine.cache.find_missing([keys.product("P7"), keys.TRENDING]) == []
    check_equals_whole(engine, report)


def test_what_says_nothing_any_more_is_taken_out(engine: Engine) -> None:
    ingest_events(
        engine,
        [event(EventName.PRODUCT_VIEWED, "one-time", START - timedelta(minutes=1 + n // 10), f"P{n}") for n in (1, 77)],
    )
    refreshed(engine)
    assert engine.cache.find_missing([keys.product("P77")]) == []
    forget_person(engine, "one-time")
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-1", wait(engine, minutes=15), "P1")])
    report = refreshed(engine)
    assert not report.is_whole
    assert engine.cache.find_missing([keys.product("P77")]) == [keys.product("P77")]
    check_equals_whole(engine, report)


def test_of_two_workers_at_once_one_refreshes(engine: Engine) -> None:
    refreshed(engine)
    for turn in range(5):
        ingest_events(engine, [event(EventName.PRODUCT_VIEWED, f"user-{turn}", wait(engine, minutes=5), f"P{turn}")])
        with ThreadPoolExecutor(2) as workers:
            found = list(workers.map(lambda _: refresh(engine), range(2)))
        [report] = [one for one in found if one is not None]
        assert not report.is_whole and report.new == 1
    check_equals_whole(engine, report)


@pytest.mark.parametrize("mishap", ["old", "gone", "damaged", "trained", "another program"])
def test_without_a_usable_former_refresh_all_is_read(engine: Engine, mishap: str) -> None:
    refreshed(engine)
    store, folder = artifacts_of(engine), f"live/refresh/{facts(engine)['state']}"
    if mishap == "old":
        wait(engine, hours=13)
    elif mishap == "gone":
        store.remove(folder)
    elif mishap == "damaged":
        store.write(f"{folder}/rows.parquet", b"PAR1 and no more")
    elif mishap == "trained":
        challenge(engine, force=True)
    else:
        store.write(f"{folder}/facts.json", b'{"format": 0}')
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-1", wait(engine, minutes=5), "P1")])
    assert refreshed(engine).is_whole
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-1", wait(engine, minutes=5), "P1")])
    assert not refreshed(engine).is_whole


def test_one_state_is_kept(engine: Engine) -> None:
    for _ in range(3):
        ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-1", wait(engine, minutes=5), "P1")])
        refreshed(engine)
    assert artifacts_of(engine).folders("live/refresh") == [facts(engine)["state"]]


def test_a_turn_that_another_one_took_leaves_no_state(engine: Engine) -> None:
    """A worker that lost its lock in the middle, and another that began meanwhile: neither trusts what was written."""
    refreshed(engine)
    ingest_events(engine, [event(EventName.PRODUCT_VIEWED, "user-1", wait(engine, minutes=5), "P1")])
    with transaction(engine.database) as connection:
        take = (
            "CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF NEW.facts ? 'turn' THEN NEW.facts = NEW.facts || '{\"turn\": \"another\"}'; END IF; RETURN NEW; END $$"
        )
        connection.execute(statement(take))
        connection.execute(
            statement("CREATE TRIGGER taken BEFORE UPDATE ON heartbeats FOR EACH ROW EXECUTE FUNCTION taken()")
        )
    refreshed(engine)
    assert facts(engine)["state"] == ""

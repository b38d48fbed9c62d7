"""Due timers decided a second, with 100,000 to 10 million armed timers in PostgreSQL.

    python -m benchmarks.timers [--armed 1000000] [--due 20000] [--content] [--workers 2] [--limit 500]

Timers, profiles and states are written with generate_series; `--due` of them are due. Decided is: claim, gates,
decision and outbox row in one transaction. Without `--content` a mail is a fixed text, so that the figure is the
engine's own; with it, slates are chosen and templates rendered. Then: what re-arming writes (HOT updates), and how long
a sweep takes that finds nothing due.
"""

from __future__ import annotations

import argparse
import cProfile
import multiprocessing
import os
import pstats
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from campaigns.config import scaffold
from campaigns.domain.message import Accepted, OutboundMail, Outcome, RenderedEmail
from campaigns.pipeline import decide
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.deliver import deliver
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.outcome import DecideReport
from campaigns.pipeline.recommend import Recommended
from campaigns.storage.database import statement, transaction
from campaigns.storage.enrollments import touch
from triggers.events import Event, Line

SHOP = {"shop_id": "shop", "shop_name": "Shop", "shop_url": "https://shop.example", "currency": "EUR", "zone": "UTC"}
FILL = (
    "INSERT INTO profiles (profile_id, user_id, email, created_at, updated_at) SELECT n, 'f' || n,"
    " 'f' || n || '@shopper.example', now(), now() FROM generate_series(:first, :last) AS n",
    "INSERT INTO profile_states (profile_id, state, last_event_at, updated_at)"
    " SELECT n, s.state, s.last_event_at, now() FROM generate_series(:first, :first + :due - 1) AS n,"
    " (SELECT * FROM profile_states ORDER BY profile_id LIMIT 1) AS s",
    "INSERT INTO enrollments (campaign_id, campaign_version, profile_id, key, status, entered_at, last_activity_at,"
    " due_at, context) SELECT e.campaign_id, e.campaign_version, n, e.key, 'armed', e.entered_at, e.last_activity_at,"
    " CASE WHEN n < :first + :due THEN e.due_at ELSE now() + interval '1 day' + n * interval '1 ms' END, e.context"
    " FROM generate_series(:first, :last) AS n, (SELECT * FROM enrollments ORDER BY enrollment_id LIMIT 1) AS e",
)


def fill(engine: Engine, armed: int, due: int) -> None:
    """One shopper with a cart of three products through the engine, then copies of that shopper by the database. Only
    those whose timer is due get a state: nobody reads the others'."""
    at = datetime.now(UTC) - timedelta(hours=2)
    events = [
        Event("file", f"m{n}", name, at, at, user_id="u", email="u@shopper.example", lines=(Line(f"p{n}", 1, 900),))
        for n, name in enumerate(["Product Viewed"] * 6 + ["Product Added"] * 3)
    ]
    ingest_events(engine, events)
    with transaction(engine.database) as connection:
        connection.execute(statement("DELETE FROM enrollments WHERE campaign_id <> 'abandoned_cart'"))
    first, step = 1_000_000, 250_000
    for start in range(0, armed, step):
        last = first + min(start + step, armed) - 1
        with transaction(engine.database) as connection:
            for sql in FILL:
                values = {"first": first + start, "last": last, "due": min(max(0, due - start), step)}
                connection.execute(statement(sql), {k: v for k, v in values.items() if f":{k}" in sql})
    with engine.database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(statement("VACUUM ANALYZE"))
        connection.execute(statement("CHECKPOINT"))  # writing back what filling left is no part of the measurement


def without_content() -> None:
    """From here on every mail has the same text and no products."""
    mail = RenderedEmail("subject", "preheader", "<p>text</p>" * 200, "text" * 200)
    decide.__dict__["recommend_batch"] = lambda engine, connection, subjects: [Recommended({}, {})] * len(subjects)
    decide.__dict__["render_mail"] = lambda engine, subject, slates: mail


def decide_all(engine: Engine, limit: int) -> DecideReport:
    """Decides until nothing is due."""
    report = DecideReport()
    while (done := decide.decide_due(engine, limit=limit)).claimed:
        report.add(done)
    return report


def _worker(folder: Path, limit: int, content: bool, profile: bool, start: Any, results: Any) -> None:
    if not content:
        without_content()
    with open_engine(folder, environ={}) as engine:
        decide.decide_due(engine, until=datetime(2000, 1, 1, tzinfo=UTC))
        profiler = cProfile.Profile()
        start.wait()
        cpu = os.times()
        if profile:
            profiler.enable()
        report = decide_all(engine, limit)
        profiler.disable()
        now = os.times()
        results.put((report.claimed, now.user - cpu.user + now.system - cpu.system, dict(report.decisions)))
        if profile:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def decide_with(workers: int, folder: Path, limit: int, *, content: bool, profile: bool) -> None:
    """Worker processes decide all that is due; prints how fast."""
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(workers + 1), context.Queue()
    arguments = (folder, limit, content, profile, start, results)
    processes = [context.Process(target=_worker, args=arguments) for _ in range(workers)]
    for process in processes:
        process.start()
    start.wait()
    started = time.perf_counter()
    found = [results.get() for _ in processes]
    seconds = time.perf_counter() - started
    for process in processes:
        process.join()
    total, own = sum(one[0] for one in found), sum(one[1] for one in found)
    outcomes = sum((Counter(one[2]) for one in found), Counter())
    what = "with products and rendering" if content else "without content"
    print(f"{total:,} decided {what} by {workers} in {seconds:.1f} s: {total / seconds:,.0f}/s")
    print(f"processor time of the workers: {own:.1f} s ({total / own:,.0f}/s a core), the rest is PostgreSQL")
    print("outcomes: " + ", ".join(f"{count:,} {key[1]} {key[2]}" for key, count in outcomes.items()), flush=True)


def rearm(engine: Engine, every: int = 50) -> tuple[int, int, float]:
    """Touches one in `every` armed timers, as active shoppers do all over the table, 500 a statement; returns updates,
    HOT updates among them and the seconds."""
    chosen = "SELECT campaign_id, profile_id, key FROM enrollments WHERE due_at > now() AND profile_id % :every = 7"
    with transaction(engine.database) as connection:
        rows = connection.execute(statement(chosen), {"every": every})
        keys = [(row[0], row[1], row[2]) for row in rows]
    before, now = _updates(engine), datetime.now(UTC)
    started = time.perf_counter()
    for start in range(0, len(keys), 500):
        with transaction(engine.database) as connection:
            touch(connection, dict.fromkeys(keys[start : start + 500], (now, 1)))
    seconds = time.perf_counter() - started
    after = _updates(engine)
    return after[0] - before[0], after[1] - before[1], seconds


def _updates(engine: Engine) -> tuple[int, int]:
    """(updates, HOT updates) of the table so far; a backend's own are counted when it leaves."""
    engine.database.dispose()
    time.sleep(1)
    query = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'enrollments'"
    with transaction(engine.database) as connection:
        total, hot = connection.execute(statement(query)).one()
    return int(total), int(hot)


class _Nowhere:
    """A mailer that accepts everything at once."""

    def send(self, mails: Sequence[OutboundMail]) -> list[Outcome]:
        return [Accepted()] * len(mails)

    def close(self) -> None: ...


def hand_over(engine: Engine, together: int, most: int = 1_000) -> tuple[int, float]:
    """What a hand-over costs one sender without a mail server: a transaction and the last look for each mail."""
    sent, started = 0, time.perf_counter()
    while sent < most and (done := deliver(engine, _Nowhere(), limit=200, together=together)):
        sent += done.total()
    return sent, time.perf_counter() - started


def idle(engine: Engine, times: int = 50) -> float:
    """The median milliseconds of a sweep that finds nothing due."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        decide.decide_due(engine)
        taken.append((time.perf_counter() - started) * 1e3)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--armed", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=20_000)
    parser.add_argument("--limit", type=int, default=decide.LIMIT)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--content", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rekindle-bench-", ignore_cleanup_errors=True) as folder:
        workspace = scaffold(Path(folder) / "shop", **SHOP).workspace
        text = workspace.config_file.read_text(encoding="utf-8").replace('"21:00-08:00"', '"off"')
        workspace.config_file.write_text(text, encoding="utf-8")
        with open_engine(workspace.root, environ={}) as engine:
            apply_files(engine, read_campaign_files(workspace.campaigns, engine.templates), by="benchmark")
            started = time.perf_counter()
            fill(engine, options.armed, options.due)
            print(f"{options.armed:,} timers written in {time.perf_counter() - started:.0f} s", flush=True)
            decide_with(
                options.workers, workspace.root, options.limit, content=options.content, profile=options.profile
            )
            for together in (1, 10):
                sent, seconds = hand_over(engine, together)
                print(f"handed over by one sender, {together} a transaction: {sent / max(seconds, 1e-9):,.0f}/s")
            print(f"a sweep that finds nothing: {idle(engine):.2f} ms", flush=True)
            updates, hot, seconds = rearm(engine)
            print(f"re-arming: {updates:,} updates, {hot:,} of them HOT, {updates / seconds:,.0f}/s")


if __name__ == "__main__":
    main()

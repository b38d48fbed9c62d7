"""Emails a second from due timer to SMTP, everything on: `python -m benchmarks.end_to_end [--mails 6000]`.

A workspace as `init` makes it, with its own PostgreSQL and Redis. Shoppers of the built-in shop leave carts of one to
four products; the shipped abandoned-cart campaign arms their timers; slates are trained into Redis. Then `rekindle
worker` (as many processes as shipped) and `rekindle beat` run as they always do. One timer in `WARM` falls due first:
its mails compile the templates, which a shop pays once for each. The clock starts when all others fall due, and stops
when an SMTP server on loopback has taken the last mail. Processor time is that of all processes, so that a busy machine
can be seen: two idle cores have two seconds of it in a second.

`--profile` runs the stages in this process instead, one after the other, and shows where their time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

from campaigns.config import scaffold
from campaigns.delivery import mailer_from_url
from campaigns.demo.catalog import catalog
from campaigns.demo.shop import DemoShop
from campaigns.domain.product import Product
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.decide import decide_due
from campaigns.pipeline.deliver import deliver
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.importing import BATCH
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.refresh import train_and_publish
from campaigns.storage.database import statement, transaction
from campaigns.storage.messages import count_messages
from campaigns.storage.products import save_products
from triggers.events import Event, EventName, Line, Visit

CAMPAIGN = "abandoned_cart"
SHOP = {"shop_id": "shop", "shop_name": "Fern & Kettle", "shop_url": "https://fern-and-kettle.example", "zone": "UTC"}
EDITS = (('"21:00-08:00"', '"off"'), ("holdout_share = 0.10", "holdout_share = 0.0"))
LEFT_AGO = timedelta(minutes=55)
WARM = 5
_SETTLE_SECONDS = 3.0
_HOLD = statement("UPDATE enrollments SET due_at = due_at + interval '1 day' WHERE due_at IS NOT NULL")
_SET_FREE = statement(
    "UPDATE enrollments SET due_at = due_at - interval '1 day'"
    " WHERE step = 0 AND due_at > now() AND profile_id % :part = 0"
)


def visits(count: int, products: tuple[Product, ...], now: datetime, seed: int = 1) -> Iterator[Event]:
    """The doings of `count` shoppers: each says who it is, looks at products and leaves some of them in the cart."""
    chance = random.Random(seed)
    shown = [product for product in products if not product.hidden]
    for number in range(count):
        who, at = f"u{number}", now - LEFT_AGO + timedelta(seconds=chance.uniform(0, 120))
        traits = {"first_name": f"Name{number}", "email": f"{who}@shopper.example", "marketing_consent": True}
        visit = Visit(source="newsletter", medium="email", device="phone")
        email = f"{who}@shopper.example"
        yield Event("shop", f"{who}-i", EventName.IDENTIFIED, at, at, user_id=who, email=email, traits=traits)
        first = chance.randrange(len(shown))
        seen = [shown[(first + chance.randrange(30)) % len(shown)] for _ in range(chance.randint(3, 9))]
        names = [EventName.PRODUCT_VIEWED] * len(seen) + [EventName.PRODUCT_ADDED] * chance.randint(1, 4)
        for step, name in enumerate(names):
            at += timedelta(seconds=chance.uniform(2, 15))
            product = seen[step % len(seen)]
            line = Line(product.product_id, chance.choice([1, 1, 2]), product.price_minor, title=product.title)
            yield Event("shop", f"{who}-{step}", name, at, at, user_id=who, lines=(line,), visit=visit)


def prepare(engine: Engine, mails: int) -> None:
    """Catalog, campaigns, carts left behind, slates in Redis; the timers wait for the start."""
    files = read_campaign_files(engine.workspace.campaigns, engine.templates)
    apply_files(engine, files, by="benchmark")
    products = catalog(DemoShop())
    with transaction(engine.database) as connection:
        now = engine.now(connection)
        save_products(connection, products, now)
    events = list(visits(mails, products, now))
    for start in range(0, len(events), BATCH):
        ingest_events(engine, events[start : start + BATCH])
    with transaction(engine.database) as connection:
        connection.execute(_HOLD)
    report = train_and_publish(engine)
    print(f"{len(events):,} events in; slates of {report.profiles:,} shoppers in Redis", flush=True)


def set_free(engine: Engine, part: int = 1) -> int:
    """Lets the timers of every `part`-th shopper fall due; returns how many that were."""
    with transaction(engine.database) as connection:
        return connection.execute(_SET_FREE, {"part": part}).rowcount


def sink(port: Any, taken: Any, last: Any) -> None:
    """An SMTP server that takes every mail, counts it and remembers when the last one came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port.send(server.getsockname()[1])
        while True:
            connection, _ = server.accept()
            Thread(target=_converse, args=(connection, taken, last), daemon=True).start()


def _converse(connection: socket.socket, taken: Any, last: Any) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"220 sink\r\n")
    buffer, in_data = b"", False
    while chunk := connection.recv(1 << 18):
        buffer += chunk
        while True:
            head, mark, rest = buffer.partition(b"\r\n.\r\n" if in_data else b"\r\n")
            if not mark:
                break
            buffer, said = rest, head[:4].lower()
            if in_data:
                in_data = False
                with taken.get_lock():
                    taken.value += 1
                    last.value = time.time()
                connection.sendall(b"250 2.0.0 Ok: queued as X\r\n")
            elif said == b"data":
                in_data = True
                connection.sendall(b"354 go\r\n")
            else:
                connection.sendall(b"250-sink\r\n250 PIPELINING\r\n" if said == b"ehlo" else b"250 ok\r\n")


@dataclass(slots=True)
class Sink:
    """The mail server: where it listens, what it took, when the last mail came."""

    port: int
    pid: int
    taken: Any
    last: Any


@contextmanager
def running_sink() -> Iterator[Sink]:
    """The mail server, in a process of its own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    taken, last = context.Value("q", 0), context.Value("d", 0.0)
    process = context.Process(target=sink, args=(theirs, taken, last), daemon=True)
    process.start()
    try:
        yield Sink(ours.recv(), process.pid or 0, taken, last)
    finally:
        process.kill()


@contextmanager
def running_workers(folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """`rekindle worker` and `rekindle beat` on the workspace."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("REKINDLE_")}
    environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    command = [sys.executable, "-m", "campaigns.cli", "--workspace", str(folder)]
    children = [subprocess.Popen([*command, part], env=environ) for part in ("worker", "beat")]
    try:
        yield children
    finally:
        for child in children:
            child.send_signal(signal.SIGTERM)
        for child in children:
            child.wait(60)


def processor_seconds(folder: Path, workers: list[int], sink_pid: int) -> Counter[str]:
    """Processor time so far by who used it."""
    roots = {"workers": workers, "mail server": [sink_pid], **_servers(folder)}
    found: Counter[str] = Counter()
    for who, pids in roots.items():
        for pid in pids:
            root = psutil.Process(pid)
            for process in (root, *root.children(recursive=True)):
                try:
                    times = process.cpu_times()
                except psutil.NoSuchProcess:
                    continue
                found[who] += times.user + times.system
    return found


def _servers(folder: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {"PostgreSQL": [], "Redis": []}
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(folder) in line and "-D" in line and "postgres" in line:
            found["PostgreSQL"].append(process.pid)
        elif "redis-server" in line and process.pid != os.getpid() and _works_in(process, folder):
            found["Redis"].append(process.pid)
    return found


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return any(str(folder) in one.path for one in process.open_files()) or str(folder) in process.cwd()
    except psutil.Error:
        return False


def run(engine: Engine, sink_: Sink, most_seconds: float) -> None:
    """Starts the workers, sends the first mails, sets the other timers free and waits for the last mail."""
    folder = engine.workspace.root
    with running_workers(folder) as workers:
        warm = set_free(engine, WARM)
        _wait(sink_, warm, most_seconds)
        time.sleep(_SETTLE_SECONDS)
        pids = [worker.pid for worker in workers]
        before = processor_seconds(folder, pids, sink_.pid)
        count = set_free(engine)
        started = time.time()
        _wait(sink_, warm + count, most_seconds)
        seconds = sink_.last.value - started
        used = processor_seconds(folder, pids, sink_.pid)
        used.subtract(before)
    with transaction(engine.database) as connection:
        states = count_messages(connection)
    taken, total = sink_.taken.value - warm, sum(used.values())
    print(
        f"{taken:,} mails taken by the mail server {seconds:.1f} s after their timers were set free:"
        f" {taken / seconds:,.0f}/s"
    )
    print("processor time: " + ", ".join(f"{who} {took:.1f} s" for who, took in used.most_common()))
    print(f"that is {total / taken * 1e3:.2f} ms a mail: {2 * taken / total:,.0f}/s is what two free cores would do")
    print("messages: " + ", ".join(f"{count:,} {status}" for (_, status), count in states.items()))


def _wait(sink_: Sink, mails: int, most_seconds: float) -> None:
    ends_at = time.time() + most_seconds
    while sink_.taken.value < mails and time.time() < ends_at:
        time.sleep(0.05)


def profiled(work: Callable[[], object]) -> None:
    """Runs one stage with a profile."""
    profiler = cProfile.Profile()
    profiler.enable()
    work()
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


def run_here(engine: Engine, sink_: Sink, mails: int, *, profile: bool) -> None:
    """The stages in this process, one after the other."""
    mailer = mailer_from_url(engine.mailer_url, workspace=engine.workspace.root)
    set_free(engine)
    decide_due(engine, limit=200)  # templates compiled, statements prepared
    stages = {"decide": lambda: decide_due(engine).claimed, "deliver": lambda: deliver(engine, mailer).total()}
    for name, stage in stages.items():
        count = mails - 200 if name == "decide" else mails
        began, before = time.perf_counter(), processor_seconds(engine.workspace.root, [os.getpid()], sink_.pid)
        work = partial(_until_none, stage)
        profiled(work) if profile else work()
        used = processor_seconds(engine.workspace.root, [os.getpid()], sink_.pid)
        used.subtract(before)
        used["the clock"] = time.perf_counter() - began
        each = ", ".join(f"{took / count * 1e3:.2f} ms {who}" for who, took in used.most_common())
        print(f"{name}, a mail: {each}")
    print(f"{sink_.taken.value:,} mails taken")


def _until_none(work: Callable[[], int]) -> None:
    while work():
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=6_000)
    parser.add_argument("--most-seconds", type=float, default=300.0)
    parser.add_argument("--here", action="store_true", help="the stages in this process, one after the other")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="rekindle-bench-", ignore_cleanup_errors=True) as folder,
        running_sink() as mail,
    ):
        workspace = scaffold(Path(folder) / "shop", **SHOP).workspace
        text = workspace.config_file.read_text(encoding="utf-8")
        for old, new in EDITS:
            text = text.replace(old, new)
        mailer = f'mailer = "smtp://127.0.0.1:{mail.port}?starttls=0"\n'
        workspace.config_file.write_text(mailer + text, encoding="utf-8")
        file = workspace.campaigns / f"{CAMPAIGN}.yaml"
        file.write_text(file.read_text(encoding="utf-8").replace("after: 1h", "after: 5m"), encoding="utf-8")
        with open_engine(workspace.root, environ={}) as engine:
            prepare(engine, options.mails)
            if options.here or options.profile:
                run_here(engine, mail, options.mails, profile=options.profile)
            else:
                run(engine, mail, options.most_seconds)


if __name__ == "__main__":
    main()

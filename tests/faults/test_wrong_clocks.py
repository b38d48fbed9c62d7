"""Processes whose clock is wrong or jumps: the beat goes on, and times are those of the database."""

from __future__ import annotations

import ast
import random
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import pytest
import redis

import workers
from tests.faults.fleet import Fleet, Part, free_port, make_shifted_clock
from tests.pipeline.small_shop import added, open_shop
from workers.beat import MOST_WAITING

pytestmark = pytest.mark.servers
HOURS = 3600


def fleet_of(tmp_path: Path, environ: dict[str, str], *parts: Part) -> Fleet:
    """Parts whose clock is first right."""
    fleet = Fleet(tmp_path / "shop", environ, random.Random(1), tmp_path / "clock", make_shifted_clock(tmp_path))
    fleet.parts += parts
    fleet.clock_file.write_text("0", encoding="utf-8")
    return fleet


def wait_for(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.1)


def test_the_beat_goes_on_whatever_its_clock_says(tmp_path: Path, environ: dict[str, str]) -> None:
    with open_shop(tmp_path / "shop", environ):
        pass
    client = redis.Redis.from_url(environ["REKINDLE_REDIS_URL"])
    tuned = {**environ, "REKINDLE_WORKERS_SWEEP_INTERVAL": "1s", "REKINDLE_BROKER_URL": broker_of(environ)}
    fleet = fleet_of(tmp_path, tuned, Part("beat", ("beat",), is_shifted=True))
    fleet.start(fleet.parts[0])
    try:
        wait_for(lambda: client.llen("rekindle") >= 6, "the first wake-ups")
        for shift in (-3 * HOURS, 1000 * HOURS, -50 * HOURS):
            fleet.clock_file.write_text(str(shift), encoding="utf-8")
            time.sleep(1.5)
            before = client.llen("rekindle")
            wait_for(lambda: client.llen("rekindle") >= before + 6, f"wake-ups with a clock off by {shift} s")  # noqa: B023
        waiting = [orjson.loads(message)["headers"] for message in client.lrange("rekindle", 0, -1)]
        assert {headers["task"] for headers in waiting} >= {"rekindle.ingest", "rekindle.decide", "rekindle.deliver"}
        judged_by_clocks = {(headers["expires"], headers["eta"]) for headers in waiting}
        assert judged_by_clocks == {(None, None)}
        client.lpush("rekindle", *[b"{}"] * MOST_WAITING)
        time.sleep(1)
        before = client.llen("rekindle")
        time.sleep(3)
        assert client.llen("rekindle") == before  # the workers have enough to do
    finally:
        fleet.stop()


def test_no_task_is_ever_delayed_in_the_broker() -> None:
    """A delay longer than the broker's visibility timeout runs several times: timers are rows."""
    for file in sorted(Path(workers.__file__).parent.glob("*.py")):
        words = [node.arg for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.keyword)]
        assert not {"countdown", "eta"} & set(words), file.name


def test_an_event_is_received_when_the_database_says(tmp_path: Path, environ: dict[str, str]) -> None:
    with open_shop(tmp_path / "shop", environ) as shop:
        port = free_port()
        fleet = fleet_of(tmp_path, environ, Part("serve", ("serve", "--port", str(port)), is_shifted=True))
        fleet.clock_file.write_text(str(-5 * HOURS), encoding="utf-8")
        fleet.start(fleet.parts[0])
        key = shop.engine.settings.write_keys["website"].get_secret_value()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=(key, ""), timeout=5) as client:
                wait_for(lambda: answers(client), "the web process")
                assert client.post("/v1/batch", json={"batch": [added("mia", shop.now)]}).status_code == 200
        finally:
            fleet.stop()
        [(seconds,)] = shop.rows("SELECT extract(epoch FROM now() - received_at)::float FROM inbox")
        assert 0 <= seconds < 300


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def broker_of(environ: dict[str, str]) -> str:
    """The same Redis in the spelling of Celery."""
    return environ["REKINDLE_REDIS_URL"].replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")

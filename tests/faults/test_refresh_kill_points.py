"""A refresh of the recommendations that dies after any commit leaves what is right, and the next one heals all."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from campaigns.config import scaffold
from campaigns.pipeline.engine import open_engine
from campaigns.pipeline.ingest import ingest_events
from campaigns.pipeline.privacy import forget_person
from campaigns.pipeline.refresh import refresh
from tests.conftest import SHOP
from tests.faults.asking import ask
from tests.faults.stage_runner import DIED
from tests.recs.recs_shop import START, event, visits
from tests.recs.test_recs_refresh import check_equals_whole, said
from triggers.events import EventName

pytestmark = pytest.mark.servers
MOST_COMMITS = 30


def test_every_commit_of_a_refresh(
    tmp_path: Path, environ: dict[str, str], start_runner: Callable[..., subprocess.Popen[str]]
) -> None:
    root = scaffold(tmp_path / "shop", **SHOP).workspace.root
    with open_engine(root, environ=environ) as engine:
        engine.cache.clear()
        ingest_events(engine, visits(shoppers=24))
        assert refresh(engine) is not None
        runner = start_runner(root, environ)
        for number in range(1, MOST_COMMITS):
            known = set(said(engine))
            at = START + timedelta(minutes=10 * number)
            products = [f"P{(number + step) % 40}" for step in (0, 7, 15, 23)]
            visit = [event(EventName.PRODUCT_VIEWED, f"passing-{number}", at, one) for one in products]
            ingest_events(engine, [*visit, event(EventName.PRODUCT_VIEWED, "user-1", at, "P1")])
            status = ask(runner, f"run refresh after {number}")
            assert status in ("0", str(DIED))
            assert known <= set(said(engine))  # nothing is taken away in the middle
            forget_person(engine, f"passing-{number}")  # what a dead refresh wrote of them is to go again
            report = refresh(engine)
            if status == "0":
                break
            assert report is not None
            check_equals_whole(engine, report)
        assert 5 < number < MOST_COMMITS - 1

"""The small shop of the recommendations' tests, with its history imported, on real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaigns.clock import VirtualClock
from campaigns.config import Workspace
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import Engine, open_engine
from campaigns.pipeline.importing import import_catalog
from campaigns.pipeline.ingest import ingest_events
from tests.recs.recs_shop import PER_SHELF, SHELVES, START, product, visits


@pytest.fixture
def engine(workspace: Workspace, environ: dict[str, str]) -> Iterator[Engine]:
    with open_engine(workspace.root, clock=VirtualClock(START), environ=environ) as engine:
        engine.cache.clear()
        import_catalog(engine, [[product(n) for n in range(SHELVES * PER_SHELF)]], on_progress=lambda count: None)
        ingest_events(engine, visits())
        apply_files(engine, read_campaign_files(workspace.campaigns, engine.templates), by="test")
        yield engine

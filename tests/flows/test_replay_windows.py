"""Who is held out, what is decided and what is refused hang on the shopper and the events, on nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from campaigns.clock import VirtualClock
from campaigns.config import Workspace
from campaigns.delivery import maildir_url, mailer_from_url
from campaigns.demo.catalog import catalog
from campaigns.demo.days import day
from campaigns.demo.shop import DemoShop
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import World, open_engine
from campaigns.pipeline.importing import import_catalog
from campaigns.pipeline.replay import replay
from campaigns.storage.database import statement, transaction

pytestmark = pytest.mark.servers
SHOP = DemoShop(shopper_count=250)
_WHO = "(SELECT min(i.kind || ':' || i.value) FROM identities i WHERE i.profile_id = {}.profile_id)"
_DECIDED = statement(
    f"SELECT {_WHO.format('d')}, d.campaign_id, e.key, d.step, d.decided_at, d.outcome, d.reason FROM decisions d"
    " JOIN enrollments e USING (enrollment_id)"
)
_REFUSED = statement(f"SELECT {_WHO.format('r')}, r.campaign_id, r.key, r.reason, r.refused_at FROM start_refusals r")


def played(workspace: Workspace, environ: dict[str, str], out: Path, window: timedelta) -> tuple[Any, ...]:
    midnight = datetime.combine(SHOP.day, datetime.min.time(), UTC)
    clock = VirtualClock(midnight)
    with open_engine(workspace.root, world=World.REPLAY, fresh=True, clock=clock, environ=environ) as engine:
        import_catalog(engine, [list(catalog(SHOP))], on_progress=lambda count: None)
        apply_files(engine, read_campaign_files(workspace.campaigns, engine.templates), by="test")
        mailer = mailer_from_url(maildir_url(out), clock=clock)
        report = replay(engine, day(SHOP), mailer, until=midnight + timedelta(days=1), window=window)
        mailer.close()
        with transaction(engine.database) as connection:
            decided = Counter(tuple(row) for row in connection.execute(_DECIDED))
            refused = Counter(tuple(row) for row in connection.execute(_REFUSED))
        return decided, refused, report.ingest.counts["not started"]


def test_the_length_of_the_window_changes_nothing(
    workspace: Workspace, environ: dict[str, str], tmp_path: Path
) -> None:
    text = workspace.config_file.read_text(encoding="utf-8")
    assert "holdout_share = 0.10" in text
    workspace.config_file.write_text(text.replace("holdout_share = 0.10", "holdout_share = 0.5"), encoding="utf-8")
    short = played(workspace, environ, tmp_path / "short", timedelta(minutes=30))
    long = played(workspace, environ, tmp_path / "long", timedelta(hours=3))
    for one, other in zip(short[:2], long[:2], strict=True):
        assert (one - other, other - one) == (Counter(), Counter())
    assert short[2] == long[2]
    outcomes = Counter(row[5] for row in short[0].elements())
    assert outcomes["ghost"] >= 5 and outcomes["send"] >= 5, outcomes

"""What an engineer sees of events that were refused, and of those that could not be applied."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from campaigns.cli.main import cli
from campaigns.pipeline.ingest import ingest_inbox
from campaigns.storage.backlog_checks import check_backlog
from campaigns.storage.database import transaction
from campaigns.storage.findings import Verdict
from campaigns.storage.inbox import MAX_ATTEMPTS, RejectedEvent
from tests.pipeline.small_shop import Shop, added, identify

pytestmark = pytest.mark.servers


@pytest.fixture
def run(shop: Shop, environ: dict[str, str]):
    def call(*words: str) -> Result:
        runner = CliRunner(env=environ)
        return runner.invoke(cli, ["-w", str(shop.engine.workspace.root), *words], standalone_mode=False)

    return call


def verdicts(shop: Shop) -> dict[str, Verdict]:
    with transaction(shop.engine.database) as connection:
        return {finding.check: finding.verdict for finding in check_backlog(connection)}


def test_refused_events_are_counted_and_shown_newest_first(shop: Shop, run) -> None:
    assert "No event was refused." in run("events", "rejects").output
    for minutes, (source, reason) in enumerate(
        [("app", "no_identity"), ("website", "no_identity"), ("app", "too_large")]
    ):
        at = shop.now - timedelta(minutes=minutes)
        shop.inbox.add_rejects(source, at, [RejectedEvent(f"m{minutes}", reason, '{"event": "Odd\nOne"}')])
    shop.inbox.add_rejects("app", shop.ago(24 * 8), [RejectedEvent(None, "no_identity", "old")])
    told = run("events", "rejects").output
    assert told.index("m0") < told.index("m1") < told.index("m2")
    assert '{"event": "Odd One"}' in told
    assert "old" not in told
    asked = json.loads(run("--json", "events", "rejects", "--source", "app", "--since", "9d", "--limit", "1").output)
    assert [(one["reason"], one["count"]) for one in asked["counts"]] == [("no_identity", 2), ("too_large", 1)]
    assert [one["message_id"] for one in asked["newest"]] == ["m0"]
    assert verdicts(shop)["refused events"] is Verdict.ADVICE


def test_what_could_not_be_applied_is_shown_and_can_be_tried_again(shop: Shop, run) -> None:
    assert "Nothing is stuck." in run("events", "stuck").output
    shop.post(identify("mia", shop.ago(2)), added("mia", shop.ago(2), "poison"))
    shop.run("UPDATE inbox SET attempts = :n", n=MAX_ATTEMPTS)
    assert ingest_inbox(shop.engine).events == 0
    assert verdicts(shop)["stuck events"] is Verdict.PROBLEM
    assert "poison" in run("events", "stuck").output
    assert "1 batches are tried again" in run("events", "stuck", "--retry").output
    assert ingest_inbox(shop.engine).events == 2
    assert verdicts(shop) == {"events": Verdict.FINE}


def test_events_that_wait_for_workers_are_a_problem(shop: Shop) -> None:
    shop.post(identify("mia", shop.ago(2)))
    assert verdicts(shop) == {"events": Verdict.PROBLEM}
    shop.run("UPDATE inbox SET received_at = now()")
    assert verdicts(shop) == {"events": Verdict.FINE}

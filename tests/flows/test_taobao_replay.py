"""Real shop events through every stage: the counts are those of the rules' definitions, and the mails are valid."""

from __future__ import annotations

import csv
import json
import mailbox
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from campaigns.config import scaffold
from campaigns.pipeline.engine import World, open_engine
from campaigns.storage.database import statement, transaction
from tests.flows.taobao_count import count_first_steps, read

pytestmark = [pytest.mark.servers, pytest.mark.shared]


@pytest.fixture(scope="module")
def replayed(shared: Path, tmp_path_factory: pytest.TempPathFactory, rekindle) -> dict[str, Any]:
    """The Taobao file played once for all tests of this module."""
    folder = tmp_path_factory.mktemp("taobao")
    file = shared / "data" / "taobao_userbehavior.csv.gz"
    workspace = scaffold(
        folder / "shop", shop_id="taobao", shop_name="Taobao", shop_url="https://shop.example"
    ).workspace
    by_day_and_night = workspace.config_file.read_text(encoding="utf-8").replace('"21:00-08:00"', '"off"')
    by_day_and_night = 'base_url = "https://mail.shop.example"\n' + by_day_and_night
    workspace.config_file.write_text(by_day_and_night, encoding="utf-8")  # a mail that waits may lose its reason
    out = folder / "mail"
    done = rekindle("-w", folder / "shop", "--json", "replay", file, "--out", out)
    assert done.returncode == 0, done.stderr
    return {"file": file, "workspace": folder / "shop", "out": out, **json.loads(done.stdout)}


@pytest.fixture(scope="module")
def first_steps(replayed: dict[str, Any]) -> pd.DataFrame:
    """The engine's first decision about each enrollment."""
    query = statement(
        "SELECT d.campaign_id AS campaign, p.user_id AS user, extract(epoch FROM min(d.due_at))::bigint AS at"
        " FROM decisions d JOIN profiles p USING (profile_id) WHERE d.step = 1 AND d.reason <> 'exited'"
        " GROUP BY d.enrollment_id, 1, 2"
    )
    with (
        open_engine(replayed["workspace"], world=World.REPLAY, environ={}) as engine,
        transaction(engine.database) as connection,
    ):
        return pd.DataFrame(connection.execute(query).mappings().all())


def test_every_first_step_falls_due_as_the_rules_say(replayed: dict[str, Any], first_steps: pd.DataFrame) -> None:
    expected = Counter((f.campaign, str(f.user), f.at) for f in count_first_steps(read(replayed["file"])))
    found = Counter(zip(first_steps["campaign"], first_steps["user"], first_steps["at"], strict=True))
    assert sum(expected.values()) > 2_500
    assert found == expected


def test_events_and_rejects_add_up(replayed: dict[str, Any]) -> None:
    rejected = replayed["rejected"]
    with Path(replayed["rejects_file"]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert replayed["events"] == len(read(replayed["file"])) == 84_440
    assert len(rows) == sum(rejected.values()) == 36
    assert rejected == {"wild_time": 35, "wrong_value_count": 1}
    assert all(int(row["line"]) > 0 and row["reason"] for row in rows)


def test_every_mail_that_was_sent_is_a_valid_message(replayed: dict[str, Any]) -> None:
    sent = sum(row["count"] for row in replayed["messages"] if row["status"] == "sent")
    box = mailbox.Maildir(replayed["out"], create=False)
    assert len(box) == sent > 1_000
    campaigns = Counter()
    for key in list(box.keys())[::25]:
        mail = message_from_bytes(box.get_bytes(key), policy=policy.default)
        assert not mail.defects
        assert mail["Subject"] and mail["To"].addresses[0].domain == "shoppers.example"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        html = mail.get_body(("html",)).get_content()
        assert "</html>" in html and "{{" not in html and "{%" not in html
        assert mail.get_body(("plain",)).get_content().strip()
        campaigns[str(mail["Feedback-ID"]).split(":")[0]] += 1
    assert len(campaigns) == 3


def test_every_decision_has_a_documented_reason(replayed: dict[str, Any]) -> None:
    documented = (Path(__file__).parents[2] / "docs" / "decisions-and-reasons.md").read_text(encoding="utf-8")
    assert all(f"`{row['reason']}`" in documented for row in replayed["decisions"])


def test_ghosts_are_about_a_tenth_of_those_who_passed_every_gate(replayed: dict[str, Any]) -> None:
    by_outcome = Counter()
    for row in replayed["decisions"]:
        if row["campaign"] != "post_purchase":  # its thanks belong to the order: nobody is held out
            by_outcome[row["outcome"]] += row["count"]
    share = by_outcome["ghost"] / (by_outcome["ghost"] + by_outcome["send"])
    assert 0.05 < share < 0.16


def test_a_second_replay_gives_the_same_numbers(replayed: dict[str, Any], rekindle) -> None:
    again = rekindle(
        "-w", replayed["workspace"], "--json", "replay", replayed["file"], "--until", "2017-11-27", timeout=300
    )
    once_more = rekindle(
        "-w", replayed["workspace"], "--json", "replay", replayed["file"], "--until", "2017-11-27", timeout=300
    )
    first, second = json.loads(again.stdout), json.loads(once_more.stdout)
    for document in (first, second):
        document.pop("seconds")
    assert first == second
    assert first["decisions"]

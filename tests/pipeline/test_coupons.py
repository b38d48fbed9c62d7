"""Coupons: a code of its own for each message, through crashes, refusals and doubts, and none for those held out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns.cli.main import cli
from campaigns.clock import VirtualClock
from campaigns.domain.coupon import make_code
from campaigns.domain.message import Accepted, Rejected, Uncertain
from campaigns.pipeline import decide as decide_stage
from campaigns.pipeline.alarms import read_alarms
from campaigns.pipeline.coupon_pools import keep_codes, make_codes, read_pools, say_pool
from campaigns.pipeline.decide import decide_due
from campaigns.pipeline.deliver import expire
from campaigns.pipeline.report import report
from campaigns.pipeline.tidy import tidy
from campaigns.pipeline.why import tell
from campaigns.rendering import TemplateStore, shipped_templates
from campaigns.storage.coupons import hold_free
from campaigns.storage.database import transaction
from campaigns.storage.files.coupons import CodeLine
from campaigns.storage.messages import find_message
from campaigns.web.outbox_inbox import OutboxInbox
from tests.pipeline.small_shop import Postbox, Shop, added, identify, open_shop, ordered
from tests.pipeline.test_deliver import lose_sender

pytestmark = pytest.mark.servers


@contextmanager
def coupon_shop(tmp_path: Path, environ: dict[str, str], coupon: str = "pool: spring", **more: str) -> Iterator[Shop]:
    """A shop whose first mail about a cart carries a coupon."""
    step = ("    template: abandoned_cart\n", f"    template: abandoned_cart_last_call\n    coupon: {{{coupon}}}\n")
    edits = [step, ("policy:\n", more.pop("policy", "policy:\n"))]
    with open_shop(tmp_path / "shop", environ, *edits, **more) as shop:
        yield shop


@pytest.fixture
def shop(tmp_path: Path, environ: dict[str, str]) -> Iterator[Shop]:
    with coupon_shop(tmp_path, environ, "pool: spring, description: 10 % off, valid_for: 7d") as found:
        yield found


def fill(shop: Shop, *codes: str, expires_at: datetime | None = None) -> None:
    keep_codes(shop.engine, "spring", [CodeLine(code, expires_at) for code in codes])


def arm(shop: Shop, *people: str) -> None:
    for who in people:
        shop.send(identify(who, shop.ago(2)), added(who, shop.ago(2)))


def carried(shop: Shop) -> dict[str, str]:
    """Shopper -> code."""
    sql = (
        "SELECT p.user_id, c.code FROM coupon_codes c JOIN messages m USING (message_ref)"
        " JOIN profiles p USING (profile_id)"
    )
    return {row[0]: row[1] for row in shop.rows(sql)}


def statuses(shop: Shop) -> dict[str, str]:
    return {row[0]: row[1] for row in shop.rows("SELECT code, status FROM coupon_codes ORDER BY code_id")}


def test_each_mail_carries_a_code_of_its_own_and_says_until_when(shop: Shop) -> None:
    fill(shop, "AAA-1", "BBB-2", "CCC-3")
    arm(shop, "mia", "ida")
    shop.decide()
    codes = carried(shop)
    assert sorted(codes) == ["ida", "mia"] and set(codes.values()) == {"AAA-1", "BBB-2"}
    assert statuses(shop)["CCC-3"] == "free"
    [(ref, until, at)] = shop.rows(
        "SELECT c.message_ref, c.valid_until, m.created_at FROM coupon_codes c JOIN messages m USING (message_ref)"
        " JOIN profiles p USING (profile_id) WHERE p.user_id = 'mia'"
    )
    assert until == at + timedelta(days=7)
    with transaction(shop.engine.database) as connection:
        found = find_message(connection, ref)
    assert found is not None
    for part in (found[1].html, found[1].text):
        assert codes["mia"] in part and "10 % off" in part and codes["ida"] not in part


def test_an_empty_pool_skips_the_mail_with_a_reason_and_an_alarm(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    fill(shop, "LAST-1")
    arm(shop, "mia", "ida")
    shop.decide()
    assert sorted(reason for _, _, _, reason in shop.decisions()) == ["no_coupon", "passed"]
    assert "no coupon code is left in the pool spring" in caplog.text
    with transaction(shop.engine.database) as connection:
        campaigns = shop.engine.campaigns.read(connection).current.values()
        [found] = read_pools(connection, campaigns, shop.engine.now(connection))
    assert found.is_empty and found.used_by == ("abandoned_cart/reminder",)
    assert say_pool(found) == "the pool spring is empty: abandoned_cart/reminder cannot hand out a code"


def test_a_step_may_go_out_without_its_coupon(tmp_path: Path, environ: dict[str, str]) -> None:
    with coupon_shop(tmp_path, environ, "pool: spring, when_empty: fold") as shop:
        arm(shop, "mia")
        shop.decide()
        assert shop.statuses() == ["queued"] and carried(shop) == {}


def test_ghosts_take_no_code_and_are_skipped_where_a_mail_would_have_been(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with coupon_shop(tmp_path, environ, holdout="0.5") as shop:
        fill(shop, *(f"CODE-{number}" for number in range(30)))
        people = [f"u{number}" for number in range(24)]
        arm(shop, *people)
        shop.decide()
        outcomes = [outcome for _, _, outcome, _ in shop.decisions()]
        ghosts = outcomes.count("ghost")
        assert 4 <= ghosts <= 20
        assert len(carried(shop)) == 24 - ghosts
        assert list(statuses(shop).values()).count("free") == 30 - (24 - ghosts)
        shop.run("DELETE FROM coupon_codes WHERE status = 'free'")
        arm(shop, *(f"v{number}" for number in range(12)))
        shop.decide()
        late = shop.rows("SELECT outcome, reason FROM decisions ORDER BY decision_id DESC LIMIT 12")
        assert {tuple(row) for row in late} == {("skip", "no_coupon")}


def test_codes_made_by_a_pattern_never_run_out_and_cannot_be_told_without_the_secret(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with coupon_shop(tmp_path, environ, "pool: spring, pattern: 'SPRING-####-####'") as shop:
        fill(shop, "OWN-1")
        arm(shop, "mia", "ida", "eve")
        shop.decide()
        codes = set(carried(shop).values())
        made = codes - {"OWN-1"}
        assert len(codes) == 3 and len(made) == 2 and "OWN-1" in codes
        assert all(code.startswith("SPRING-") and len(code) == 16 for code in made)
        refs = [row[0] for row in shop.rows("SELECT message_ref FROM coupon_codes WHERE code <> 'OWN-1'")]
        guessed = {make_code(b"another secret", "SPRING-####-####", "spring", ref, "0") for ref in refs}
        assert not guessed & made


def test_a_worker_that_dies_takes_no_code_and_its_successor_gives_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shop, "AAA-1")
    arm(shop, "mia")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(decide_stage, "write_outcomes", die)
        with pytest.raises(KeyboardInterrupt):
            decide_due(shop.engine)
    assert statuses(shop) == {"AAA-1": "free"}
    shop.decide()
    shop.decide()
    assert carried(shop) == {"mia": "AAA-1"}


def test_a_mail_that_cannot_be_made_takes_no_code_and_raises_an_alarm(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    fill(shop, "AAA-1")
    folder = shop.engine.workspace.templates / "emails" / "abandoned_cart_last_call"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("{{ cart.lines[99].title }}", encoding="utf-8")
    folders = [folder.parent, shipped_templates()]
    shop.engine = replace(shop.engine, templates=TemplateStore(folders, links=shop.engine.links))
    arm(shop, "mia")
    shop.decide()
    assert [reason for _, _, _, reason in shop.decisions()] == ["template_failed"]
    assert statuses(shop) == {"AAA-1": "free"}
    failed, low = read_alarms(shop.engine)
    template = "(template abandoned_cart_last_call)"
    assert failed.line.startswith(f"1 mail of abandoned_cart, step 1 {template} could not be made")
    assert "99" in failed.line
    tidy(shop.engine)
    assert [record.levelname for record in caplog.records if "abandoned_cart, step 1" in record.message] == ["ERROR"]
    assert [alarm.is_urgent for alarm in OutboxInbox(shop.engine).list_alarms()] == [True, False]
    assert failed.is_urgent and not low.is_urgent and low.line.startswith("the pool spring is low: 1 codes left")


@pytest.mark.parametrize("what", ["withdrawn", "failed"])
def test_the_code_of_a_mail_that_nobody_got_goes_to_somebody_else(shop: Shop, what: str) -> None:
    fill(shop, "AAA-1")
    arm(shop, "mia")
    shop.decide()
    if what == "withdrawn":
        shop.send(ordered("mia", shop.ago(0)))
        assert shop.deliver(Postbox()) == {"withdrawn": 1}
    else:
        assert shop.deliver(Postbox(Rejected(permanent=True, detail="550 no"))) == {"failed": 1}
    assert statuses(shop) == {"AAA-1": "free"} and carried(shop) == {}
    arm(shop, "ida")
    shop.decide()
    assert carried(shop) == {"ida": "AAA-1"}


def test_the_code_of_a_mail_that_may_have_been_read_is_never_given_again(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    twice = "policy:\n  delivery: at_least_once\n"
    with coupon_shop(tmp_path, environ, policy=twice) as shop:
        fill(shop, "AAA-1", "BBB-2")
        arm(shop, "mia", "ida")
        shop.decide()
        shop.deliver(Postbox(Uncertain("the line went dead"), Accepted()))
        shop.run("UPDATE messages SET not_before = NULL")
        lost = Rejected(permanent=True, detail="550 no")
        assert shop.deliver(Postbox(lost)) == {"failed": 1}
        assert set(statuses(shop).values()) == {"reserved"} and len(carried(shop)) == 2


def test_a_sender_that_died_in_the_middle_keeps_its_codes_reserved(tmp_path: Path, environ: dict[str, str]) -> None:
    twice = "policy:\n  delivery: at_least_once\n"
    with coupon_shop(tmp_path, environ, policy=twice) as shop:
        fill(shop, "AAA-1", "BBB-2")
        arm(shop, "mia", "ida")
        shop.decide()
        lose_sender(shop, begun=1)
        assert dict(expire(shop.engine)) == {"queued": 2}
        shop.send(ordered("mia", shop.ago(0)), ordered("ida", shop.ago(0)))
        assert shop.deliver(Postbox()) == {"withdrawn": 2}
        assert sorted(statuses(shop).values()) == ["free", "reserved"]


def test_an_order_marks_its_code_as_used_and_why_and_report_tell(shop: Shop) -> None:
    fill(shop, "AAA-1", "BBB-2", "GIVEN-AWAY")
    arm(shop, "mia")
    shop.decide()
    shop.deliver(Postbox())
    shop.send(ordered("mia", shop.ago(0), "o-77", coupon="aaa-1"), ordered("eve", shop.ago(0), coupon="given-away"))
    shop.send(ordered("ida", shop.ago(0), "o-78", coupon="AAA-1"), ordered("ida", shop.ago(0), coupon="SUMMER"))
    assert statuses(shop) == {"AAA-1": "redeemed", "BBB-2": "free", "GIVEN-AWAY": "redeemed"}
    [line] = [moment.text for moment in tell(shop.engine, "mia").moments if "went to" in moment.text]
    assert "It carries the coupon code AAA-1 (spring, valid until" in line
    assert line.endswith("it was used with order o-77.")
    [sums] = report(shop.engine, "abandoned_cart", length=timedelta(days=1)).coupons
    assert tuple(sums) == ("spring", 1, 1, 4990)
    arm(shop, "zoe")
    shop.decide()
    assert carried(shop)["zoe"] == "BBB-2"


def test_codes_that_end_soon_stay_where_they_are_and_an_earlier_end_is_told(shop: Shop) -> None:
    soon, later = shop.now + timedelta(hours=20), shop.now + timedelta(days=3)
    fill(shop, "OVER-1", expires_at=soon)
    fill(shop, "LATER-2", expires_at=later)
    arm(shop, "mia")
    shop.decide()
    assert carried(shop) == {"mia": "LATER-2"}
    assert shop.rows("SELECT valid_until FROM coupon_codes WHERE code = 'LATER-2'") == [(later,)]


def test_the_last_codes_in_another_workers_hands_are_waited_for(shop: Shop) -> None:
    fill(shop, "AAA-1")
    arm(shop, "mia")
    with transaction(shop.engine.database) as connection:
        assert hold_free(connection, "spring", 5, lives_until=shop.now)
        worker = threading.Thread(target=decide_due, args=(shop.engine,))
        worker.start()
        worker.join()
        assert shop.decisions() == []
    shop.run("UPDATE enrollments SET due_at = now() WHERE due_at IS NOT NULL")
    shop.decide()
    assert carried(shop) == {"mia": "AAA-1"}


def test_workers_side_by_side_hand_out_every_code_once(shop: Shop) -> None:
    people = [f"u{number}" for number in range(40)]
    fill(shop, *(f"CODE-{number}" for number in range(60)))
    arm(shop, *people)

    def work() -> None:
        while decide_due(shop.engine, limit=5).claimed:
            pass

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    codes = carried(shop)
    assert len(codes) == 40 and len(set(codes.values())) == 40


def test_a_replay_makes_codes_up_where_its_own_schema_has_none(tmp_path: Path, environ: dict[str, str]) -> None:
    clock = VirtualClock(datetime.now(UTC))
    with coupon_shop(tmp_path, environ, clock=clock) as shop:
        arm(shop, "mia")
        decide_due(shop.engine, until=clock.now())
        [code] = carried(shop).values()
        assert code.startswith("SPRING-") and len(code) == 15


def test_made_codes_are_all_different_and_a_guessable_pattern_is_refused(shop: Shop) -> None:
    codes = make_codes(shop.engine, "spring", "S-########", 6_000)
    assert len(set(codes)) == 6_000 == len(statuses(shop))
    with pytest.raises(Exception, match='has 4 "#"'):
        make_codes(shop.engine, "spring", "SPRING-####", 1)


def test_a_file_of_codes_is_imported_and_repeats_are_refused_with_their_line(
    shop: Shop, tmp_path: Path, environ: dict[str, str]
) -> None:
    from click.testing import CliRunner

    root = str(shop.engine.workspace.root)
    file = tmp_path / "codes.csv"
    file.write_text("code,expires_at\nA-1,2031-01-01\nB-2,\na-1,\n,\nC 3,\nD-4,soon\n", encoding="utf-8")
    bare = tmp_path / "bare.txt"
    bare.write_text("E-5\nB-2\n", encoding="utf-8")
    runner = CliRunner(env={**environ})
    done = runner.invoke(cli, ["-w", root, "import", "coupons", "spring", str(file)])
    assert done.exit_code == 0, done.output
    assert "2 codes for spring imported." in done.output
    rejects = (shop.engine.workspace.rejects / "codes.csv.rejects.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[:2] for line in rejects[1:]] == [
        ["4", "repeated_code"],
        ["5", "missing_value"],
        ["6", "bad_value"],
        ["7", "unreadable_time"],
    ]
    done = runner.invoke(cli, ["-w", root, "import", "coupons", "spring", str(bare)])
    assert "1 codes for spring imported." in done.output and "1 rows were refused (1 repeated_code)" in done.output
    assert sorted(statuses(shop)) == ["A-1", "B-2", "E-5"]
    done = runner.invoke(cli, ["-w", root, "coupons", "export", "spring", "--status", "free"])
    assert done.output.splitlines()[1].startswith("spring,A-1,free,2031-01-01T00:00:00+00:00,")
    done = runner.invoke(cli, ["-w", root, "doctor"])
    assert "advice   coupons: the pool spring is low: 3 codes left" in done.output
    done = runner.invoke(cli, ["-w", root, "coupons", "list"])
    assert "abandoned_cart/reminder" in done.output and "the pool spring is low: 3 codes left" in done.output

"""A stage that dies right before or right after any of its commits, started again, keeps every promise."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.delivery import mailer_from_url
from campaigns.pipeline.coupon_pools import keep_codes
from campaigns.pipeline.deliver import deliver, expire
from campaigns.pipeline.ingest import ingest_inbox
from campaigns.storage.files.coupons import CodeLine
from tests.faults.asking import ask
from tests.faults.checker import Mailbox, check_every_timer_decided, check_nobody_mailed_twice, check_nothing_lost
from tests.faults.stage_runner import DIED
from tests.pipeline.small_shop import Shop, added, identify, open_shop

pytestmark = pytest.mark.servers
PEOPLE = 3
CODES = 500
WITH_COUPON = ("    template: abandoned_cart\n", "    template: abandoned_cart_last_call\n    coupon: {pool: spring}\n")
LATEST_COMMIT = {"ingest": 3, "decide": 2, "deliver": 2 + PEOPLE, "expire": 2}
"""One more than each stage makes: the last kill point of a stage is one that is never reached."""


def test_every_commit_of_every_stage(
    tmp_path: Path,
    environ: dict[str, str],
    mailbox: tuple[Mailbox, str],
    start_runner: Callable[..., subprocess.Popen[str]],
) -> None:
    box, url = mailbox
    environ |= {"REKINDLE_MAILER": url}
    acknowledged: list[str] = []
    in_doubt = 0
    with open_shop(tmp_path / "shop", environ, WITH_COUPON) as shop:
        keep_codes(shop.engine, "spring", [CodeLine(f"CODE-{number}", None) for number in range(CODES)])
        runner = start_runner(tmp_path / "shop", environ)
        for stage, latest in LATEST_COMMIT.items():
            for moment in ("before", "after"):
                reached = 0
                for number in range(1, latest + 1):
                    acknowledged += post(shop, f"{stage}-{moment}-{number}")
                    prepare(shop, stage, url)
                    status = ask(runner, f"run {stage} {moment} {number}")
                    assert status in ("0", str(DIED))
                    reached += status == str(DIED)
                    recover(shop, url)
                    check_nothing_lost(shop.rows, acknowledged)
                    check_every_timer_decided(shop.rows)
                    in_doubt_before, most = in_doubt, in_doubt + 1
                    in_doubt = check_nobody_mailed_twice(shop.rows, box, most_in_doubt=most)
                    assert in_doubt == in_doubt_before or stage in ("deliver", "expire")
                    check_every_mail_has_its_code(shop)
                assert reached >= 1, f"{stage} has no kill point"
    people = len(acknowledged) // 2
    assert people - in_doubt <= len(box.mails) <= people


def check_every_mail_has_its_code(shop: Shop) -> None:
    """One code a message, none without a message, and the rest free."""
    [(mails, carrying, taken, free)] = shop.rows(
        "SELECT count(m.message_id), count(c.code_id), (SELECT count(*) FROM coupon_codes WHERE status <> 'free'),"
        " (SELECT count(*) FROM coupon_codes WHERE status = 'free') FROM messages m"
        " LEFT JOIN coupon_codes c USING (message_ref)"
    )
    assert mails == carrying == taken and taken + free == CODES


def post(shop: Shop, name: str) -> list[str]:
    messages = []
    for number in range(PEOPLE):
        who = f"{name}-{number}"
        messages += [identify(who, shop.ago(2)), added(who, shop.ago(2))]
    shop.post(*messages)
    return [message["messageId"] for message in messages]


def prepare(shop: Shop, stage: str, url: str) -> None:
    """Runs the stages before the one that is to die; before `expire`, a sender is lost in the middle of its work."""
    if stage != "ingest":
        ingest_inbox(shop.engine)
    if stage in ("deliver", "expire"):
        shop.decide()
    if stage == "expire":
        shop.run("UPDATE messages SET status = 'sending', lease_until = now() - interval '1 s' WHERE status = 'queued'")


def recover(shop: Shop, url: str) -> None:
    """What the next beats do, once leases have run out."""
    mailer = mailer_from_url(url)
    while ingest_inbox(shop.engine).batches:
        pass
    shop.decide()
    shop.run("UPDATE messages SET lease_until = now() - interval '1 s' WHERE status = 'sending'")
    expire(shop.engine)
    while deliver(shop.engine, mailer):
        pass
    mailer.close()

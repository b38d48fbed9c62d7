"""Decide: whatever comes of a due timer is a row with a reason and the facts, and the enrollment goes on from there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from campaigns.storage.campaigns import set_campaign_status
from campaigns.storage.database import transaction
from campaigns.storage.suppressions import suppress
from tests.pipeline.small_shop import Postbox, Shop, added, identify, open_shop, ordered, track

pytestmark = pytest.mark.servers


def last_decision(shop: Shop) -> tuple[str, str, Mapping[str, object]]:
    [row] = shop.rows("SELECT outcome, reason, facts FROM decisions ORDER BY decision_id DESC LIMIT 1")
    return row[0], row[1], row[2]


def timer(shop: Shop) -> tuple[object, ...]:
    [row] = shop.rows("SELECT status, step, due_at, exit_reason FROM enrollments WHERE campaign_id = 'abandoned_cart'")
    return tuple(row)


def test_a_due_cart_is_decided_with_facts_a_slate_and_a_message(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(2)), added("mia", shop.ago(2)))
    assert shop.decide() == 1
    outcome, reason, facts = last_decision(shop)
    assert (outcome, reason, facts["email"]) == ("send", "passed", "mia@shopper.example")
    [(slates,)] = shop.rows("SELECT slates FROM decisions")
    assert "recommendations" in slates
    assert timer(shop)[:2] == ("active", 1)
    assert shop.decide() == 0


def test_each_gate_leaves_its_reason(shop: Shop) -> None:
    shop.send(identify("ann", shop.ago(2)), added("ann", shop.ago(2)))
    shop.send(identify("ben", shop.ago(2), marketing_consent=False), added("ben", shop.ago(2)))
    shop.send(added("anon-nobody", shop.ago(2)))
    shop.send(identify("cas", shop.ago(40)), added("cas", shop.ago(40)))
    shop.send(ordered("dan", shop.ago(3)), identify("dan", shop.ago(3)), added("dan", shop.ago(2)))
    with transaction(shop.engine.database) as connection:
        suppress(connection, "ann@shopper.example", reason="manual", now=shop.now)
    shop.decide()
    found = {
        row[0]: row[1]
        for row in shop.rows(
            "SELECT coalesce(p.user_id, 'nobody'), d.reason FROM decisions d JOIN profiles p USING (profile_id)"
            " WHERE d.campaign_id = 'abandoned_cart' AND d.step = 1"
        )
    }
    assert found == {
        "ann": "suppressed",
        "ben": "no_consent",
        "nobody": "no_address",
        "cas": "too_late",
        "dan": "recent_order",
    }
    steps = {
        row[0]: (row[1], row[2])
        for row in shop.rows(
            "SELECT p.user_id, e.status, e.step FROM enrollments e JOIN profiles p USING (profile_id)"
            " WHERE e.campaign_id = 'abandoned_cart' AND p.user_id IN ('ann', 'cas', 'dan')"
        )
    }
    assert steps == {"ann": ("exited", 1), "cas": ("active", 2), "dan": ("active", 1)}


def test_a_ghost_keeps_its_slate_and_gets_no_message(tmp_path: Path, environ: dict[str, str]) -> None:
    with open_shop(tmp_path / "shop", environ, holdout="0.5") as shop:
        for number in range(24):
            shop.send(identify(f"u{number}", shop.ago(2)), added(f"u{number}", shop.ago(2)))
        shop.decide()
        ghosts = shop.rows("SELECT slates FROM decisions WHERE outcome = 'ghost'")
        assert 4 <= len(ghosts) <= 20
        assert all(row[0]["recommendations"] for row in ghosts)
        assert len(shop.statuses()) == 24 - len(ghosts)


def test_a_deferred_timer_moves_and_stays_armed(tmp_path: Path, environ: dict[str, str]) -> None:
    closed = ("policy:\n", "policy:\n  send_days: [%s]\n")
    with open_shop(tmp_path / "shop", environ) as probe:
        weekday = (probe.now.weekday() + 3) % 7
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    edit = (closed[0], closed[1] % names[weekday])
    late = ("max_late: 24h", "max_late: 30d")
    with open_shop(tmp_path / "other", environ, edit, late) as shop:
        shop.send(identify("mia", shop.ago(2)), added("mia", shop.ago(2)))
        shop.decide()
        [(outcome, reason, until)] = shop.rows("SELECT outcome, reason, until FROM decisions")
        assert (outcome, reason) == ("defer", "send_window")
        assert timer(shop) == ("armed", 0, until, None)
        assert shop.statuses() == []


def test_the_same_address_on_two_profiles_is_mailed_once(shop: Shop) -> None:
    for who in ("mia", "mia-again"):
        shop.send(identify(who, shop.ago(2), email="mia@shopper.example"), added(who, shop.ago(2)))
    shop.decide()
    assert sorted(reason for _, _, _, reason in shop.decisions()) == ["address_mailed", "passed"]
    assert shop.statuses() == ["queued"]


def test_timers_of_a_paused_campaign_wait_and_of_a_retired_one_end_with_a_decision(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(2)), added("mia", shop.ago(2)))
    set_status(shop, "paused")
    assert shop.decide() == 0
    set_status(shop, "retired")
    assert shop.decide() == 1
    outcome, reason, facts = last_decision(shop)
    assert (outcome, reason, facts["exit_reason"]) == ("skip", "exited", "campaign_retired")
    assert timer(shop)[0] == "exited"


def test_one_mail_that_cannot_be_made_holds_up_no_other(shop: Shop, monkeypatch) -> None:
    from campaigns.pipeline import decide

    real = decide.render_mail

    def render(engine, subject, slates):
        if subject.row.user_id == "eve":
            raise ZeroDivisionError("nobody thought of this")
        return real(engine, subject, slates)

    monkeypatch.setattr(decide, "render_mail", render)
    for who in ("eve", "mia"):
        shop.send(identify(who, shop.ago(2)), added(who, shop.ago(2)))
    shop.decide()
    assert sorted(reason for _, _, _, reason in shop.decisions()) == ["passed", "template_failed"]


def abandon_cart_and_browse(shop: Shop, who: str) -> None:
    """Two mails due: of a cart two hours ago, and of a later visit one hour ago."""
    shop.send(identify(who, shop.ago(5)), added(who, shop.ago(3)))
    viewed = [track("Product Viewed", who, shop.ago(2.3 - n / 100), product_id=f"p{n}", name="x") for n in (1, 2)]
    shop.send(*viewed)


def test_of_two_mails_due_at_once_the_second_meets_the_first_at_the_cap(shop: Shop) -> None:
    abandon_cart_and_browse(shop, "mia")
    shop.decide()
    assert shop.decisions() == [
        ("abandoned_cart", 1, "send", "passed"),
        ("browse_abandonment", 1, "skip", "frequency_cap"),
    ]
    _, _, facts = last_decision(shop)
    assert facts["last_campaign"] == "abandoned_cart"


def test_a_mail_that_cannot_be_made_takes_nobodys_place(shop: Shop, monkeypatch) -> None:
    from campaigns.pipeline import decide

    real = decide.render_mail

    def render(engine, subject, slates):
        if subject.campaign.campaign_id == "abandoned_cart":
            raise ZeroDivisionError("nobody thought of this")
        return real(engine, subject, slates)

    monkeypatch.setattr(decide, "render_mail", render)
    abandon_cart_and_browse(shop, "mia")
    shop.decide()
    assert shop.decisions() == [
        ("abandoned_cart", 1, "skip", "template_failed"),
        ("browse_abandonment", 1, "send", "passed"),
    ]


def test_thanks_for_an_order_go_out_at_once(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(0)), ordered("mia", shop.ago(0)))
    shop.decide()
    assert ("post_purchase", 1, "send", "passed") in shop.decisions()


@pytest.mark.parametrize("break_it", ["flushed", "gone"])
def test_mail_goes_out_without_the_cache(tmp_path: Path, environ: dict[str, str], break_it: str) -> None:
    with open_shop(tmp_path / "shop", environ) as shop:
        shop.send(identify("mia", shop.ago(2)), added("mia", shop.ago(2)))
        if break_it == "flushed":
            shop.engine.cache.clear()
        else:
            from campaigns.storage.cache import SlateCache

            shop.engine.cache = SlateCache("redis://127.0.0.1:1/0")
        shop.decide()
        mailer = Postbox()
        assert shop.deliver(mailer) == {"sent": 1}
        assert "lamp" in mailer.mails[0].email.html


def set_status(shop: Shop, status: str) -> None:
    with transaction(shop.engine.database) as connection:
        set_campaign_status(connection, "abandoned_cart", status, by="test", now=shop.engine.now(connection))


def test_no_timer_is_decided_before_what_was_accepted_earlier_is_applied(shop: Shop) -> None:
    shop.send(identify("ben", shop.ago(3)), added("ben", shop.ago(3)), identify("mia", shop.ago(2)))
    shop.send(added("mia", shop.ago(2)))
    shop.post(ordered("mia", shop.ago(1.5)))  # accepted, and still in the inbox
    assert shop.decide() == 1  # ben's cart was due before that came in, mia's after it
    shop.run("UPDATE inbox SET attempts = 5")  # what no worker can apply holds nobody up
    assert shop.decide() == 1

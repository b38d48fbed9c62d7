"""Ingest: whatever order events come in, however often, under whichever id - the same carts and the same timers."""

from __future__ import annotations

import random

import pytest

from campaigns.decisions.assignment import assignment_key
from campaigns.pipeline.ingest import ingest_inbox
from campaigns.pipeline.policy import profile_of
from campaigns.storage.database import transaction
from campaigns.storage.inbox import MAX_ATTEMPTS
from campaigns.storage.profiles import read_profiles
from tests.pipeline.small_shop import Shop, added, identify, ordered, track
from triggers.state import ProfileState

pytestmark = pytest.mark.servers
TIMERS = (
    "SELECT e.campaign_id, p.user_id, e.key, e.status, e.entered_at, e.last_activity_at, e.exit_reason"
    " FROM enrollments e JOIN profiles p USING (profile_id) ORDER BY 1, 2, 3"
)


def test_repeated_events_are_applied_once(shop: Shop) -> None:
    story = [identify("mia", shop.ago(2)), added("mia", shop.ago(2)), added("mia", shop.ago(1.9), "vase")]
    shop.send(*story)
    before = shop.rows(TIMERS), shop.rows("SELECT count(*) FROM events")
    shop.send(*story, *story)
    assert (shop.rows(TIMERS), shop.rows("SELECT count(*) FROM events")) == before
    assert shop.rows("SELECT count(*) FROM inbox") == [(0,)]


def test_shuffled_events_end_with_the_same_timers(shop: Shop) -> None:
    for number in range(6):
        who, at = f"u{number}", shop.ago(0.9)
        story = [
            identify(who, at),
            added(who, shop.ago(0.8), cart_id=f"c{number}"),
            added(who, shop.ago(0.7), "vase", cart_id=f"c{number}"),
            track("Product Removed", who, shop.ago(0.6), product_id="lamp", cart_id=f"c{number}"),
        ]
        random.Random(number).shuffle(story)
        shop.send(*story, received_at=shop.ago(0.5))
    rows = shop.rows(TIMERS)
    assert len(rows) == 6
    assert len({row[3:] for row in rows}) == 1


def test_a_stranger_who_logs_in_elsewhere_brings_cart_and_timer(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(3), anonymous_id="anon-phone"))
    shop.send(added("anon-laptop", shop.ago(2)))
    shop.send(identify("mia", shop.ago(1.9), anonymous_id="anon-laptop"))
    [timer] = shop.rows(TIMERS)
    assert (timer[0], timer[1], timer[3]) == ("abandoned_cart", "mia", "armed")
    assert shop.rows("SELECT count(DISTINCT profile_id) FROM events") == [(1,)]
    assert shop.decide() == 1
    assert shop.decisions() == [("abandoned_cart", 1, "send", "passed")]


def test_of_two_merged_carts_the_one_that_was_mailed_is_not_mailed_again(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(9), anonymous_id="anon-phone"), added("mia", shop.ago(2), cart_id="c"))
    shop.send(added("anon-laptop", shop.ago(1.9), cart_id="c"))
    shop.decide()
    assert shop.statuses() == ["queued"]
    shop.send(identify("mia", shop.ago(0.2), anonymous_id="anon-laptop"))
    shop.decide()
    assert shop.statuses() == ["queued"]
    assert sorted(row[3] for row in shop.rows(TIMERS)) == ["active", "exited"]


def test_events_that_arrive_long_after_they_happened_start_nothing(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(30)), added("mia", shop.ago(30)), received_at=shop.ago(2))
    assert shop.rows(TIMERS) == []
    assert shop.rows("SELECT reason FROM start_refusals") == [("back_dated",)]


@pytest.mark.parametrize("same", [{"cart_id": "c7"}, {"checkout_id": "k7"}, {"email": "mia@shopper.example"}])
def test_an_order_under_another_profile_ends_the_cart_it_covers(shop: Shop, same: dict[str, str]) -> None:
    shop.send(
        identify("mia", shop.ago(2)),
        added("mia", shop.ago(2), cart_id="c7"),
        track("Checkout Started", "mia", shop.ago(1.8), cart_id="c7", checkout_id="k7"),
        identify("eve", shop.ago(2)),
        added("eve", shop.ago(2), cart_id="c8"),
    )
    shop.send(ordered("anon-guest", shop.ago(1.5), **same))
    found = {row[1]: (row[3], row[6]) for row in shop.rows(TIMERS) if row[0] == "abandoned_cart"}
    assert found == {"mia": ("exited", "ordered"), "eve": ("armed", None)}


def test_an_order_covers_a_cart_of_the_very_same_batch(shop: Shop) -> None:
    shop.post(added("anon-a", shop.ago(2), cart_id="c9"), ordered("anon-b", shop.ago(1.9), cart_id="c9"))
    ingest_inbox(shop.engine)
    [row] = [row for row in shop.rows(TIMERS) if row[0] == "abandoned_cart"]
    assert (row[3], row[6]) == ("exited", "ordered")


def test_a_batch_that_cannot_be_applied_holds_up_nobody_and_loses_nothing(shop: Shop, monkeypatch) -> None:
    poison = added("eve", shop.ago(2), "poison")
    shop.post(identify("mia", shop.ago(2)), added("mia", shop.ago(2)))
    shop.post(identify("ida", shop.ago(2)), poison, added("ida", shop.ago(2)))
    monkeypatch.setattr("campaigns.pipeline.ingest.evaluate", _failing_on("poison"))
    for _ in range(MAX_ATTEMPTS + 1):
        ingest_inbox(shop.engine)
    armed = [row[1] for row in shop.rows(TIMERS) if row[0] == "abandoned_cart"]
    assert sorted(armed) == ["ida", "mia"]
    [(attempts, body)] = shop.rows("SELECT attempts, body FROM inbox")
    assert attempts == MAX_ATTEMPTS
    assert poison["messageId"].encode() in bytes(body)


def _failing_on(product_id: str):
    from campaigns.pipeline import ingest

    real = ingest.evaluate

    def evaluate(rules, state, book, event, **options):
        if any(line.product_id == product_id for line in event.lines):
            raise ZeroDivisionError("an event nobody thought of")
        return real(rules, state, book, event, **options)

    return evaluate


def test_what_experiments_draw_on_stays_with_the_shopper(shop: Shop) -> None:
    shop.send(added("anon-phone", shop.ago(3)), added("anon-laptop", shop.ago(3)))
    keys = "SELECT value, assignment_key FROM identities JOIN profiles USING (profile_id) WHERE kind = 'anonymous'"
    before = dict(map(tuple, shop.rows(keys)))
    assert before == {who: assignment_key("anonymous", who) for who in ("anon-phone", "anon-laptop")}
    shop.send(identify("mia", shop.ago(2), anonymous_id="anon-phone"))  # a login keeps the key
    shop.send(identify("mia", shop.ago(2), anonymous_id="anon-laptop"))  # a joined profile gives up its own
    assert dict(map(tuple, shop.rows(keys))) == dict.fromkeys(before, before["anon-phone"])


def test_a_profile_older_than_the_keys_keeps_its_side(shop: Shop) -> None:
    shop.send(added("anon-phone", shop.ago(3)))
    shop.run("UPDATE profiles SET assignment_key = NULL")
    with transaction(shop.engine.database) as connection:
        [row] = read_profiles(connection, [row[0] for row in shop.rows("SELECT profile_id FROM profiles")]).values()
    assert profile_of(row, ProfileState(), None).drawn_by == str(row.profile_id)

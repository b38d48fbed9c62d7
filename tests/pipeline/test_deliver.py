"""Deliver: the last look before the hand-over, and what becomes of mails whose sender or server failed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from campaigns.domain.message import Rejected, Uncertain
from campaigns.pipeline.deliver import expire
from campaigns.pipeline.record import unsubscribe
from campaigns.storage.campaigns import set_campaign_status
from campaigns.storage.database import transaction
from campaigns.storage.messages import begin_hand_over, claim_messages
from tests.pipeline.small_shop import Postbox, Shop, added, identify, open_shop, ordered, track

pytestmark = pytest.mark.servers


def queue(shop: Shop, *people: str) -> None:
    for who in people or ("mia",):
        shop.send(identify(who, shop.ago(2)), added(who, shop.ago(2)))
    shop.decide()


def details(shop: Shop) -> list[str | None]:
    return [row[0] for row in shop.rows("SELECT detail FROM messages ORDER BY message_id")]


def lose_sender(shop: Shop, *, begun: int) -> None:
    """A sender that claimed everything, began `begun` hand-overs and was never seen again."""
    token = uuid4()
    with transaction(shop.engine.database) as connection:
        now = shop.engine.now(connection)
        claimed = claim_messages(connection, token=token, limit=100, lease=timedelta(seconds=1), now=now)
        ids = [message.message_id for message in claimed[:begun]]
        begin_hand_over(connection, ids, token=token, lease=timedelta(seconds=1))
    shop.run("UPDATE messages SET lease_until = now() - interval '1 minute' WHERE status = 'sending'")


def test_a_mail_is_handed_over_once(shop: Shop) -> None:
    queue(shop, "mia", "ida")
    mailer = Postbox()
    assert shop.deliver(mailer) == {"sent": 2}
    assert shop.deliver(mailer) == {}
    assert sorted(mail.recipient.address for mail in mailer.mails) == ["ida@shopper.example", "mia@shopper.example"]


@pytest.mark.parametrize("what", ["order", "order of another profile", "emptied", "unsubscribe", "consent", "too late"])
def test_a_mail_that_lost_its_reason_is_withdrawn(shop: Shop, what: str) -> None:
    queue(shop)
    if what == "order":
        shop.send(ordered("mia", shop.ago(0)))
    elif what == "order of another profile":
        shop.send(ordered("anon-guest", shop.ago(0), email="mia@shopper.example"))
    elif what == "emptied":
        shop.send(track("Product Removed", "mia", shop.ago(0), product_id="lamp"))
    elif what == "unsubscribe":
        [(ref,)] = shop.rows("SELECT message_ref FROM messages")
        unsubscribe(shop.engine, ref, at=shop.now)
    elif what == "consent":
        shop.send(identify("mia", shop.ago(0), marketing_consent=False))
    else:
        shop.run("UPDATE decisions SET due_at = due_at - interval '2 days'")
    mailer = Postbox()
    assert shop.deliver(mailer) == {"withdrawn": 1}
    assert mailer.mails == []
    assert details(shop)[0]


def test_an_order_that_happened_before_the_decision_and_arrived_after_it_counts(shop: Shop) -> None:
    queue(shop)
    shop.send(ordered("mia", shop.ago(0.9)), received_at=shop.ago(0.1))
    assert shop.deliver(Postbox()) == {"withdrawn": 1}


def test_queued_mail_of_a_paused_campaign_waits(shop: Shop) -> None:
    queue(shop)
    for status, expected in (("paused", {}), ("active", {"sent": 1})):
        with transaction(shop.engine.database) as connection:
            set_campaign_status(connection, "abandoned_cart", status, by="test", now=shop.engine.now(connection))
        assert shop.deliver(Postbox()) == expected


def test_a_refusal_for_now_is_tried_again_later_and_one_for_good_is_not(shop: Shop) -> None:
    queue(shop, "mia", "ida")
    busy, unknown = Rejected(permanent=False, detail="451 busy"), Rejected(permanent=True, detail="550 5.1.1 unknown")
    assert shop.deliver(Postbox(busy, unknown)) == {"queued": 1, "failed": 1}
    assert shop.deliver(Postbox()) == {}
    assert shop.rows("SELECT reason FROM suppressions") == [("hard_bounce",)]
    shop.run("UPDATE messages SET not_before = now() WHERE status = 'queued'")
    assert shop.deliver(Postbox()) == {"sent": 1}


def test_a_mail_whose_fate_nobody_knows_is_left_alone(shop: Shop) -> None:
    queue(shop)
    assert shop.deliver(Postbox(Uncertain("the line went dead"))) == {"uncertain": 1}
    expire(shop.engine)
    assert shop.deliver(Postbox()) == {}


def test_a_mailer_that_breaks_leaves_one_mail_in_doubt(shop: Shop) -> None:
    queue(shop, "mia", "ida", "eve")

    class Breaking(Postbox):
        def send(self, mails):
            if not self.mails:
                self.mails.extend(mails)
                raise ConnectionError("broken")
            return super().send(mails)

    assert shop.deliver(Breaking()) == {"uncertain": 1, "sent": 2}


def test_a_lost_sender_leaves_one_mail_in_doubt_and_the_rest_goes_out(shop: Shop) -> None:
    queue(shop, "mia", "ida", "eve")
    lose_sender(shop, begun=1)
    assert dict(expire(shop.engine)) == {"uncertain": 1, "queued": 2}
    assert shop.deliver(Postbox()) == {"sent": 2}
    assert sorted(shop.statuses()) == ["sent", "sent", "uncertain"]


def test_a_campaign_may_choose_to_mail_twice_rather_than_not_at_all(tmp_path: Path, environ: dict[str, str]) -> None:
    with open_shop(tmp_path / "shop", environ, ("policy:\n", "policy:\n  delivery: at_least_once\n")) as shop:
        queue(shop)
        lose_sender(shop, begun=1)
        assert dict(expire(shop.engine)) == {"queued": 1}
        assert shop.deliver(Postbox(Uncertain("dead"))) == {"queued": 1}


def test_names_of_messages_differ_between_workspaces(tmp_path: Path, shop: Shop, environ: dict[str, str]) -> None:
    queue(shop)
    [(first,)] = shop.rows("SELECT message_ref FROM messages")
    from campaigns.pipeline.decide import message_token

    assert first.startswith(message_token(shop.engine.settings.secret.get_secret_value().encode(), applied(shop)))
    assert message_token(b"another secret of a shop", applied(shop)) not in first
    assert "/" not in first and first.endswith("-1")


def applied(shop: Shop):
    return shop.rows("SELECT min(applied_at) FROM campaign_versions")[0][0]

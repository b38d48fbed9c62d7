"""Each guard of exactly-once by itself: what one worker holds no other gets, and the database refuses a second time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from campaigns.domain.message import MessageStatus, OutboundMail, Outcome
from campaigns.pipeline.ingest import ingest_inbox
from campaigns.storage.database import transaction
from campaigns.storage.decisions import DecisionRow, add_decisions
from campaigns.storage.enrollments import claim_due
from campaigns.storage.inbox import claim_inbox
from campaigns.storage.messages import SETTLE, Settlement, begin_hand_over, claim_messages, put_back, settlement_values
from tests.pipeline.small_shop import Postbox, Shop, added, identify, ordered

pytestmark = pytest.mark.servers
LEASE = timedelta(minutes=5)


def queue_mails(shop: Shop, *people: str) -> None:
    for who in people:
        shop.send(identify(who, shop.ago(2)), added(who, shop.ago(2)))
    shop.decide()


class Meddler(Postbox):
    """A mailer that does something else in the middle of a hand-over."""

    def __init__(self, meddle: Callable[[OutboundMail], None]) -> None:
        super().__init__()
        self.meddle = meddle

    def send(self, mails: Sequence[OutboundMail]) -> list[Outcome]:
        for mail in mails:
            self.meddle(mail)
        return super().send(mails)


def test_timers_batches_and_messages_that_one_worker_holds_are_passed_over_by_others(shop: Shop) -> None:
    shop.send(identify("mia", shop.ago(2)), added("mia", shop.ago(2)))
    shop.post(added("ben", shop.ago(2)))
    database, now = shop.engine.database, shop.engine.clock.now()
    with transaction(database) as first, transaction(database) as second:
        assert len(claim_due(first, until=now, limit=10)) == 1
        assert claim_due(second, until=now, limit=10) == []
        assert len(claim_inbox(first, limit=10)) == 1
        assert claim_inbox(second, limit=10) == []
    queue_mails(shop, "eve")
    with transaction(database) as first, transaction(database) as second:
        assert len(claim_messages(first, token=uuid4(), limit=10, lease=LEASE, now=now)) == 2
        assert claim_messages(second, token=uuid4(), limit=10, lease=LEASE, now=now) == []


def test_the_database_refuses_a_second_decision_and_a_second_message(shop: Shop) -> None:
    queue_mails(shop, "mia")
    [row] = shop.rows(
        "SELECT enrollment_id, step, campaign_id, campaign_version, profile_id, due_at, decided_at FROM decisions"
    )
    again = DecisionRow(0, *row, outcome="send", reason="passed", until=None, variant=None, facts={}, slates=None)
    with transaction(shop.engine.database) as connection:
        add_decisions(connection, [again])
    assert shop.rows("SELECT count(*) FROM decisions") == [(1,)]
    with pytest.raises(IntegrityError):
        shop.run(
            "INSERT INTO messages (message_ref, enrollment_id, step, campaign_id, profile_id, address, status, subject,"
            " content, created_at) SELECT 'other', enrollment_id, step, campaign_id, profile_id, address, 'queued',"
            " subject, content, created_at FROM messages"
        )
    assert shop.statuses() == ["queued"]


def test_only_the_holder_of_a_lease_begins_puts_back_and_settles(shop: Shop) -> None:
    queue_mails(shop, "mia")
    ours, theirs = uuid4(), uuid4()
    with transaction(shop.engine.database) as connection:
        now = shop.engine.now(connection)
        [message] = claim_messages(connection, token=ours, limit=1, lease=LEASE, now=now)
        sent = settlement_values([Settlement(message.message_id, MessageStatus.SENT)])
        assert begin_hand_over(connection, [message.message_id], token=theirs, lease=LEASE) == set()
        put_back(connection, [message.message_id], token=theirs)
        assert connection.execute(SETTLE, {**sent, "token": theirs}).rowcount == 0
    assert shop.statuses() == ["sending"]
    with transaction(shop.engine.database) as connection:
        assert begin_hand_over(connection, [message.message_id], token=ours, lease=LEASE) == {message.message_id}
        assert connection.execute(SETTLE, {**sent, "token": ours}).rowcount == 1


def test_a_hand_over_is_written_down_before_the_first_byte(shop: Shop) -> None:
    queue_mails(shop, "mia", "ben")
    seen: list[Any] = []

    def look(mail: OutboundMail) -> None:
        ref = mail.message_ref
        seen.append(shop.rows("SELECT handed_at IS NOT NULL FROM messages WHERE message_ref = :ref", ref=ref))

    shop.deliver(Meddler(look))
    assert seen == [[(True,)], [(True,)]]


def test_an_order_waits_while_a_mail_of_its_shopper_is_handed_over(shop: Shop) -> None:
    queue_mails(shop, "mia")
    order = ordered("mia", shop.ago(0))
    shop.post(order)
    worker = Thread(target=lambda: ingest_inbox(shop.engine))
    seen: list[Any] = []

    def order_now(_: OutboundMail) -> None:
        worker.start()
        worker.join(1.5)
        seen.append(shop.rows("SELECT 1 FROM event_keys WHERE message_id = :id", id=order["messageId"]))

    assert shop.deliver(Meddler(order_now)) == {"sent": 1}
    worker.join(30)
    assert seen == [[]]
    assert shop.rows("SELECT 1 FROM event_keys WHERE message_id = :id", id=order["messageId"])

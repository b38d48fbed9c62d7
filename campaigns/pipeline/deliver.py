"""Deliver: queued messages are claimed under a lease, checked once more, handed over, and settled."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest
from time import monotonic
from typing import Protocol
from uuid import uuid4

from sqlalchemy import Connection

from campaigns.delivery import Mailer
from campaigns.delivery.feedback import says_dead_address
from campaigns.domain.campaign import Delivery
from campaigns.domain.message import (
    Accepted,
    Address,
    MessageStatus,
    OutboundMail,
    Outcome,
    Rejected,
    RenderedEmail,
    Uncertain,
)
from campaigns.pipeline.campaign_book import Snapshot
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.last_check import objection_to
from campaigns.pipeline.policy import shop_policy
from campaigns.storage.coupons import doubt_codes, release_codes
from campaigns.storage.database import transaction
from campaigns.storage.hand_over import Look, sender_line
from campaigns.storage.messages import (
    ClaimedMessage,
    LastFacts,
    Settlement,
    begin_hand_over,
    claim_messages,
    expire_leases,
    put_back,
)
from campaigns.storage.suppressions import suppress

_log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
"""Longer than a mailer's slowest mail: a message whose lease ends was lost with its sender."""

_RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
_TOGETHER_IN_REPLAY = 25
_NEVER_SENT = (MessageStatus.WITHDRAWN, MessageStatus.FAILED)


def deliver(
    engine: Engine, mailer: Mailer, *, limit: int = 200, seconds: float = 60.0, together: int = 1
) -> Counter[str]:
    """Hands over up to `limit` queued messages; returns how many went which way (by message status).

    Mail by mail: a transaction locks the mail's profile, looks once more whether it may go, hands it over, records the
    outcome and marks the next mail as begun. So a sender that dies leaves one mail in doubt and no more, an order
    commits before the hand-over or after it, and the profile is held no longer than one mail takes. After `seconds`
    the mails not begun go back into the queue. `together` mails share a transaction: faster where each commit waits for
    the disk, and as many are in doubt when the sender dies.
    """
    step = _TOGETHER_IN_REPLAY if engine.is_virtual else together
    round_ = _Round(engine, mailer)
    claimed = round_.claim(limit, step)
    if claimed:
        round_.hand_over([claimed[start : start + step] for start in range(0, len(claimed), step)], seconds)
    return round_.done


def expire(engine: Engine) -> Counter[str]:
    """Settles messages whose sender died, as their campaign chose."""
    with transaction(engine.database) as connection:
        campaigns = engine.campaigns.at_least_once(connection)
        attempts = len(_RETRY_AFTER) + 1
        return Counter(expire_leases(connection, at_least_once=campaigns, attempts=attempts).values())


class _Round:
    """One claim of messages on its way out."""

    def __init__(self, engine: Engine, mailer: Mailer) -> None:
        self._engine, self._mailer, self._token = engine, mailer, uuid4()
        self._shop = shop_policy(engine.settings)
        self.done: Counter[str] = Counter()
        self._begun: frozenset[int] = frozenset()

    def claim(self, limit: int, together: int) -> list[ClaimedMessage]:
        """Takes messages under a lease and begins the first ones."""
        with transaction(self._engine.database) as connection:
            now = self._engine.now(connection)
            held = self._engine.campaigns.read(connection).paused
            claimed = claim_messages(connection, token=self._token, limit=limit, lease=LEASE, now=now, held=held)
            ids = [message.message_id for message in claimed[:together]]
            self._begun = frozenset(begin_hand_over(connection, ids, token=self._token, lease=LEASE))
        return claimed

    def hand_over(self, groups: Sequence[Sequence[ClaimedMessage]], seconds: float) -> None:
        """Hands over group by group: each is begun in the transaction that records the one before, and that is
        committed before its first mail goes out."""
        ends_at = monotonic() + seconds
        with sender_line(self._engine.database, token=self._token, lease=LEASE) as line:
            look = line.look(self._begun, _profiles(groups[0]))
            for group, following in zip_longest(groups, groups[1:], fillvalue=()):
                is_last = not following or monotonic() > ends_at
                begun = [message for message in group if message.message_id in look.begun]
                settlements = self._check_and_send(line.connection, begun, look)
                next_ids = [] if is_last else [message.message_id for message in following]
                look = line.turn(settlements, next_ids, _profiles(following))
                self.done.update(settlement.status.value for settlement in settlements)
                if is_last:
                    break
        self._put_back([message for group in groups for message in group])

    def _put_back(self, messages: Sequence[ClaimedMessage]) -> None:
        """Those not begun when the time was over."""
        if self.done.total() < len(messages):
            with transaction(self._engine.database) as connection:
                put_back(connection, [message.message_id for message in messages], token=self._token)

    def _check_and_send(self, connection: Connection, group: Sequence[ClaimedMessage], look: Look) -> list[Settlement]:
        """The profiles stay locked from the last check to the hand-over: an order commits before it or after it."""
        facts = look.facts
        snapshot = self._engine.campaigns.read(connection, stamp=look.stamp)
        settlements: list[Settlement] = []
        ready: list[ClaimedMessage] = []
        for message in group:
            objection = objection_to(message, facts[message.message_id], snapshot, self._shop, self._at(message, facts))
            if objection is None:
                ready.append(message)
            else:
                settlements.append(Settlement(message.message_id, objection.status, detail=objection.detail))
        outcomes = self._send(ready)
        for message, outcome in zip(ready, outcomes, strict=True):
            settlements.append(self._settled(connection, message, outcome, self._at(message, facts), snapshot))
        in_doubt = [one.message_id for one, out in zip(ready, outcomes, strict=True) if isinstance(out, Uncertain)]
        doubt_codes(connection, in_doubt)
        release_codes(connection, [one.message_id for one in settlements if one.status in _NEVER_SENT])
        return settlements

    def _at(self, message: ClaimedMessage, facts: Mapping[int, LastFacts]) -> datetime:
        return message.created_at if self._engine.is_virtual else facts[message.message_id].at

    def _send(self, ready: Sequence[ClaimedMessage]) -> Sequence[Outcome]:
        if not ready:
            return []
        try:
            return self._mailer.send([outbound_mail(self._engine, message, message.email) for message in ready])
        except Exception as error:
            _log.exception("the mailer failed on %s", ", ".join(message.message_ref for message in ready))
            return [Uncertain(f"the mailer failed: {error}")] * len(ready)

    def _settled(
        self, connection: Connection, message: ClaimedMessage, outcome: Outcome, at: datetime, snapshot: Snapshot
    ) -> Settlement:
        if isinstance(outcome, Rejected) and outcome.permanent:
            _note_hard_bounce(connection, message, outcome, at)
        campaign = snapshot.current.get(message.campaign_id)
        may_repeat = campaign is not None and campaign.policy.delivery is Delivery.AT_LEAST_ONCE
        return _settlement(message, outcome, at, may_repeat=may_repeat)


def _profiles(group: Sequence[ClaimedMessage]) -> list[int]:
    return [message.profile_id for message in group]


def _settlement(message: ClaimedMessage, outcome: Outcome, at: datetime, *, may_repeat: bool) -> Settlement:
    has_tries = message.attempts < len(_RETRY_AFTER)
    match outcome:
        case Accepted():
            return Settlement(message.message_id, MessageStatus.SENT, outcome.provider_id or None, sent_at=at)
        case Uncertain() if not (may_repeat and has_tries):
            return Settlement(message.message_id, MessageStatus.UNCERTAIN, detail=outcome.detail)
        case Rejected(permanent=True):
            return Settlement(message.message_id, MessageStatus.FAILED, detail=outcome.detail)
        case _ if has_tries:
            wait = _RETRY_AFTER[message.attempts]
            return Settlement(message.message_id, MessageStatus.QUEUED, None, outcome.detail, at + wait)
        case _:
            return Settlement(message.message_id, MessageStatus.FAILED, detail=outcome.detail)


def _note_hard_bounce(connection: Connection, message: ClaimedMessage, outcome: Rejected, now: datetime) -> None:
    """A mailbox that does not exist is not mailed again; other permanent refusals say nothing about the address."""
    if says_dead_address(outcome.detail):
        suppress(connection, message.address, reason="hard_bounce", now=now, detail=outcome.detail[:500])


class Addressed(Protocol):
    """A message as far as its envelope goes: a claimed one, or a stored one shown again."""

    @property
    def message_ref(self) -> str: ...
    @property
    def campaign_id(self) -> str: ...
    @property
    def address(self) -> str: ...


def outbound_mail(engine: Engine, message: Addressed, email: RenderedEmail) -> OutboundMail:
    """The mail as handed over: the shop's sender, and the links that mail programs show as "unsubscribe"."""
    settings = engine.settings
    address = settings.sender.address or f"shop@{_domain(settings.shop.url)}"
    return OutboundMail(
        message_ref=message.message_ref,
        sender=Address(address, settings.sender.name or settings.shop.name),
        recipient=Address(message.address),
        email=email,
        campaign_id=message.campaign_id,
        shop_id=settings.shop.id,
        reply_to=Address(settings.sender.reply_to) if settings.sender.reply_to else None,
        unsubscribe_url=engine.links.unsubscribe(message.message_ref),
        unsubscribe_mailto="",
    )


def _domain(url: str) -> str:
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    return host if "." in host else "localhost.localdomain"

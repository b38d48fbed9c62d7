"""Deliver: queued messages are claimed under a lease, checked once more, handed over, and settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

from sqlalchemy import Connection

from campaigns.delivery import Mailer
from campaigns.delivery.feedback import says_dead_address
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
from campaigns.pipeline.campaign_book import order_ends
from campaigns.pipeline.engine import Engine
from campaigns.storage.database import transaction
from campaigns.storage.messages import ClaimedMessage, Settlement, claim_messages, expire_leases, settle_messages
from campaigns.storage.profiles import hold_profiles
from campaigns.storage.suppressions import find_suppressions, suppress

LEASE = timedelta(minutes=5)
"""Longer than a mailer's slowest call: a message whose lease ends was lost with its sender."""

_RETRY_AFTER = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
_HAND_OVER = 25


def deliver(engine: Engine, mailer: Mailer, *, limit: int = 200) -> Counter[str]:
    """Hands over up to `limit` queued messages; returns how many went which way (by message status)."""
    token = uuid4()
    with transaction(engine.database) as connection:
        now = engine.now(connection)
        claimed = claim_messages(connection, token=token, limit=limit, lease=LEASE, now=now)
    done: Counter[str] = Counter()
    for start in range(0, len(claimed), _HAND_OVER):
        chunk = claimed[start : start + _HAND_OVER]
        with transaction(engine.database) as connection:
            now = engine.now(connection)
            settlements = _hand_over(engine, connection, mailer, chunk, now)
            settle_messages(connection, settlements, token=token)
        done.update(settlement.status.value for settlement in settlements)
    return done


def expire(engine: Engine) -> Counter[str]:
    """Settles messages whose sender died between hand-over and record, as their campaign chose."""
    with transaction(engine.database) as connection:
        campaigns = engine.campaigns.at_least_once(connection)
        return Counter(expire_leases(connection, at_least_once=campaigns).values())


def _hand_over(
    engine: Engine, connection: Connection, mailer: Mailer, chunk: Sequence[ClaimedMessage], now: datetime
) -> list[Settlement]:
    """The profiles stay locked from the last check to the hand-over: an order commits before it or after it."""
    ordered_at = hold_profiles(connection, [message.profile_id for message in chunk])
    suppressed = find_suppressions(connection, [message.address.lower() for message in chunk])
    snapshot = engine.campaigns.read(connection)
    settlements: list[Settlement] = []
    ready: list[ClaimedMessage] = []
    for message in chunk:
        scopes = suppressed.get(message.address.lower(), {})
        reason = scopes.get("all") or scopes.get(message.campaign_id)
        bought_at = ordered_at.get(message.profile_id)
        campaign = snapshot.current.get(message.campaign_id)
        if reason:
            settlements.append(_withdrawn(message, f"suppressed: {reason}"))
        elif campaign and order_ends(campaign) and bought_at is not None and bought_at > message.created_at:
            settlements.append(_withdrawn(message, "ordered after the decision"))
        else:
            ready.append(message)
    outcomes = mailer.send([outbound_mail(engine, message, message.email) for message in ready]) if ready else []
    for message, outcome in zip(ready, outcomes, strict=True):
        settlements.append(_settled(message, outcome, message.created_at if engine.is_virtual else now))
        if isinstance(outcome, Rejected) and outcome.permanent:
            _note_hard_bounce(connection, message, outcome, now)
    return settlements


def _withdrawn(message: ClaimedMessage, detail: str) -> Settlement:
    return Settlement(message.message_id, MessageStatus.WITHDRAWN, detail=detail)


def _settled(message: ClaimedMessage, outcome: Outcome, now: datetime) -> Settlement:
    match outcome:
        case Accepted():
            return Settlement(message.message_id, MessageStatus.SENT, outcome.provider_id or None, sent_at=now)
        case Uncertain():
            return Settlement(message.message_id, MessageStatus.UNCERTAIN, detail=outcome.detail)
        case Rejected(permanent=False) if message.attempts <= len(_RETRY_AFTER):
            wait = _RETRY_AFTER[message.attempts - 1]
            return Settlement(message.message_id, MessageStatus.QUEUED, None, outcome.detail, now + wait)
        case Rejected():
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

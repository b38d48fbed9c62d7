"""Record: what comes back for messages - clicks, opens, unsubscribes, choices - and who must not be mailed any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from campaigns.domain.message import MessageStatus
from campaigns.pipeline.engine import Engine
from campaigns.storage.database import transaction
from campaigns.storage.feedback import add_feedback
from campaigns.storage.messages import find_message, mark_message
from campaigns.storage.suppressions import find_suppressions, suppress, unsuppress

_STATUS_OF = {
    "delivered": MessageStatus.DELIVERED,
    "bounced": MessageStatus.BOUNCED,
    "complained": MessageStatus.COMPLAINED,
}


@dataclass(frozen=True, slots=True)
class Choices:
    """What an address gets: campaigns it left, and whether it left everything."""

    address: str
    left: frozenset[str]
    everything_off: bool


def record_reaction(
    engine: Engine, message_ref: str, kind: str, *, at: datetime, machine: bool = False, url: str | None = None
) -> None:
    """Keeps a click or an open; machine-made ones are marked and count in no rate. Those of previews are nobody's."""
    if message_ref.startswith("preview"):
        return
    with transaction(engine.database) as connection:
        add_feedback(connection, message_ref, kind, at=at, machine=machine, url=url)


def record_feedback(engine: Engine, message_ref: str, kind: str, *, at: datetime, permanent: bool = True) -> None:
    """Keeps what a provider reports; a permanent bounce or a complaint suppresses the address at once."""
    with transaction(engine.database) as connection:
        add_feedback(connection, message_ref, kind, at=at)
        if kind in _STATUS_OF and (kind != "bounced" or permanent):
            mark_message(connection, message_ref, _STATUS_OF[kind])
        found = find_message(connection, message_ref)
        if found and (kind == "complained" or (kind == "bounced" and permanent)):
            reason = "complaint" if kind == "complained" else "hard_bounce"
            suppress(connection, found[0].address, reason=reason, now=at, detail=message_ref)


def unsubscribe(engine: Engine, message_ref: str, *, at: datetime, campaign_id: str | None = None) -> None:
    """Takes the message's address out of one campaign, or out of everything; in force with the commit."""
    with transaction(engine.database) as connection:
        found = find_message(connection, message_ref)
        if found is None:
            return
        address, scope = found[0].address, campaign_id or "all"
        suppress(connection, address, reason="unsubscribe", now=at, scope=scope, detail=message_ref)
        add_feedback(connection, message_ref, "unsubscribed", at=at)


def find_choices(engine: Engine, message_ref: str) -> Choices | None:
    """What the message's address chose so far; None for a message nobody knows."""
    with transaction(engine.database) as connection:
        found = find_message(connection, message_ref)
        if found is None:
            return None
        address = found[0].address
        scopes = find_suppressions(connection, [address.lower()]).get(address.lower(), {})
    return Choices(address, frozenset(scopes) - {"all"}, "all" in scopes)


def save_choices(
    engine: Engine, message_ref: str, wanted: frozenset[str], topics: Iterable[str], *, at: datetime
) -> None:
    """Keeps which campaigns an address wants. None wanted means no mail at all; some wanted lifts an earlier
    unsubscribe from everything, but never a bounce or a complaint."""
    with transaction(engine.database) as connection:
        found = find_message(connection, message_ref)
        if found is None:
            return
        address = found[0].address
        scopes = find_suppressions(connection, [address.lower()]).get(address.lower(), {})
        if not wanted:
            suppress(connection, address, reason="unsubscribe", now=at, detail=message_ref)
            return
        if scopes.get("all") == "unsubscribe":
            unsuppress(connection, address, scope="all")
        for topic in topics:
            if topic in wanted:
                unsuppress(connection, address, scope=topic)
            else:
                suppress(connection, address, reason="unsubscribe", now=at, scope=topic, detail=message_ref)

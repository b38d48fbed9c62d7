"""The web process over a workspace's own database: what shoppers and clients do becomes rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from campaigns.config import Settings
from campaigns.delivery.feedback import FeedbackKind
from campaigns.domain.suppression import EVERYTHING, SuppressionReason
from campaigns.pipeline.campaign_book import CampaignBook
from campaigns.pipeline.collect import CollectLimits, Source
from campaigns.pipeline.engine import Engine
from campaigns.storage.database import statement, transaction
from campaigns.storage.feedback import add_feedback
from campaigns.storage.inbox import InboxStore
from campaigns.storage.messages import MessageRow, find_message
from campaigns.storage.suppressions import find_suppressions, suppress, unsuppress
from campaigns.web.inbox_model import InboxSource
from campaigns.web.services import (
    Departure,
    Hook,
    Preferences,
    Reaction,
    SentMessage,
    Services,
    ShopLook,
    Topic,
    WebLimits,
)

_PING: Final = statement("SELECT 1")
_UNSUBSCRIBE: Final = SuppressionReason.UNSUBSCRIBE.value


def services_of(
    engine: Engine, *, inbox_page: InboxSource | None = None, hooks: Mapping[str, Hook] | None = None
) -> Services:
    """Everything the web process needs, over an opened workspace."""
    settings, rows = engine.settings, Rows(engine.database)
    return Services(
        clock=engine.clock,
        shop=shop_look(settings),
        inbox=InboxStore(engine.database),
        sources=[Source.with_key(name, key.get_secret_value()) for name, key in settings.write_keys.items()],
        links=engine.links,
        find_message=rows.find_message,
        record_reaction=rows.record_reaction,
        unsubscribe=rows.unsubscribe,
        find_preferences=rows.find_preferences,
        save_preferences=rows.save_preferences,
        hooks=hooks or {},
        checks={"database": rows.check, "cache": engine.cache.check},
        inbox_page=inbox_page,
        limits=web_limits(settings),
    )


def shop_look(settings: Settings) -> ShopLook:
    """The shop as its public pages show it."""
    shop = settings.shop
    return ShopLook(
        name=shop.name,
        url=shop.url,
        logo_url=shop.logo_url,
        support_email=shop.support_email,
        postal_address=shop.postal_address,
        brand=shop.brand.model_dump(),
        zone=shop.zone,
    )


def web_limits(settings: Settings) -> WebLimits:
    """The limits of the settings."""
    limits = settings.limits
    return WebLimits(collect=CollectLimits(limits.event_bytes, limits.batch_bytes, limits.batch_events))


@dataclass(frozen=True, slots=True)
class _Subject:
    """The message a shopper holds, and what its address gets no mail of: {scope: reason}."""

    row: MessageRow
    scopes: Mapping[str, str]


class Rows:
    """Reads and writes the rows behind the public pages; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._campaigns = CampaignBook()

    def find_message(self, message_ref: str) -> SentMessage | None:
        """The message with its content."""
        with transaction(self._database) as connection:
            found = find_message(connection, message_ref)
            if found is None:
                return None
            row, email = found
            name = self._names(connection).get(row.campaign_id, row.campaign_id)
        return SentMessage(row.message_ref, row.address, row.campaign_id, name, row.sent_at, email.html)

    def record_reaction(self, reaction: Reaction) -> None:
        """A click or an open as feedback."""
        with transaction(self._database) as connection:
            add_feedback(
                connection,
                reaction.message_ref,
                reaction.kind,
                at=reaction.occurred_at,
                machine=reaction.machine,
                url=reaction.url or None,
            )

    def unsubscribe(self, departure: Departure) -> None:
        """Suppresses the address from this commit on. LookupError where the message is kept no longer."""
        detail = "one click" if departure.one_click else "unsubscribe page"
        with transaction(self._database) as connection:
            row = self._subject(connection, departure.message_ref).row
            scope = departure.campaign_id or EVERYTHING
            _suppress(connection, row.address, scope, departure.occurred_at, detail)
            kind = FeedbackKind.UNSUBSCRIBED
            add_feedback(connection, row.message_ref, kind, at=departure.occurred_at, raw={"scope": scope})

    def find_preferences(self, message_ref: str) -> Preferences | None:
        """A topic for every campaign that is not retired."""
        with transaction(self._database) as connection:
            try:
                subject = self._subject(connection, message_ref)
            except LookupError:
                return None
            campaigns = self._campaigns.read(connection).current.values()
        topics = [Topic(c.campaign_id, c.name, c.description, c.campaign_id not in subject.scopes) for c in campaigns]
        return Preferences(subject.row.address, topics, everything_off=EVERYTHING in subject.scopes)

    def save_preferences(self, message_ref: str, wanted: frozenset[str], at: datetime) -> None:
        """Suppresses what is not wanted and lifts what the shopper's own word had suppressed - never a bounce, a
        complaint or the shop's own decision."""
        with transaction(self._database) as connection:
            subject = self._subject(connection, message_ref)
            address, known = subject.row.address, self._names(connection)
            if not wanted:
                _suppress(connection, address, EVERYTHING, at, "preference page")
                return
            for scope in (EVERYTHING, *wanted):
                if subject.scopes.get(scope) == _UNSUBSCRIBE:
                    unsuppress(connection, address, scope=scope)
            for campaign_id in known.keys() - wanted:
                _suppress(connection, address, campaign_id, at, "preference page")

    def check(self) -> None:
        """Raises where the database does not answer."""
        with transaction(self._database) as connection:
            connection.execute(_PING)

    def _subject(self, connection: Connection, message_ref: str) -> _Subject:
        found = find_message(connection, message_ref)
        if found is None:
            raise LookupError(f"there is no message {message_ref}")
        address = found[0].address.lower()
        return _Subject(found[0], find_suppressions(connection, [address]).get(address, {}))

    def _names(self, connection: Connection) -> dict[str, str]:
        return {campaign_id: c.name for campaign_id, c in self._campaigns.read(connection).current.items()}


def _suppress(connection: Connection, address: str, scope: str, at: datetime, detail: str) -> None:
    suppress(connection, address, reason=_UNSUBSCRIBE, now=at, scope=scope, detail=detail)

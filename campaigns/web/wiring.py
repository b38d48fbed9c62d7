"""The web process over an opened workspace: what shoppers and clients do goes to the stages that keep it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from campaigns.clock import WallClock
from campaigns.config import Settings
from campaigns.domain.campaign import Campaign
from campaigns.pipeline import record
from campaigns.pipeline.campaign_book import CampaignBook
from campaigns.pipeline.collect import CollectLimits, Source
from campaigns.pipeline.coupon_pools import find_coupons
from campaigns.pipeline.coupon_redemptions import redeem_coupon
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.products import push_products
from campaigns.storage.database import statement, transaction
from campaigns.storage.database_clock import DatabaseClock
from campaigns.storage.inbox import InboxStore
from campaigns.storage.messages import find_message
from campaigns.web.inbox_model import InboxSource
from campaigns.web.provider_hooks import hooks_of
from campaigns.web.services import (
    Departure,
    Preferences,
    Reaction,
    SentMessage,
    Services,
    ShopLook,
    Topic,
    WebLimits,
)

_PING: Final = statement("SELECT 1")


def services_of(engine: Engine, *, inbox_page: InboxSource | None = None) -> Services:
    """Everything the web process needs, over an opened workspace."""
    settings, shoppers = engine.settings, Shoppers(engine)
    is_live = isinstance(engine.clock, WallClock)
    clock = DatabaseClock(engine.database, engine.clock) if is_live else engine.clock
    return Services(
        clock=clock,
        shop=shop_look(settings),
        inbox=InboxStore(engine.database),
        sources=[Source.with_key(name, key.get_secret_value()) for name, key in settings.write_keys.items()],
        links=engine.links,
        find_message=shoppers.find_message,
        record_reaction=shoppers.record_reaction,
        unsubscribe=shoppers.unsubscribe,
        find_preferences=shoppers.find_preferences,
        save_preferences=shoppers.save_preferences,
        catalog_source=Source.with_key("catalog", key.get_secret_value()) if (key := settings.catalog_key) else None,
        find_coupons=lambda code: find_coupons(engine, code),
        redeem_coupon=lambda code, order_id, shopper: redeem_coupon(engine, code, order_id, shopper),
        push_products=lambda body, most: push_products(engine, body, most=most),
        hooks=hooks_of(engine, clock),
        checks={"database": shoppers.check, "cache": engine.cache.check},
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


class Shoppers:
    """What the public pages ask and tell about the shopper behind a message. Safe to call from many threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._book = CampaignBook()

    def find_message(self, message_ref: str) -> SentMessage | None:
        """The message with its content."""
        with transaction(self._engine.database) as connection:
            found = find_message(connection, message_ref)
        if found is None:
            return None
        row, email = found
        campaign = self._campaigns().get(row.campaign_id)
        name = campaign.name if campaign else ""
        return SentMessage(row.message_ref, row.address, row.campaign_id, name, row.sent_at, email.html)

    def record_reaction(self, reaction: Reaction) -> None:
        """Keeps a click or an open."""
        record.record_reaction(
            self._engine,
            reaction.message_ref,
            reaction.kind,
            at=reaction.occurred_at,
            machine=reaction.machine,
            url=reaction.url or None,
        )

    def unsubscribe(self, departure: Departure) -> None:
        """In force with its commit. LookupError where nobody knows the message: then nothing was done."""
        if record.find_choices(self._engine, departure.message_ref) is None:
            raise LookupError(f"there is no message {departure.message_ref}")
        at, campaign_id = departure.occurred_at, departure.campaign_id
        record.unsubscribe(self._engine, departure.message_ref, at=at, campaign_id=campaign_id)

    def find_preferences(self, message_ref: str) -> Preferences | None:
        """A topic for every campaign that is not retired."""
        choices = record.find_choices(self._engine, message_ref)
        if choices is None:
            return None
        topics = [
            Topic(campaign_id, campaign.name, campaign.description, wanted=campaign_id not in choices.left)
            for campaign_id, campaign in self._campaigns().items()
        ]
        return Preferences(choices.address, topics, choices.everything_off)

    def save_preferences(self, message_ref: str, wanted: frozenset[str], at: datetime) -> None:
        """Keeps which campaigns the shopper wants."""
        record.save_choices(self._engine, message_ref, wanted, self._campaigns(), at=at)

    def check(self) -> None:
        """Raises where the database does not answer."""
        with transaction(self._engine.database) as connection:
            connection.execute(_PING)

    def _campaigns(self) -> dict[str, Campaign]:
        with transaction(self._engine.database) as connection:
            return self._book.read(connection).current

"""The engine: everything a stage needs, opened once a process and handed to every stage."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from campaigns.clock import Clock, WallClock
from campaigns.config import Settings, Workspace, load_settings
from campaigns.pipeline.campaign_book import CampaignBook
from campaigns.rendering import TemplateStore, shipped_templates
from campaigns.rendering.links import LinkSigner
from campaigns.storage.cache import SlateCache
from campaigns.storage.database import connect, statement
from campaigns.storage.embedded import Servers, ensure_servers
from campaigns.storage.events import Partitions
from campaigns.storage.migrate import migrate

_NOW = statement("SELECT clock_timestamp()")
_SEEN_LIMIT = 1_000_000


@dataclass(slots=True)
class Engine:
    """One workspace, opened. Stages take it as their first argument and keep nothing of their own."""

    workspace: Workspace
    settings: Settings
    database: Database
    cache: SlateCache
    clock: Clock
    templates: TemplateStore
    links: LinkSigner
    campaigns: CampaignBook
    partitions: Partitions
    broker_url: str = ""
    seen_products: set[str] = field(default_factory=set)

    @property
    def is_virtual(self) -> bool:
        """Whether time is played (replay) rather than lived."""
        return not isinstance(self.clock, WallClock)

    def now(self, connection: Connection) -> datetime:
        """Live: the database's time, so that a worker with a wrong clock does no harm. Replay: the virtual time."""
        if self.is_virtual:
            return self.clock.now()
        at: datetime = connection.execute(_NOW).scalar_one()
        return at

    def note_seen_products(self, product_ids: Iterable[str]) -> None:
        """Remembers products that are in the catalog, so that each is offered to it once a process."""
        if len(self.seen_products) > _SEEN_LIMIT:
            self.seen_products.clear()
        self.seen_products.update(product_ids)

    @property
    def mailer_url(self) -> str:
        """Where mail goes: the configured mailer, else the local catcher."""
        mailer = self.settings.mailer
        return mailer.get_secret_value() if mailer else "catcher:"


@contextmanager
def open_engine(
    folder: Path, *, clock: Clock | None = None, environ: Mapping[str, str] | None = None
) -> Iterator[Engine]:
    """Opens the workspace in `folder`: settings read, servers reached or started, the database brought up to date."""
    workspace = Workspace.at(folder)
    settings = load_settings(workspace, os.environ if environ is None else environ)
    with ExitStack() as stack:
        servers = stack.enter_context(ensure_servers(workspace, settings))
        engine = assemble_engine(workspace, settings, servers, clock=clock)
        stack.callback(engine.database.dispose)
        stack.callback(engine.cache.close)
        migrate(engine.database)
        yield engine


def assemble_engine(
    workspace: Workspace, settings: Settings, servers: Servers, *, clock: Clock | None = None
) -> Engine:
    """Puts the parts together on servers that are there; opens no connection yet."""
    database = connect(servers.database_url)
    links = LinkSigner(settings.secret.get_secret_value(), settings.public_url)
    return Engine(
        workspace=workspace,
        settings=settings,
        database=database,
        cache=SlateCache(servers.redis_url),
        clock=clock or WallClock(),
        templates=TemplateStore([workspace.templates / "emails", shipped_templates()]),
        links=links,
        campaigns=CampaignBook(),
        partitions=Partitions(database),
        broker_url=servers.broker_url,
    )

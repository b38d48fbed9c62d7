"""The engine: everything a stage needs, opened once a process and handed to every stage."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy import Engine as Database

from campaigns.clock import Clock, WallClock
from campaigns.config import Settings, Workspace, load_settings
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.campaign_book import CampaignBook
from campaigns.pipeline.floor import FloorList
from campaigns.pipeline.mail_links import link_options
from campaigns.rendering import TemplateStore, shipped_templates
from campaigns.rendering.links import LinkSigner
from campaigns.storage.cache import SlateCache
from campaigns.storage.database import connect, recreate_schema, schema_exists, statement
from campaigns.storage.embedded import Servers, ensure_servers
from campaigns.storage.events import Partitions
from campaigns.storage.migrate import migrate

if TYPE_CHECKING:  # pandas and scipy come with it, and most commands never need them
    from recsys.precompute import Model

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
    floor: FloorList = field(default_factory=FloorList)
    seen_products: set[str] = field(default_factory=set)
    models: dict[str, Model] = field(default_factory=dict)  # the one asked last, by version

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


class World(StrEnum):
    """Where an engine lives: the shop's own data, or the scratch copy that a replay plays in."""

    LIVE = "live"
    REPLAY = "replay"

    @property
    def schema(self) -> str:
        """The PostgreSQL schema of its tables."""
        return "public" if self is World.LIVE else "replay"


@contextmanager
def open_engine(
    folder: Path,
    *,
    world: World = World.LIVE,
    fresh: bool = False,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Engine]:
    """Opens the workspace in `folder`: settings read, servers reached or started, the database brought up to date.

    `fresh` empties the world first; the live one is only ever emptied by the demo."""
    workspace = Workspace.at(folder)
    settings = load_settings(workspace, os.environ if environ is None else environ)
    with ExitStack() as stack:
        servers = stack.enter_context(ensure_servers(workspace, settings))
        engine = assemble_engine(workspace, settings, servers, world=world, clock=clock)
        stack.callback(engine.database.dispose)
        stack.callback(engine.cache.close)
        _prepare(engine, world, fresh=fresh)
        yield engine


def _prepare(engine: Engine, world: World, *, fresh: bool) -> None:
    engine.cache.check()
    if fresh:
        recreate_schema(engine.database, world.schema)
        engine.cache.clear()
    elif not schema_exists(engine.database, world.schema):
        raise WrongUsage("nothing was replayed in this workspace yet", fix="run `rekindle replay FILE` first")
    migrate(engine.database)


def assemble_engine(
    workspace: Workspace,
    settings: Settings,
    servers: Servers,
    *,
    world: World = World.LIVE,
    clock: Clock | None = None,
) -> Engine:
    """Puts the parts together on servers that are there; opens no connection yet."""
    database = connect(servers.database_url, schema=world.schema, is_scratch=world is World.REPLAY)
    links = LinkSigner(settings.secret.get_secret_value().encode(), settings.public_url)
    folders, cache = [workspace.templates / "emails", shipped_templates()], workspace.artifacts / "templates"
    return Engine(
        workspace=workspace,
        settings=settings,
        database=database,
        cache=SlateCache(servers.redis_url, prefix=f"rekindle:{settings.shop.id}:{world.value}:"),
        clock=clock or WallClock(),
        templates=TemplateStore(folders, cache=cache, links=links, **link_options(settings)),
        links=links,
        campaigns=CampaignBook(),
        partitions=Partitions(database),
        broker_url=servers.broker_url,
    )

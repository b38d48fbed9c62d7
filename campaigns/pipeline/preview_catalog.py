"""A shop's own products for previews, where its database runs by now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from sqlalchemy import Engine as Database
from sqlalchemy.exc import SQLAlchemyError

from campaigns.config import Settings, Workspace
from campaigns.domain.product import Product
from campaigns.pipeline.preview_samples import COUNT, may_have_products
from campaigns.storage.database import connect, statement
from campaigns.storage.embedded.postgres import EmbeddedPostgres
from campaigns.storage.embedded.sockets import socket_folder

_CANDIDATES = statement(
    "SELECT product_id, title, url, image_url, category, brand, price_minor, list_price_minor, currency, stock"
    " FROM products WHERE NOT hidden AND image_url <> '' AND price_minor > 0 AND coalesce(stock, 1) > 0 LIMIT 400"
)


def own_products(workspace: Workspace, settings: Settings) -> tuple[Product, ...]:
    """Twelve of the shop's own products, from different shelves, where its database runs by now; else none."""
    url = _running_database(workspace, settings)
    if not url:
        return ()
    database = connect(url, pool_size=1)
    try:
        return products_of(database)
    except SQLAlchemyError:  # not migrated yet, or just gone: samples will do
        return ()
    finally:
        database.dispose()


def products_of(database: Database) -> tuple[Product, ...]:
    """The same from a database that is there."""
    with database.connect() as connection:
        rows = [Product(*row) for row in connection.execute(_CANDIDATES)]
    return tuple(_mixed(rows)) if len(rows) >= 4 else ()


def _running_database(workspace: Workspace, settings: Settings) -> str:
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    if not may_have_products(workspace, settings):
        return ""
    servers = workspace.state / "servers"
    embedded = EmbeddedPostgres(servers, socket_folder(servers))
    return embedded.url if embedded.answers() else ""


def _mixed(products: Sequence[Product]) -> list[Product]:
    shelves: dict[str, list[Product]] = {}
    for product in sorted(products, key=lambda each: each.product_id):
        shelves.setdefault(product.category, []).append(product)
    rounds = zip_longest(*shelves.values())
    return [product for one_round in rounds for product in one_round if product][:COUNT]

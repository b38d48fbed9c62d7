"""The catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.product import Product
from campaigns.storage.database import copy_rows, json_text, statement
from triggers.catalog_events import BACK_IN_STOCK, LEAST_DROP_PERCENT, PRICE_DROPPED

_COLUMNS = (
    "product_id, title, url, image_url, category, brand, price_minor, list_price_minor, currency, stock, hidden,"
    " published_at, attributes"
)
_STAGE = statement("CREATE TEMP TABLE incoming_products (LIKE products INCLUDING DEFAULTS) ON COMMIT DROP")
_UNSTAGE = statement("DROP TABLE incoming_products")
_LOCK = statement(
    "SELECT 1 FROM products WHERE product_id IN (SELECT product_id FROM incoming_products)"
    " ORDER BY product_id FOR UPDATE"
)
_INCOMING = (
    "(SELECT DISTINCT ON (product_id) * FROM incoming_products ORDER BY product_id, updated_at DESC, ctid DESC) AS i"
)
_NEWS = statement(
    "INSERT INTO catalog_changes (product_id, name, changed_at, noted_at, price_minor, was_minor)"
    " SELECT i.product_id, n.name, i.updated_at, :now, i.price_minor, n.was_minor"
    f" FROM products p JOIN {_INCOMING} USING (product_id) CROSS JOIN LATERAL (VALUES"
    " (:price_dropped, p.price_minor, p.currency = i.currency AND i.price_minor < p.price_minor"
    " AND (p.price_minor - i.price_minor) * 100 >= p.price_minor * :least_percent),"
    " (:back_in_stock, NULL, p.stock <= 0)) AS n(name, was_minor, is_news)"
    " WHERE n.is_news AND p.listed_at IS NOT NULL AND i.updated_at >= p.updated_at"
    " AND NOT i.hidden AND coalesce(i.stock, 1) > 0 ORDER BY i.product_id, n.name RETURNING name"
)
_APPLY = statement(
    f"INSERT INTO products SELECT * FROM {_INCOMING}"
    " ON CONFLICT (product_id) DO UPDATE SET title = excluded.title, url = excluded.url,"
    " image_url = excluded.image_url, category = excluded.category,"
    " brand = excluded.brand, price_minor = excluded.price_minor, list_price_minor = excluded.list_price_minor,"
    " currency = excluded.currency, stock = excluded.stock, hidden = excluded.hidden,"
    " published_at = coalesce(excluded.published_at, products.published_at), attributes = excluded.attributes,"
    " updated_at = excluded.updated_at, listed_at = coalesce(products.listed_at, excluded.listed_at)"
    " WHERE products.listed_at IS NULL OR excluded.updated_at >= products.updated_at"
)
_SEEN = statement(
    "INSERT INTO products (product_id, title, url, image_url, category, brand, price_minor, currency, updated_at)"
    " SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:titles AS text[]), CAST(:urls AS text[]),"
    " CAST(:image_urls AS text[]), CAST(:categories AS text[]), CAST(:brands AS text[]), CAST(:prices AS bigint[]),"
    " CAST(:currencies AS text[]), CAST(:ats AS timestamptz[])) ON CONFLICT (product_id) DO NOTHING"
)
_READ = statement(f"SELECT {_COLUMNS} FROM products WHERE product_id = ANY(:ids)")
_LOCKED = statement(f"SELECT {_COLUMNS} FROM products WHERE product_id = ANY(:ids) ORDER BY product_id FOR UPDATE")
_ALL = statement(f"SELECT {_COLUMNS} FROM products ORDER BY product_id")
_WANTED = statement(
    "WITH lately AS (SELECT line->>'product_id' AS product_id FROM (SELECT payload FROM events"
    " WHERE payload ? 'lines' ORDER BY event_id DESC LIMIT 5000) e, jsonb_array_elements(e.payload->'lines') AS line)"
    " SELECT p.product_id FROM products p LEFT JOIN (SELECT product_id, count(*) AS times FROM lately GROUP BY 1) l"
    " USING (product_id) WHERE NOT p.hidden AND coalesce(p.stock, 1) > 0"
    " ORDER BY l.times DESC NULLS LAST, p.published_at DESC NULLS LAST, p.product_id LIMIT :limit"
)


def lock_products(connection: Connection, ids: Iterable[str]) -> dict[str, Product]:
    """Reads products and keeps others from changing them until the transaction ends."""
    return {row[0]: Product(*row) for row in connection.execute(_LOCKED, {"ids": sorted(set(ids))})}


def save_products(
    connection: Connection,
    products: Sequence[Product],
    now: datetime,
    *,
    changed_at: Mapping[str, datetime] | None = None,
) -> Counter[str]:
    """Inserts or replaces products, with a handful of statements whatever their number.

    What a shopper would like to hear of - a lower price, a return to stock - is kept in the same transaction as a
    change to be told; returns how many by event name. `changed_at` says for single products (by id) since when the
    facts hold: older ones than those known change nothing."""
    connection.execute(_STAGE)
    since = changed_at or {}
    rows = [(*_values(product), min(since.get(product.product_id, now), now), now) for product in products]
    copy_rows(connection, f"incoming_products ({_COLUMNS}, updated_at, listed_at)", rows)
    connection.execute(_LOCK)
    told = {"price_dropped": PRICE_DROPPED, "back_in_stock": BACK_IN_STOCK, "least_percent": LEAST_DROP_PERCENT}
    news = Counter(row[0] for row in connection.execute(_NEWS, {"now": now, **told}))
    connection.execute(_APPLY)
    connection.execute(_UNSTAGE)
    return news


def note_seen_products(connection: Connection, products: Iterable[Product], now: datetime) -> None:
    """Adds products first heard of in an event; a catalog entry is never overwritten by one."""
    rows = sorted(products, key=lambda product: product.product_id)
    if not rows:
        return
    values = {
        "ids": [p.product_id for p in rows],
        "titles": [p.title for p in rows],
        "urls": [p.url for p in rows],
        "image_urls": [p.image_url for p in rows],
        "categories": [p.category for p in rows],
        "brands": [p.brand for p in rows],
        "prices": [p.price_minor for p in rows],
        "currencies": [p.currency for p in rows],
        "ats": [now] * len(rows),
    }
    connection.execute(_SEEN, values)


def read_products(connection: Connection, ids: Iterable[str]) -> dict[str, Product]:
    """The products of `ids` as they are now; unknown ids are left out."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        return {}
    return {row[0]: Product(*row) for row in connection.execute(_READ, {"ids": wanted})}


def list_products(connection: Connection) -> list[Product]:
    """The whole catalog, by product_id."""
    return [Product(*row) for row in connection.execute(_ALL)]


def list_wanted_products(connection: Connection, *, limit: int) -> list[str]:
    """Products in stock by how often the last 5,000 events name them, then the newest ones of the catalog."""
    return [row[0] for row in connection.execute(_WANTED, {"limit": limit})]


def _values(product: Product) -> tuple[object, ...]:
    return (
        product.product_id,
        product.title,
        product.url,
        product.image_url,
        product.category,
        product.brand,
        product.price_minor,
        product.list_price_minor,
        product.currency,
        product.stock,
        product.hidden,
        product.published_at,
        json_text(dict(product.attributes)),
    )

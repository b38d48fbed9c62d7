"""Products pushed by the shop's own system: applied and committed before the sender gets an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.domain.product import Product
from campaigns.domain.product_update import ProductUpdate, RefusedUpdate, read_update
from campaigns.domain.segment_batch import UnreadableBody, parse_json
from campaigns.pipeline.engine import Engine
from campaigns.storage.database import transaction
from campaigns.storage.products import lock_products, save_products
from triggers.catalog_events import BACK_IN_STOCK, PRICE_DROPPED


@dataclass(slots=True)
class PushReport:
    """What became of a push: products saved, updates refused, and what shoppers will be told of."""

    accepted: int = 0
    rejects: list[RefusedUpdate] = field(default_factory=list)
    price_drops: int = 0
    back_in_stock: int = 0


def push_products(engine: Engine, body: bytes, *, most: int) -> PushReport:
    """Applies the updates of a body - one object, an array, or `{"products": [...]}` - in one transaction.

    Fields that are not named stay as they are; of several updates of one product the last one counts for each field.
    Raises UnreadableBody for what is no such body, or holds more than `most` updates."""
    currency = engine.settings.shop.currency
    report = PushReport()
    updates: list[ProductUpdate] = []
    for said in _updates_of(body, most):
        try:
            updates.append(read_update(said, currency))
        except RefusedUpdate as refused:
            report.rejects.append(refused)
    with transaction(engine.database) as connection:
        known = lock_products(connection, [update.product_id for update in updates])
        products = _applied(updates, known, currency, report)
        times = _times(updates)
        news = save_products(connection, list(products.values()), engine.now(connection), changed_at=times)
    report.price_drops, report.back_in_stock = news[PRICE_DROPPED], news[BACK_IN_STOCK]
    return report


def _updates_of(body: bytes, most: int) -> Sequence[object]:
    document = parse_json(body)
    if isinstance(document, Mapping) and "products" in document:
        document = document["products"]
    updates = [document] if isinstance(document, Mapping) else document
    if not isinstance(updates, list):
        raise UnreadableBody('takes one product, an array of them, or {"products": [...]}')
    if len(updates) > most:
        raise UnreadableBody(f"over {most} products; send smaller pushes")
    return updates


def _applied(
    updates: Sequence[ProductUpdate], known: Mapping[str, Product], currency: str, report: PushReport
) -> dict[str, Product]:
    products: dict[str, Product] = {}
    for update in updates:
        before = products.get(update.product_id) or known.get(update.product_id)
        try:
            products[update.product_id] = update.applied_to(before, currency)
            report.accepted += 1
        except RefusedUpdate as refused:
            report.rejects.append(refused)
    return products


def _times(updates: Sequence[ProductUpdate]) -> dict[str, datetime]:
    """Since when each product's facts hold, where its updates say so: the newest of them."""
    times: dict[str, datetime] = {}
    for update in updates:
        if update.updated_at is not None:
            times[update.product_id] = max(update.updated_at, times.get(update.product_id, update.updated_at))
    return times

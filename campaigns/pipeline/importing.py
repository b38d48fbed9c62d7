"""Import: files straight into history and catalog, in large batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from campaigns.domain.product import Product
from campaigns.pipeline.engine import Engine
from campaigns.pipeline.ingest import IngestReport, ingest_events
from campaigns.storage.database import transaction
from campaigns.storage.products import save_products
from triggers.events import Event

BATCH = 5_000

Progress = Callable[[int], None]


def import_catalog(engine: Engine, batches: Iterable[list[Product]], *, on_progress: Progress) -> Counter[str]:
    """Inserts or replaces products; one transaction a batch. Returns the changes that shoppers will be told of: how
    many by event name."""
    news = Counter[str]()
    for batch in batches:
        with transaction(engine.database) as connection:
            news += save_products(connection, batch, engine.now(connection))
        on_progress(len(batch))
    return news


def import_events(engine: Engine, batches: Iterable[list[Event]], *, on_progress: Progress) -> IngestReport:
    """Applies events (or profiles, which come as `Identified` events); a repeated file adds nothing."""
    report = IngestReport()
    for batch in batches:
        for start in range(0, len(batch), BATCH):
            part = batch[start : start + BATCH]
            report.add(ingest_events(engine, part))
            on_progress(len(part))
    return report

"""The floor of the ladder when the cache is empty or gone: what was wanted lately, straight from the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from campaigns.storage.products import list_wanted_products
from recsys.packing import Ranked, pack

KEEP = timedelta(minutes=5)
SIZE = 60


class FloorList:
    """A list of bestsellers made without any model, kept for some minutes by each process."""

    def __init__(self) -> None:
        self._packed: bytes = b""
        self._made_at: datetime | None = None

    def read(self, connection: Connection, now: datetime) -> bytes:
        """The packed list, as the cache would have held it."""
        if self._made_at is None or abs(now - self._made_at) > KEEP:
            ids = list_wanted_products(connection, limit=SIZE)
            scores = [1.0 / (place + 1) for place in range(len(ids))]
            ranked = Ranked(ids, scores, "popular")
            self._packed, self._made_at = pack({"list": ranked}, version="floor", made_at=now), now
        return self._packed

"""A shopper's rights: everything that is known about them in one document, and being forgotten."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.engine import Engine
from campaigns.storage.database import transaction
from campaigns.storage.privacy import (
    count_leaving,
    count_waiting,
    erase_person,
    find_person,
    list_family,
    list_names,
    lock_person,
    read_person,
)
from recsys import keys


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` did: profiles taken out, counts of what went, and batches in the inbox that still name them."""

    profile_ids: list[int]
    counts: dict[str, int]
    waiting: int


def export_person(engine: Engine, who: str) -> dict[str, Any]:
    """Everything stored about the shopper `who` names. Raises `WrongUsage` where nobody is known by that name."""
    with transaction(engine.database) as connection:
        ids = _family(connection, who)
        return {"asked_for": who, "exported_at": engine.now(connection), **read_person(connection, ids)}


def forget_person(engine: Engine, who: str) -> Forgotten:
    """Takes the shopper `who` names out, in one transaction; their slates leave the cache with it.

    Raises `WrongUsage` where nobody is known by that name, or a mail to them is being handed over at this moment."""
    with transaction(engine.database) as connection:
        ids = _family(connection, who)
        lock_person(connection, ids)
        if count_leaving(connection, ids):
            raise WrongUsage(
                f"a mail to {who} is being handed over at this moment; nothing was changed", fix="try again in a minute"
            )
        names = list_names(connection, ids)
        counts = erase_person(connection, ids, names, salt=secrets.token_hex(16), now=engine.now(connection))
        waiting = count_waiting(connection, names)
    engine.cache.delete([keys.profile(str(one)) for one in ids])
    return Forgotten(ids, counts, waiting)


def _family(connection: Connection, who: str) -> list[int]:
    ids = find_person(connection, who)
    if not ids:
        raise WrongUsage(
            f"nobody is known as {who!r}", fix="give a user id, an anonymous id, an address or a profile id"
        )
    return list_family(connection, ids)

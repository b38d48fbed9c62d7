"""Changes of the catalog that nobody was told of (yet), mostly because no campaign listened: a backtest tells them.

Those that were told stand in the history of each shopper as events; these are made up for as the stage `tell` would
have made them, so that a price-drop campaign can be tried before there ever was one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from sqlalchemy import Connection

from campaigns.domain.campaign import Campaign
from campaigns.pipeline.history import Happened
from campaigns.pipeline.tell import event_of_change
from campaigns.storage.catalog_changes import UntoldChange, list_untold
from campaigns.storage.interests import NO_INTEREST
from campaigns.storage.profiles import ProfileRow
from triggers.catalog_events import CATALOG_EVENTS
from triggers.events import Event
from triggers.price_drop import PriceDrop

Untold = Mapping[str, list[UntoldChange]]
"""Product id to its changes."""

_SILENT = frozenset(NO_INTEREST)


def read_untold(
    connection: Connection, campaigns: Iterable[Campaign], *, since: datetime, until: datetime
) -> dict[str, list[UntoldChange]]:
    """The changes of a period that one of the campaigns would listen to, and none did at the time."""
    triggers = [campaign.trigger for campaign in campaigns]
    names = {name for trigger in triggers for name in trigger.opens_on & CATALOG_EVENTS}
    if not names:
        return {}
    least = min((trigger.min_drop_percent for trigger in triggers if isinstance(trigger, PriceDrop)), default=0)
    found: dict[str, list[UntoldChange]] = {}
    for change in list_untold(connection, names, since=since, until=until, least_percent=least):
        found.setdefault(change.product_id, []).append(change)
    return found


def tell_untold(
    histories: Iterable[list[Happened]], untold: Untold, rows: Mapping[int, ProfileRow]
) -> Iterator[list[Happened]]:
    """The histories, with an event for each untold change of a product its shopper, one with an address, cared for."""
    for happened in histories:
        named = {line.product_id for one in happened for line in one.event.lines if line.product_id in untold}
        yield _told(happened, [change for product in named for change in untold[product]], rows) if named else happened


def _told(happened: list[Happened], changes: list[UntoldChange], rows: Mapping[int, ProfileRow]) -> list[Happened]:
    told, known = list(happened), {one.event.message_id for one in happened}
    for change in sorted(changes, key=lambda one: (one.noted_at, one.name, one.product_id)):
        for profile_id, last in _interested(happened, change).items():
            row = rows.get(profile_id)
            event = event_of_change(change, last.profile_id, last.event.occurred_at)
            if row is not None and row.email and event.message_id not in known:
                _insert(told, event, last)
    return told


def _interested(happened: Iterable[Happened], change: UntoldChange) -> dict[int, Happened]:
    """The last interest of each profile before the change."""
    found: dict[int, Happened] = {}
    for one in happened:
        event = one.event
        if event.occurred_at >= change.changed_at or event.name in _SILENT:
            continue
        if any(line.product_id == change.product_id for line in event.lines):
            known = found.get(one.profile_id)
            if known is None or event.occurred_at >= known.event.occurred_at:
                found[one.profile_id] = one
    return found


def _insert(told: list[Happened], event: Event, interest: Happened) -> None:
    part = interest.part
    place = next((n for n, one in enumerate(told) if one.event.received_at > event.received_at), len(told))
    for one in told[:place]:
        if one.profile_id == interest.profile_id and part in one.joins:
            part = one.part
    told.insert(place, Happened(event, interest.profile_id, part))

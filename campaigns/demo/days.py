"""The days of the built-in shop: thirty quiet ones behind it, and the busy one that is played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from campaigns.demo.chance import Chance, Lottery
from campaigns.demo.shelves import shelves
from campaigns.demo.shop import DemoShop
from campaigns.demo.shoppers import Shopper, shoppers
from campaigns.demo.visits import Walk
from triggers.events import Event

HISTORY_DAYS: Final = 30
QUIET: Final = 0.1  # of a busy day's visits on a quiet one
DAY_SECONDS: Final = 86_400
# sessions by hour of the shopper's own clock: a lunch peak and a long evening
RHYTHM: Final = (3, 2, 1, 1, 1, 2, 6, 13, 19, 23, 26, 29, 36, 33, 26, 24, 25, 29, 34, 43, 55, 58, 41, 16)
DUPLICATE_SHARE: Final = 0.008
LATE_SHARE: Final = 0.012
VERY_LATE_SHARE: Final = 0.002

_HOURS: Final = Lottery(range(24), RHYTHM)


def history(shop: DemoShop, days: int = HISTORY_DAYS) -> Iterator[Event]:
    """The `days` before `shop.day`, in order of time, each event received as it occurred: some 2,500 events a day.
    Meant for training; nothing in it is late or told twice. Its carts are not carried on into the day."""
    found: list[Event] = []
    for shopper in shoppers(shop):
        found.extend(_past(shop, shopper, days))
    end = _midnight(shop.day)
    yield from sorted((event for event in found if event.occurred_at < end), key=_arrival)


def day(shop: DemoShop, date: date | None = None) -> list[Event]:
    """One busy day (`shop.day` unless given), in the order the shop received it: some 25,000 events in UTC.

    A few events are told twice (same source and message_id), some come minutes late and out of order, very few come
    hours late. Every event occurred, and was received, within the day.
    """
    played = date or shop.day
    chance = Chance(shop.seed, "network", played)
    end = _midnight(played) + timedelta(days=1)
    events: list[Event] = []
    for shopper in shoppers(shop):
        for event in _busy_day(shop, shopper, played):
            if event.occurred_at < end - timedelta(seconds=60):
                events.extend(_received(event, end, chance))
    return sorted(events, key=_arrival)


def _past(shop: DemoShop, shopper: Shopper, days: int) -> list[Event]:
    chance = Chance(shop.seed, "history", days, shopper.number)
    walk = Walk(shop, shelves(shop), shopper, chance, "past")
    for ago in range(days, 0, -1):
        starts = _starts(shopper, shop.day - timedelta(days=ago), QUIET, chance)
        for start in starts:
            walk.visit(start)
    return walk.events


def _busy_day(shop: DemoShop, shopper: Shopper, played: date) -> list[Event]:
    chance = Chance(shop.seed, "day", played, shopper.number)
    walk = Walk(shop, shelves(shop), shopper, chance, f"{played:%y%m%d}")
    for start in _starts(shopper, played, 1.0, chance):
        walk.visit(start)
    return walk.events


def _starts(shopper: Shopper, played: date, share: float, chance: Chance) -> list[datetime]:
    """When the shopper's sessions of a day begin, at least 75 minutes apart."""
    mean = shopper.visits * share
    count = int(mean) + chance.happens(mean - int(mean))
    seconds = sorted(_start(shopper, played, chance) for _ in range(count))
    kept: list[int] = []
    for second in seconds:
        if not kept or second - kept[-1] >= 4500:
            kept.append(second)
    return [_midnight(played) + timedelta(seconds=second) for second in kept]


def _start(shopper: Shopper, played: date, chance: Chance) -> int:
    """Seconds into the UTC day. An evening overseas may fall on the next day here; it is told of the same day."""
    local = chance.draw(_HOURS) * 3600 + chance.whole(0, 3599)
    return (local - _offset_seconds(shopper.zone, played)) % DAY_SECONDS


@lru_cache(maxsize=1024)
def _offset_seconds(zone: str, played: date) -> int:
    offset = datetime.combine(played, time(12), ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _received(event: Event, end: datetime, chance: Chance) -> list[Event]:
    """The event as the network delivers it: usually within seconds, seldom late, seldom twice."""
    delay = _delay_seconds(chance)
    first = replace(event, received_at=min(event.occurred_at + timedelta(seconds=delay), end - timedelta(seconds=30)))
    if not chance.happens(DUPLICATE_SHARE):
        return [first]
    return [first, replace(first, received_at=first.received_at + timedelta(seconds=chance.whole(1, 25)))]


def _delay_seconds(chance: Chance) -> int:
    share = chance.fraction()
    if share < VERY_LATE_SHARE:
        return chance.whole(2 * 3600, 8 * 3600)
    if share < VERY_LATE_SHARE + LATE_SHARE:
        return chance.whole(120, 2400)
    return chance.whole(0, 2)


def _arrival(event: Event) -> tuple[datetime, datetime, str]:
    return event.received_at, event.occurred_at, event.message_id


def _midnight(played: date) -> datetime:
    return datetime.combine(played, time(), UTC)

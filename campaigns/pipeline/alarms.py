"""Alarms: what goes wrong in the shop right now and needs a person - mails that cannot be made, pools that run dry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from campaigns.domain.campaign_reasons import Reason
from campaigns.pipeline.coupon_pools import read_pools, say_pool
from campaigns.pipeline.engine import Engine
from campaigns.storage.database import transaction
from campaigns.storage.decisions import SkippedLately, count_skipped

LATELY = timedelta(hours=24)
"""How long an alarm about skipped mails stays after the last of them."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing to look after. `is_urgent`: shoppers get no mail because of it already."""

    about: str
    line: str
    fix: str
    is_urgent: bool = True


def read_alarms(engine: Engine) -> list[Alarm]:
    """Everything that needs a person, urgent things first."""
    with transaction(engine.database) as connection:
        now = engine.now(connection)
        found = [*_failed_templates(connection, now), *_coupon_pools(engine, connection, now)]
    return sorted(found, key=lambda alarm: not alarm.is_urgent)


def _failed_templates(connection: Connection, now: datetime) -> Iterator[Alarm]:
    for one in count_skipped(connection, Reason.TEMPLATE_FAILED, since=now - LATELY):
        fix = f"`rekindle lint {one.campaign_id}` finds most of it; correct the template"
        yield Alarm("template", _say_failed(one), fix)


def _say_failed(one: SkippedLately) -> str:
    mails = f"{one.mails:,} mail{'s' if one.mails != 1 else ''}"
    template = f" (template {one.facts['template']})" if "template" in one.facts else ""
    said = f"{mails} of {one.campaign_id}, step {one.step}{template} could not be made in the last 24 h"
    return f"{said}, the last at {one.last_at:%d %b %H:%M} UTC: {one.facts.get('detail', '')}"


def _coupon_pools(engine: Engine, connection: Connection, now: datetime) -> Iterator[Alarm]:
    campaigns = engine.campaigns.read(connection).current.values()
    for pool in read_pools(connection, campaigns, now):
        if said := say_pool(pool):
            fix = f"`rekindle import coupons {pool.state.pool} FILE`, or give the step a pattern"
            yield Alarm("coupons", said, fix, pool.is_empty)

"""What runs how often; `workers.beat` keeps the time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery.schedules import crontab

from campaigns.config import Settings

TRAIN_EVERY = timedelta(minutes=15)
RESUME_EVERY = timedelta(minutes=1)
TELL_EVERY = timedelta(seconds=15)
TIDY_EVERY = timedelta(hours=1)


def schedule_of(settings: Settings) -> dict[str, dict[str, Any]]:
    """The beat schedule of a workspace."""
    sweep = settings.workers.sweep_interval
    return {
        "ingest": _every("rekindle.ingest", sweep),
        "tell": _every("rekindle.tell", max(sweep, TELL_EVERY)),
        "decide": _every("rekindle.decide", sweep),
        "deliver": _every("rekindle.deliver", sweep),
        "expire": _every("rekindle.expire", max(sweep, timedelta(seconds=30))),
        "train": _every("rekindle.train", TRAIN_EVERY),
        "train_full": {
            "task": "rekindle.train_full",
            "schedule": crontab(hour=3, minute=7),
        },
        "train_resume": _every("rekindle.train_resume", RESUME_EVERY),
        "tidy": _every("rekindle.tidy", TIDY_EVERY),
    }


def _every(task: str, interval: timedelta) -> dict[str, Any]:
    return {"task": task, "schedule": interval}

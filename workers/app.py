"""The Celery application. The broker carries wake-ups and nothing else: the database is the truth.

`acks_late` and `task_reject_on_worker_lost` give a task back when its worker dies; no task is ever delayed with
`countdown` or `eta`, because a delay longer than the broker's visibility timeout runs several times.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from celery import Celery

from campaigns.config import Settings, Workspace

VISIBILITY_SECONDS = 600
TASK_SECONDS = 300
LEARNERS = "rekindle-learn"
"""The queue of those who share a training, apart from the mails': a source may take minutes."""
MOST_WAITING = 500
"""Messages that may wait in a queue. With more than that the workers have enough to do, and what is not sent is seen by
the next tick: so wake-ups need no time of expiry, which would be read by another machine's clock."""

app = Celery("rekindle", include=["workers.tasks"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_default_queue="rekindle",
    task_routes={"rekindle.fit": {"queue": LEARNERS}},
    task_soft_time_limit=TASK_SECONDS,
    task_time_limit=TASK_SECONDS + 60,
    worker_prefetch_multiplier=1,
    worker_max_memory_per_child=2_000_000,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    beat_scheduler="workers.beat:SteadyScheduler",
    broker_transport_options={"visibility_timeout": VISIBILITY_SECONDS},
    enable_utc=True,
    timezone="UTC",
)


def waiting(channel: Any, queue: str) -> int:
    """How many messages a queue holds; 0 where it cannot be told: an empty queue of Redis is none."""
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except Exception:  # a broker that is gone is told by the sending
        return 0


def configure(workspace: Workspace, settings: Settings, broker_url: str) -> Celery:
    """Points the application at a workspace's broker and sets its schedule."""
    from workers.schedule import schedule_of

    app.conf.update(
        broker_url=broker_url,
        beat_schedule=schedule_of(settings),
        worker_concurrency=settings.workers.processes,
        rekindle_workspace=str(Path(workspace.root).resolve()),
    )
    return app

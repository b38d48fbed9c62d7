"""The clock that wakes the workers. It goes by the machine's count of seconds and not by its calendar: a clock that is
set back or forward, or goes wrong, neither stops the wake-ups nor makes them expire."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import Any, Final

from celery.beat import ScheduleEntry, Scheduler

from workers.app import MOST_WAITING, waiting

_LONGEST_SLEEP: Final = 5.0


class SteadyScheduler(Scheduler):  # type: ignore[misc]
    """Keeps intervals in monotonic time, and nothing on the disk: two beats of one workspace never meet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._next: dict[str, float] = {}
        super().__init__(*args, **kwargs)

    def tick(self, *_: Any, **__: Any) -> float:
        """Sends what is due; returns the seconds until it wants to be asked again."""
        return min([_LONGEST_SLEEP, *(self._turn(entry) for entry in list(self.schedule.values()))])

    def _turn(self, entry: ScheduleEntry) -> float:
        every = getattr(entry.schedule, "run_every", None)
        if not isinstance(every, timedelta):
            is_due, wait = entry.is_due()
        else:
            left = self._next.setdefault(entry.name, monotonic()) - monotonic()
            is_due, wait = left <= 0, left if left > 0 else every.total_seconds()
        if is_due:
            self._next[entry.name] = monotonic() + wait
            self._send(self.reserve(entry))
        return float(wait)

    def _send(self, entry: ScheduleEntry) -> None:
        if self._waiting() < MOST_WAITING:
            self.apply_entry(entry, producer=self.producer)

    def _waiting(self) -> int:
        """How many messages the queue holds; 0 where it cannot be told."""
        try:
            with self.connection.channel() as channel:
                return waiting(channel, self.app.conf.task_default_queue)
        except Exception:  # a broker that is gone is told by the sending
            return 0

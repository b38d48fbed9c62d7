"""Blocking work off the event loop, never more than there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

Result = TypeVar("Result")


class Busy(Exception):
    """All threads work and all waiting places are taken; the caller should be asked to come back."""


class BoundedPool:
    """Runs blocking calls in `threads` threads with at most `waiting` more in line; what comes then is refused at once,
    so that a slow database makes refusals and not a growing heap of requests."""

    def __init__(self, threads: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="web")
        self._room = threads + waiting
        self._taken = 0
        self._lock = Lock()

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises. Raises Busy where there is no room."""
        with self._lock:
            if self._taken >= self._room:
                raise Busy
            self._taken += 1
        try:
            future = self._executor.submit(work)
        except RuntimeError as error:  # the pool is closed: the process is about to stop
            self._leave(None)
            raise Busy from error
        # A cancelled request leaves its thread working: the place is free only when the work has ended.
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[Result] | None) -> None:
        with self._lock:
            self._taken -= 1

    def close(self) -> None:
        """Lets running work end and takes no more."""
        self._executor.shutdown(wait=True, cancel_futures=True)

"""One thread of linear algebra: the last digits of its sums differ with the number of threads, and models with them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, cast

from threadpoolctl import ThreadpoolController


@lru_cache(1)
def _libraries() -> ThreadpoolController:
    """Return what holds the thread pools of this process; finding them takes longer than many a batch."""
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """Return a context in which BLAS runs on one thread, so that the number of cores makes no other model."""
    return cast(AbstractContextManager[Any], _libraries().limit(limits=1, user_api="blas"))

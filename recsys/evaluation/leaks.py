"""The leak check: nothing the models learned from may lie at or after what they are asked to predict."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recsys.arrays import Bools
from recsys.blend.examples import Examples
from recsys.errors import RecsysError
from recsys.log import InteractionLog


class LeakFound(RecsysError):
    """Training saw the future of a question."""


def check_no_leak(past: InteractionLog, later: InteractionLog, examples: Examples | None = None) -> None:
    """Raise LeakFound where training rows are as late as tested ones or repeat them, or histories know too much."""
    if not len(past) or not len(later):
        return
    if past.has_times:
        late = int((past.at >= later.at.min()).sum())
        if late:
            raise LeakFound(f"{late} training rows are not older than the first tested row", "split by time")
        _check_rows(past, later)
    if examples is not None:
        _check_histories(past, examples)


def _check_rows(past: InteractionLog, later: InteractionLog) -> None:
    known = later.profile >= 0
    rows = past.at >= later.at[known].min(initial=np.inf)
    if not rows.any():  # an older row is no tested one: millions of them are not listed for that
        return
    tested = set(_rows(later, known))
    repeated = sum(row in tested for row in _rows(past, rows))
    if repeated:
        raise LeakFound(f"{repeated} tested rows are in training as well", "split whole rows by time")


def _rows(log: InteractionLog, which: Bools) -> Iterator[tuple[int, int, float]]:
    return zip(log.profile[which].tolist(), log.product[which].tolist(), log.at[which].tolist(), strict=True)


def _check_histories(past: InteractionLog, examples: Examples) -> None:
    rows = past.profile >= 0
    most = np.bincount(past.profile[rows], minlength=len(past.profiles)) if len(past.profiles) else np.zeros(1)
    queries = examples.queries
    lengths = np.diff(queries.history_start)
    allowed = np.where(queries.profile >= 0, most[np.maximum(queries.profile, 0)], 0)
    excess = int((lengths > allowed).sum())
    if excess:
        raise LeakFound(
            f"{excess} histories are longer than what training knows of the shopper", "cut them at the split"
        )

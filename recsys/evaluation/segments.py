"""Segments of questions: who is asking, how much is known, and what kind of product was wanted."""

from __future__ import annotations

import numpy as np

from recsys.arrays import Bools, Ints, group_sums
from recsys.blend.examples import Examples
from recsys.log import InteractionLog

WARM = 5  # products in the history from which on a shopper counts as warm
NEW_PRODUCT = 5  # touches below which a product counts as new


def segments_of(examples: Examples, past: InteractionLog, known: Bools | None = None) -> dict[str, Ints]:
    """Return, per segment name, one label per question; `known` marks the profiles that count as known."""
    queries = examples.queries
    history, prefix = np.diff(queries.history_start), np.diff(queries.prefix_start)
    touches = group_sums(np.ones(len(past)), past.product, len(past.products))
    fresh = group_sums(
        (touches[examples.target] < NEW_PRODUCT).astype(float),
        np.repeat(np.arange(len(examples)), np.diff(examples.target_start)),
        len(examples),
    )
    is_known = queries.profile >= 0 if known is None else np.append(known, False)[queries.profile]
    return {
        "profile": np.where(is_known, "known", "anonymous"),
        "shopper": np.where(history >= WARM, "warm", "cold"),
        "product": np.where(fresh > 0, "some new", "established"),
        "session": np.select([prefix <= 1, prefix <= 3], ["1 product", "2-3 products"], "4+ products"),
    }

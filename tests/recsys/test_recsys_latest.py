"""The blend of a large shop learns from its latest sessions, and everything else from all of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from recsys import keys
from recsys.blend.examples import cut_examples, latest_sessions, looking_back, split_log
from recsys.blend.model import Blend
from recsys.catalog import build_catalog
from recsys.log import InteractionLog, build_log
from recsys.packing import unpack
from recsys.precompute import profile_queries
from recsys.stored import load_model, save_model
from recsys.training import Artifacts, TrainingSettings, train

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEGAN = pd.Timestamp("2026-01-01", tz="UTC")
VISITS, STEPS = 400, 4
MOST = 602
"""Which is no whole number of sessions."""


def history() -> pd.DataFrame:
    """Shoppers with a visit each 20 hours, who change the shelf they like half-way."""
    chance, rows = np.random.default_rng(5), []
    for visit in range(VISITS):
        shopper, at = visit % 20, BEGAN + pd.Timedelta(hours=visit)
        shelf = (shopper + (visit > VISITS // 2)) % 4
        for step in range(STEPS):
            product = f"p{shelf * 12 + chance.integers(12)}"
            rows.append((f"u{shopper}", visit, product, at + pd.Timedelta(minutes=step)))
    return pd.DataFrame(rows, columns=["profile_id", "session_id", "product_id", "occurred_at"])


FRAME = history()


@pytest.fixture(scope="module")
def log() -> InteractionLog:
    return build_log(FRAME, build_catalog(None, FRAME).products)


def learned(most: int, ranking: Literal["blend", "neighbours"] = "blend") -> Artifacts:
    return train(FRAME, now=NOW, settings=TrainingSettings(ranking=ranking, blend_most=most), profiles=[])


@pytest.fixture(scope="module")
def latest() -> Artifacts:
    return learned(MOST)


@pytest.fixture(scope="module")
def whole() -> Artifacts:
    return learned(10**6)


def test_a_cut_lies_at_one_moment_and_parts_no_session(log: InteractionLog) -> None:
    found = latest_sessions(log, MOST)
    assert len(found) == MOST // STEPS * STEPS
    assert found.at.min() > np.sort(log.at)[-len(found) - 1]
    assert (np.bincount(found.session) == STEPS).all()
    assert latest_sessions(log, len(log)) is log
    assert not len(latest_sessions(log, STEPS - 1))


def test_without_times_the_last_sessions_are_the_latest() -> None:
    log = build_log(FRAME.drop(columns="occurred_at"))
    assert latest_sessions(log, 10).product.tolist() == log.product[-8:].tolist()


def test_neighbours_and_lists_of_a_cut_shop_are_those_of_the_whole(latest: Artifacts, whole: Artifacts) -> None:
    assert isinstance(latest.model.scores, Blend) and len(latest.model.log) < len(whole.model.log)
    said = ({key: unpack(record).lists for key, record in one.packed()} for one in (latest, whole))
    assert next(said) == next(said)
    assert latest.version != whole.version
    assert learned(MOST, "neighbours").model.days is None


def test_histories_are_as_long_in_a_slate_as_in_what_was_learned_from(latest: Artifacts, whole: Artifacts) -> None:
    days = latest.model.days
    assert days is not None and whole.model.days is None
    assert days == pytest.approx(MOST // STEPS / 24, abs=0.1)
    queries, ids = latest.model.queries_of(FRAME)
    for n, profile in enumerate(ids):
        rows = FRAME[FRAME["profile_id"] == profile]
        late = rows[rows["occurred_at"] >= rows["occurred_at"].max() - pd.Timedelta(days=days)]
        asked = np.diff(queries.history_start)[n] + np.diff(queries.prefix_start)[n]
        assert asked == len(late) < len(rows)


def test_who_was_away_for_long_keeps_a_slate(latest: Artifacts) -> None:
    rows = FRAME.head(8).assign(occurred_at=BEGAN - pd.Timedelta(days=90), profile_id="u3")
    [(key, record)] = latest.model.answer_rows(rows, NOW)
    assert key == keys.profile("u3")
    assert unpack(record).lists["blend"][0]


def test_questions_of_a_comparison_know_what_a_slate_would(log: InteractionLog, latest: Artifacts) -> None:
    past, later = split_log(log, 0.8)
    queries, days = cut_examples(past, later, most=500, seed=1).queries, latest.model.days
    assert days is not None
    found = looking_back(queries, past, days)
    assert found.prefix.tolist() == queries.prefix.tolist()
    for n in range(len(queries)):
        mine = (past.profile == queries.profile[n]) & (past.at >= queries.at[n] - days * 86_400)
        known = found.history[found.history_start[n] : found.history_start[n + 1]]
        assert known.tolist() == past.product[mine].tolist()
    assert len(found.history) < len(queries.history)
    same = looking_back(queries, past, 1000.0)
    assert (same.history.tolist(), same.history_start.tolist()) == (
        queries.history.tolist(),
        queries.history_start.tolist(),
    )


def test_a_cut_model_from_files_answers_as_before(latest: Artifacts, tmp_path: Path) -> None:
    save_model(latest.model, tmp_path)
    loaded = load_model(tmp_path)
    assert (loaded.days, len(loaded.log)) == (latest.model.days, len(latest.model.log))
    assert dict(loaded.answer_rows(FRAME, NOW)) == dict(latest.model.answer_rows(FRAME, NOW))


def test_all_of_a_history_is_the_default(log: InteractionLog) -> None:
    queries = profile_queries(log, 30, np.arange(2))
    assert np.diff(queries.history_start).tolist() == [(VISITS // 20 - 1) * STEPS] * 2

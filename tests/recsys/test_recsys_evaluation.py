"""Evaluation that can be believed: known metric values, planted leaks, the gate, drift against its null."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from recsys.arrays import from_rows
from recsys.blend.examples import cut_examples, split_log
from recsys.catalog import build_catalog
from recsys.evaluation.bootstrap import shopper_interval
from recsys.evaluation.drift import drift_of
from recsys.evaluation.gate import judge
from recsys.evaluation.leaks import LeakFound, check_no_leak
from recsys.evaluation.metrics import Answers, coverage, miscalibration, novelty, per_question, popularity_bias
from recsys.evaluation.report import evaluate, table, time_split
from recsys.log import build_log
from recsys.sources.history import History
from recsys.sources.item_knn import ItemKnn
from recsys.sources.popularity import Popularity


def history(seed: int = 0, shoppers: int = 150) -> pd.DataFrame:
    """Shoppers who each like one of five shelves, over two months."""
    generator = np.random.default_rng(seed)
    rows = []
    for session in range(shoppers * 6):
        profile = int(generator.integers(shoppers))
        at = pd.Timestamp("2026-01-01", tz="UTC") + pd.Timedelta(hours=session)
        for step in range(int(generator.integers(2, 6))):
            shelf = profile % 5
            rows.append(
                (session, f"u{profile}", f"p{shelf * 10 + generator.integers(10)}", at + pd.Timedelta(minutes=step))
            )
    return pd.DataFrame(rows, columns=["session_id", "profile_id", "product_id", "occurred_at"])


FRAME = history()
PRODUCTS = pd.DataFrame({"product_id": [f"p{i}" for i in range(50)], "category": [f"c{i // 10}" for i in range(50)]})
CATALOG = build_catalog(PRODUCTS, FRAME)
LOG = build_log(FRAME, CATALOG.products)


def test_metrics_have_known_values():
    ranked = from_rows(np.array([3.0, 2, 1, 3, 2, 1]), np.array([0, 1, 2, 3, 4, 5]), np.array([0, 3, 6, 6]), (3, 9))
    found = per_question(Answers(ranked, np.array([0, 2, 3, 4]), np.array([1, 8, 7, 0])), 3)
    assert found["hit"].tolist() == [1, 0, 0]
    assert found["recall"].tolist() == [0.5, 0, 0]
    assert found["mrr"].tolist() == [0.5, 0, 0]
    assert found["ndcg"][0] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    assert coverage(ranked, 3) == pytest.approx(6 / 9)


def test_popular_slates_are_less_novel_and_more_biased():
    counts = np.array([99.0, 0.0])
    popular, rare = (from_rows(np.ones(1), np.array([p]), np.array([0, 1]), (1, 2)) for p in (0, 1))
    assert novelty(popular, counts) < novelty(rare, counts)
    target = (np.array([0, 1]), np.array([1]))
    assert popularity_bias(Answers(popular, *target), counts) > popularity_bias(Answers(rare, *target), counts)


def test_slates_of_the_shoppers_own_categories_are_calibrated():
    category = np.array([0, 0, 1])
    own, other = (from_rows(np.ones(1), np.array([p]), np.array([0, 1]), (1, 3)) for p in (1, 2))
    touched = (np.array([0, 1]), np.array([0]))
    assert miscalibration(own, *touched, category) == pytest.approx(0.0)
    assert miscalibration(other, *touched, category) > 1.0


def test_a_good_model_beats_popularity_and_says_so_by_segment():
    split = time_split(LOG)
    good, poor = (evaluate(n, m, split, CATALOG) for n, m in (("knn", ItemKnn()), ("popular", Popularity())))
    assert good.overall["ndcg"].low > poor.overall["ndcg"].high
    assert set(good.segments) == {"profile", "shopper", "product", "session"}
    assert json.loads(json.dumps(good.as_json()))["model"] == "knn"
    assert "| knn |" in table([good, poor])


def test_without_repeats_the_own_history_of_the_session_earns_nothing():
    split = time_split(LOG)
    assert evaluate("own", History(), split, CATALOG, repeats=False).overall["hit"].mean <= (
        evaluate("own", History(), split, CATALOG).overall["hit"].mean
    )


def test_the_time_split_is_clean_and_a_planted_leak_is_found():
    past, later = split_log(LOG, 0.8)
    check_no_leak(past, later, cut_examples(past, later, most=500, seed=1))
    with pytest.raises(LeakFound, match="not older"):
        check_no_leak(LOG, later)
    leaky = cut_examples(LOG, later, most=500, seed=1)
    with pytest.raises(LeakFound, match="histories"):
        check_no_leak(past, later, leaky)


def test_a_session_that_crosses_the_border_gives_the_past_nothing_of_later():
    frame = pd.concat([FRAME, FRAME[FRAME.session_id < 10].assign(occurred_at=FRAME.occurred_at.max())])
    past, later = split_log(build_log(frame, CATALOG.products), 0.8)
    assert past.at.max() < later.at.min()


def test_the_gate_lets_the_better_model_live_and_stops_the_worse():
    split = time_split(LOG)
    good, poor = (evaluate(n, m, split, CATALOG) for n, m in (("knn", ItemKnn()), ("popular", Popularity())))
    assert judge(poor, good).live and judge(good, good).live
    verdict = judge(good, poor)
    assert not verdict.live and "ndcg" in verdict.reason


def test_the_gate_refuses_reports_on_different_questions():
    one = evaluate("a", Popularity(), time_split(LOG), CATALOG)
    other = evaluate("a", Popularity(), time_split(LOG, share=0.4), CATALOG)
    with pytest.raises(ValueError, match="one split"):
        judge(one, other)


def test_the_bootstrap_resamples_shoppers_not_questions():
    values, shoppers = np.repeat([0.0, 1.0] * 10, 100), np.repeat(np.arange(20), 100)
    by_shopper = shopper_interval(values, shoppers)
    by_question = shopper_interval(values, np.arange(2000))
    assert by_shopper.high - by_shopper.low > 5 * (by_question.high - by_question.low)


def test_drift_alarms_on_another_population_and_not_on_a_small_sample_of_the_same():
    generator = np.random.default_rng(1)
    trained = generator.normal(size=(5000, 2))
    same, moved = generator.normal(size=(100, 2)), generator.normal(size=(100, 2)) + np.array([1.0, 0.0])
    assert not any(d.alarms for d in drift_of(["a", "b"], trained, same))
    assert [d.feature for d in drift_of(["a", "b"], trained, moved) if d.alarms] == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize("size", [60, 2000])
def test_samples_of_one_population_seldom_alarm_whatever_their_size(size: int):
    generator = np.random.default_rng(size)
    alarms = 0
    for _ in range(40):
        one, other = generator.normal(size=(size, 2)), generator.normal(size=(size // 2, 2))
        alarms += any(d.alarms for d in drift_of(["a", "b"], one, other))
    assert alarms <= 2


def test_a_small_shift_hides_in_a_small_sample_and_not_in_a_large_one():
    generator = np.random.default_rng(3)

    def shifted(size: int) -> bool:
        return drift_of(["a"], generator.normal(size=(size, 1)), generator.normal(0.3, size=(size, 1)))[0].alarms

    assert not shifted(30)
    assert shifted(2000)


def test_populations_that_differ_by_nature_alarm_only_when_they_differ_more_than_usual():
    generator = np.random.default_rng(4)
    trained, natural = generator.normal(size=(2000, 1)), generator.normal(1.0, size=(800, 1))
    as_usual, moved = generator.normal(1.0, size=(500, 1)), generator.normal(1.6, size=(500, 1))
    [usual] = drift_of(["a"], trained, as_usual, natural=natural)
    assert usual.index > 0.25  # a fixed threshold would alarm
    assert not usual.alarms
    assert drift_of(["a"], trained, moved, natural=natural)[0].alarms

"""From the answers of several sources to the candidates of a query, and from a log to the questions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from recsys.arrays import csr, top
from recsys.blend.candidates import Answers, Width, fusion_weights, strongest, united
from recsys.blend.examples import cut_examples, split_log, window_share
from recsys.blend.model import held_out
from recsys.log import build_log

pytestmark = pytest.mark.slow


def answers() -> list[sp.csr_matrix]:
    return [
        top(csr([[9, 8, 7, 0, 0], [0, 0, 0, 0, 0]]), 5),
        top(csr([[0, 0, 4, 3, 0], [0, 2, 0, 0, 1]]), 5),
    ]


def test_the_best_of_every_source_come_in_and_deeper_scores_count_for_them():
    pairs = united(Answers.of(answers()), np.ones(2), Width(near=2, deep=5, most=9))
    assert list(zip(pairs.query.tolist(), pairs.product.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 1),
        (1, 4),
    ]
    third = pairs.scores[2].tolist(), pairs.ranks[2].tolist()
    assert third == ([7.0, 4.0], [2.0, 0.0])  # third of the first source, which came in through the second
    assert pairs.ranks[0].tolist() == [0.0, 5.0] and pairs.shares[1].tolist() == pytest.approx([8 / 9, 0.0])


def test_only_the_strongest_stay_and_barred_products_never_come_in():
    allowed = np.array([True, True, True, False, True])
    pairs = united(Answers.of(answers()), np.array([1.0, 0.01]), Width(near=5, deep=5, most=2), allowed)
    assert pairs.product[pairs.query == 0].tolist() == [0, 1]
    heavy = united(Answers.of(answers()), np.array([0.1, 1.0]), Width(near=5, deep=5, most=1), allowed)
    assert heavy.product.tolist() == [2, 1]


def test_the_strongest_of_each_query_keep_their_order():
    assert strongest(np.array([0, 0, 0, 1]), np.array([-1.0, -3.0, -2.0, -9.0]), 2, 2).tolist() == [0, 2, 3]


def test_a_source_counts_for_what_the_others_do_not_say():
    generator = np.random.default_rng(1)
    good, noise = generator.integers(0, 20, 4000), generator.integers(0, 20, 4000)
    wanted = generator.random(4000) < 0.5 / (1 + good)
    weights = fusion_weights(np.stack([good, noise, good], axis=1), wanted, 20)
    assert weights.max() == 1.0 and weights[1] < 0.3 < weights[0]
    assert weights.min() > 0  # even a source that told nothing may be the only one that answers
    assert fusion_weights(np.zeros((3, 2)), np.zeros(3, dtype=bool), 20).tolist() == [1.0, 1.0]
    few = fusion_weights(np.array([[0.0, 3.0], [9.0, 9.0]]), np.array([True, False]), 20)
    assert few.min() > 0.5  # one wanted product does not silence a source


@pytest.mark.parametrize("depth", [1, 3, 50])
def test_top_is_what_sorting_finds(depth: int):
    values = sp.random(40, 60, 0.3, format="csr", dtype=np.float32, random_state=1)
    values.data -= np.float32(0.3)
    found = top(values, depth)
    for row, dense in enumerate(values.toarray()):
        best = np.sort(dense[dense > 0])[::-1][:depth]
        a, b = found.indptr[row], found.indptr[row + 1]
        assert found.data[a:b].tolist() == best.tolist()
        assert dense[found.indices[a:b]].tolist() == best.tolist()


def sessions(count: int, length: int, *, at_once: bool = False) -> pd.DataFrame:
    rows = [(s, f"p{(s + i) % 30}") for s in range(count) for i in range(length)]
    frame = pd.DataFrame(rows, columns=["session_id", "product_id"])
    start = pd.Timestamp("2026-01-01", tz="UTC")
    if at_once:
        frame["occurred_at"] = start + pd.to_timedelta(frame.session_id, unit="h")
    return frame


def test_the_window_is_as_small_as_gives_enough_questions():
    log = build_log(sessions(1000, 5))  # four questions a session
    assert window_share(log, 400, 0.02, 0.2) == pytest.approx(0.1)
    assert window_share(log, 10, 0.02, 0.2) == 0.02
    assert window_share(log, 99_999, 0.02, 0.2) == 0.2


def test_long_baskets_give_three_questions_and_nothing_asked_is_in_the_past():
    log = build_log(sessions(100, 6, at_once=True))
    past, later = split_log(log, 0.8)
    examples = cut_examples(past, later, most=999, seed=1)
    assert sorted(np.diff(examples.queries.prefix_start).tolist()) == [2] * 20 + [3] * 20 + [4] * 20
    assert past.at.max() < later.at.min()
    assert len(np.unique(examples.shopper)) == 20  # of strangers, a session


def test_what_a_bot_did_in_a_day_is_not_asked_for_whole_by_each_of_its_visits():
    visits = pd.DataFrame({"session_id": np.arange(6_000) // 3, "product_id": np.arange(6_000) % 1_500})
    start = pd.Timestamp("2026-01-01", tz="UTC")
    bot = visits.assign(profile_id="bot", occurred_at=start + pd.to_timedelta(np.arange(6_000) * 10, unit="s"))
    early = bot.head(30).assign(profile_id="else", session_id=-1, occurred_at=start - pd.Timedelta(days=9))
    past, later = split_log(build_log(pd.concat([early, bot])), 0.01)
    wanted = np.diff(cut_examples(past, later, most=999, seed=1).target_start)
    assert 300 <= wanted.max() <= 402  # the rest of the visit, and of the day at most what is kept of a history


def test_a_shopper_is_checked_on_in_all_windows_or_in_none():
    chosen = held_out(np.arange(10_000))
    assert 0.13 < chosen.mean() < 0.17
    assert held_out(np.array([7, 7, 7])).tolist() == [bool(chosen[7])] * 3
    assert not (held_out(np.arange(10_000), 0.08) & ~chosen).any()

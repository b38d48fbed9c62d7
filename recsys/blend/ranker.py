"""The re-ranker: gradient-boosted trees (LightGBM) over the features of a pair.

The loss is the cross entropy of a list (Bruch, "An alternative cross entropy loss for learning-to-rank", WWW 2021).
Where one candidate of a hundred is wanted it goes on learning after LambdaRank has begun to learn the shop by heart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.blend.trees import Trees
from recsys.compiled import kernels
from recsys.errors import BadArtifact

SKETCH = 25  # trees of a first look


@dataclass(frozen=True, slots=True)
class Growth:
    """How one set of trees grows: LightGBM's own parameters."""

    learning_rate: float
    leaves: int
    smallest_leaf: int
    random_splits: bool  # LightGBM's extra_trees: far less able to learn a small shop by heart


CAUTIOUS = Growth(0.1, 12, 200, True)
BOLD = Growth(0.1, 31, 100, False)


@dataclass(frozen=True, slots=True)
class RankerSettings:
    """`rounds` is the most trees per set, early stopping decides; the scores of the sets are averaged."""

    sets: tuple[Growth, ...] = (CAUTIOUS, BOLD)
    rounds: int = 400
    feature_share: float = 0.3
    row_share: float = 0.8
    shrinkage: float = 5.0
    patience: int = 60
    threads: int = 1  # more of them wait for each other on a machine that has other work
    seed: int = 7


class Ranker:
    """Scores pairs; a higher score ranks earlier within a query."""

    def __init__(self, boosters: list[lightgbm.Booster], threads: int = 1) -> None:
        self.boosters, self.threads = boosters, threads
        self.trees = Trees.of(boosters) if kernels() else None  # compiled, all of them cost less than a sketch

    def score(self, features: Floats) -> Floats:
        """Return one score per row of features."""
        if self.trees is not None:
            return self.trees.score(features)
        scores = [np.asarray(b.predict(features, num_threads=self.threads)) for b in self.boosters]
        return np.asarray(np.mean(scores, axis=0))

    def sketch(self, features: Floats) -> Floats:
        """Return rough scores from the first trees alone: good enough to tell who cannot come out on top."""
        return np.asarray(self.boosters[0].predict(features, num_iteration=SKETCH, num_threads=self.threads))

    def save(self, folder: Path) -> None:
        """Write the trees in LightGBM's text format, a file per set."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, booster in enumerate(self.boosters):
            booster.save_model(str(folder / f"trees-{number}.txt"))

    @classmethod
    def load(cls, folder: Path) -> Ranker:
        """Read what `save` wrote; BadArtifact where it is missing or damaged."""
        paths = sorted(folder.glob("trees-*.txt"))
        if not paths:
            raise BadArtifact(f"{folder} holds no trees", "train again")
        try:
            return cls([lightgbm.Booster(model_file=str(path)) for path in paths])
        except (lightgbm.basic.LightGBMError, OSError) as problem:
            raise BadArtifact(f"{folder}: {problem}", "train again") from problem

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the total gain."""
        gain = np.sum([b.feature_importance("gain") for b in self.boosters], axis=0)
        names = self.boosters[0].feature_name()
        return dict(zip(names, (gain / max(gain.sum(), 1e-12)).tolist(), strict=True))


def learn(
    features: Floats, labels: Ints, query: Ints, names: list[str], settings: RankerSettings, held_out: Bools
) -> Ranker:
    """Train on the pairs of the queries that are not held out, stop when NDCG on the held-out ones no longer grows.

    `query` is sorted; `held_out` marks rows. Labels are small whole numbers, larger is better; each query has one above
    0 at least, and counts the less, the more it has: `need_of`.
    """
    need = need_of(labels, query)
    train = lightgbm.Dataset(
        features[~held_out],
        labels[~held_out],
        weight=need[~held_out],
        group=_sizes(query[~held_out]),
        feature_name=names,
    )  # the features are let go as soon as they are counted into bins: both sets of trees grow from these
    sizes = _sizes(query[held_out])
    check = train.create_valid(features[held_out], labels[held_out], group=sizes, weight=need[held_out])
    return Ranker([_grow(train, check, growth, settings) for growth in settings.sets], settings.threads)


def need_of(labels: Ints, query: Ints) -> Floats:
    """Return the weight of each row: 1 / how many rows of its query are wanted most, 1 on average.

    A shopper who wants many of the candidates is shown one of them by any order: what there is to learn is how to find
    one for those who want few. Where order tells which product came first, that one is wanted most.
    """
    if not len(query):
        return np.zeros(0)
    starts = np.flatnonzero(np.concatenate([[True], query[1:] != query[:-1]]))
    sizes = np.diff(np.append(starts, len(query)))
    most = np.repeat(np.maximum.reduceat(labels, starts), sizes)
    wanted = np.repeat(np.add.reduceat((labels == most) & (labels > 0), starts, dtype=np.int64), sizes)
    need = 1.0 / np.maximum(wanted, 1.0)
    return np.asarray(need / need.mean())


def _grow(
    train: lightgbm.Dataset, check: lightgbm.Dataset, growth: Growth, settings: RankerSettings
) -> lightgbm.Booster:
    parameters = {
        "objective": "rank_xendcg",
        "metric": "ndcg",
        "eval_at": [10],
        "learning_rate": growth.learning_rate,
        "num_leaves": growth.leaves,
        "min_data_in_leaf": growth.smallest_leaf,
        "extra_trees": growth.random_splits,
        "feature_pre_filter": False,
        "feature_fraction": settings.feature_share,
        "bagging_fraction": settings.row_share,
        "bagging_freq": 1,
        "lambda_l2": settings.shrinkage,
        "label_gain": [0, 1, 3],
        "seed": settings.seed,
        "deterministic": True,
        "force_col_wise": True,  # by rows all features would be counted, not just the drawn share
        "num_threads": settings.threads,
        "verbosity": -1,
    }
    stop = lightgbm.early_stopping(settings.patience, verbose=False)
    return lightgbm.train(parameters, train, settings.rounds, valid_sets=[check], callbacks=[stop])


def _sizes(query: Ints) -> Ints:
    return np.unique(query, return_counts=True)[1]

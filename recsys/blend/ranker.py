"""The re-ranker: gradient-boosted trees (LightGBM, LambdaRank) over the features of a pair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lightgbm
import numpy as np

from recsys.arrays import Floats, Ints
from recsys.errors import BadArtifact


@dataclass(frozen=True, slots=True)
class RankerSettings:
    """LightGBM's own parameters; `rounds` is the most trees, early stopping decides."""

    rounds: int = 500
    learning_rate: float = 0.06
    leaves: int = 12
    smallest_leaf: int = 200
    feature_share: float = 0.3
    row_share: float = 0.8
    shrinkage: float = 5.0
    cutoff: int = 20
    patience: int = 40
    threads: int = 2
    seed: int = 7


class Ranker:
    """Scores pairs; a higher score ranks earlier within a query."""

    def __init__(self, booster: lightgbm.Booster, threads: int = 2) -> None:
        self.booster, self.threads = booster, threads

    def score(self, features: Floats) -> Floats:
        """Return one score per row of features."""
        return np.asarray(self.booster.predict(features, num_threads=self.threads))

    def save(self, path: Path) -> None:
        """Write the trees as LightGBM's text format."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.booster.save_model(str(path))

    @classmethod
    def load(cls, path: Path) -> Ranker:
        """Read what `save` wrote; BadArtifact where it is missing or damaged."""
        try:
            return cls(lightgbm.Booster(model_file=str(path)))
        except (lightgbm.basic.LightGBMError, OSError) as problem:
            raise BadArtifact(f"{path}: {problem}", "train again") from problem

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the total gain."""
        gain = self.booster.feature_importance("gain")
        return dict(zip(self.booster.feature_name(), (gain / max(gain.sum(), 1e-12)).tolist(), strict=True))


def learn(
    features: Floats, labels: Ints, query: Ints, names: list[str], settings: RankerSettings, held_out: Floats
) -> Ranker:
    """Train on the pairs of the queries that are not held out, stop when NDCG on the held-out ones no longer grows.

    `query` is sorted; `held_out` marks rows. Labels are small whole numbers, larger is better.
    """
    parameters = {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [10],
        "lambdarank_truncation_level": settings.cutoff,
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.smallest_leaf,
        "feature_fraction": settings.feature_share,
        "bagging_fraction": settings.row_share,
        "bagging_freq": 1,
        "lambda_l2": settings.shrinkage,
        "extra_trees": True,
        "label_gain": [0, 1, 3, 7],
        "seed": settings.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": settings.threads,
        "verbosity": -1,
    }
    train = _dataset(features[~held_out], labels[~held_out], query[~held_out], names)
    check = train.create_valid(features[held_out], labels[held_out], group=_sizes(query[held_out]))
    stop = lightgbm.early_stopping(settings.patience, verbose=False)
    booster = lightgbm.train(parameters, train, settings.rounds, valid_sets=[check], callbacks=[stop])
    return Ranker(booster, settings.threads)


def _dataset(features: Floats, labels: Ints, query: Ints, names: list[str]) -> lightgbm.Dataset:
    return lightgbm.Dataset(features, labels, group=_sizes(query), feature_name=names, free_raw_data=True)


def _sizes(query: Ints) -> Ints:
    return np.unique(query, return_counts=True)[1]

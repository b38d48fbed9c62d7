"""The blend as one model: fit sources, learn how to order their candidates on a time split, answer queries."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from recsys.arrays import Floats, Ints, Matrix, from_rows, stacked, top
from recsys.blend.candidates import Pairs, fused, strongest, united
from recsys.blend.examples import Examples, cut_examples, split_log
from recsys.blend.features import Features
from recsys.blend.ranker import Ranker, RankerSettings, learn
from recsys.blend.variety import WINDOW, tuned_weight, varied
from recsys.catalog import Catalog
from recsys.errors import BadArtifact
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.attributes import Attributes
from recsys.sources.base import Source
from recsys.sources.ease import Ease
from recsys.sources.factors import Factors
from recsys.sources.history import History
from recsys.sources.item_knn import ItemKnn
from recsys.sources.popularity import Popularity
from recsys.sources.sequence import Sequence
from recsys.sources.session_knn import SessionKnn

MakeSources = Callable[[Catalog, InteractionLog], list[Source]]

BATCH = 500
FEWEST_EXAMPLES = 200


@dataclass(frozen=True, slots=True)
class BlendSettings:
    """One default for every shop; what differs between shops is learned on the shop's own latest history."""

    depth: int = 80  # candidates per source
    candidates: int = 120  # per query, after the union
    latest_share: float = 0.2  # of the sessions, held out of the sources to learn the order
    folds: int = 3  # so many windows back at most, where one gives too few examples
    examples: int = 15_000
    negative_share: float = 0.5  # of the unwanted candidates, that the order is learned from
    ranker: RankerSettings = field(default_factory=RankerSettings)
    seed: int = 7


def default_sources(catalog: Catalog, log: InteractionLog) -> list[Source]:
    """Return the sources of the blend, unfitted: those for which shop and log have what they need."""
    sources: list[Source] = [
        History(),
        ItemKnn("tfidf"),
        ItemKnn("walk", name="walk"),
        ItemKnn("walk", hops=2, name="walk_twice"),
        Sequence(),
        Sequence(steps=1, decay=0.3, name="sequence_next"),
        Sequence(backward=1.0, steps=30, decay=0.8, name="association"),
        SessionKnn(),
        SessionKnn(fade=0.1, name="session_knn_recent"),
        Ease(),
        Popularity("popular", 30.0),
        Popularity("trending", 3.0),
    ]
    if log.has_profiles:
        sources += [
            ItemKnn("bm25", history_share=0.1, decay=0.9, name="item_knn_history"),
            ItemKnn("tfidf", by_actor=True, history_share=0.1, decay=0.9, name="item_knn_actor"),
            SessionKnn(history_share=0.05, decay=0.95, name="session_knn_history"),
            Factors("als"),
            Ease(by_actor=True, name="ease_actor"),
        ]
    else:
        sources.append(ItemKnn("bm25"))
    if catalog.categories or any(catalog.titles):
        sources.append(Attributes(catalog))
    return sources


@dataclass(frozen=True)
class Lesson:
    """Pairs of the examples of one time window: features, labels and, sorted, their query."""

    values: Floats
    labels: Ints
    query: Ints
    product: Ints
    shopper: Ints  # of each row: examples of one shopper are never both learned from and checked on

    @property
    def queries(self) -> int:
        """How many queries have at least one wanted candidate."""
        return len(np.unique(self.query))


class Blend:
    """Sources plus re-ranker. Without enough examples it falls back to reciprocal-rank fusion with equal weights."""

    def __init__(
        self,
        catalog: Catalog,
        settings: BlendSettings | None = None,
        sources: MakeSources = default_sources,
    ) -> None:
        self.catalog, self.settings, self._make = catalog, settings or BlendSettings(), sources
        self.sources: list[Source] = []
        self.ranker: Ranker | None = None
        self.variety = 0.0
        self.features: Features | None = None

    def fit(self, log: InteractionLog) -> Blend:
        """Learn the order on the latest parts of the log, then fit the sources on all of it."""
        lessons = self._lessons(log)
        self.ranker = self._learn(lessons)
        self._prepare(log)
        return self

    def _prepare(self, log: InteractionLog) -> None:
        self.sources = [s.fit(log) for s in self._make(self.catalog, log)]
        self.features = Features(log, self.catalog, self.sources)

    def save(self, folder: Path) -> None:
        """Write sources and re-ranker into a folder."""
        for source in self.sources:
            source.save(folder / source.name)
        if self.ranker is not None:
            self.ranker.save(folder / "ranker")
        names: dict[str, object] = {
            "sources": [s.name for s in self.sources],
            "products": len(self.catalog),
            "ranked": bool(self.ranker),
        }
        names["variety"] = self.variety
        (folder / "blend.json").write_text(json.dumps(names))

    def load(self, folder: Path, log: InteractionLog) -> Blend:
        """Read what `save` wrote; `log` is the one it was fitted on, for the features. BadArtifact where it differs."""
        try:
            names = json.loads((folder / "blend.json").read_text())
        except (OSError, ValueError) as problem:
            raise BadArtifact(f"{folder}: {problem}", "train again") from problem
        self.sources = [s.load(folder / s.name) for s in self._make(self.catalog, log) if s.name in names["sources"]]
        if [s.name for s in self.sources] != names["sources"] or names["products"] != len(self.catalog):
            raise BadArtifact(f"{folder} holds a blend of other sources or products", "train again")
        self.features = Features(log, self.catalog, self.sources)
        self.ranker = Ranker.load(folder / "ranker") if names["ranked"] else None
        self.variety = float(names["variety"])
        return self

    def _lessons(self, log: InteractionLog) -> list[Lesson]:
        """Go back in time, window by window, until there are enough examples."""
        found: list[Lesson] = []
        share = self.settings.latest_share
        for fold in range(self.settings.folds):
            end = 1.0 - fold * share
            past, later = split_log(log, end - share, end)
            most = self.settings.examples - sum(lesson.queries for lesson in found)
            if most < self.settings.examples / 4 or not len(past):
                break
            examples = cut_examples(past, later, most=most, seed=self.settings.seed + fold)
            self._prepare(past)
            found.append(self._lesson(past, examples))
        return found

    def _lesson(self, past: InteractionLog, examples: Examples) -> Lesson:
        features = self.features
        assert features is not None
        known = np.bincount(past.product, minlength=len(self.catalog)) > 0
        generator = np.random.default_rng(self.settings.seed)
        values, labels, query, product = [], [], [], []
        for start in range(0, len(examples), BATCH):
            part = examples.slice(start, start + BATCH)
            pairs = self.candidates(part.queries, known)
            found = labels_of(pairs, part, len(self.catalog))
            useful = np.isin(pairs.query, np.unique(pairs.query[found > 0]))
            useful &= (found > 0) | (generator.random(len(pairs)) < self.settings.negative_share)
            pairs, found = pairs.at(useful), found[useful]
            values.append(features.compute(part.queries, pairs))
            labels.append(found)
            query.append(pairs.query + start)
            product.append(pairs.product)
        rows = np.concatenate(query)
        parts = (np.concatenate(values), np.concatenate(labels), rows, np.concatenate(product))
        return Lesson(*parts, _shopper(examples.queries, rows))

    def _learn(self, lessons: list[Lesson]) -> Ranker | None:
        if sum(lesson.queries for lesson in lessons) < FEWEST_EXAMPLES or self.features is None:
            return None
        offsets = np.cumsum([0, *(int(lesson.query.max(initial=0)) + 1 for lesson in lessons)])
        query = np.concatenate([x.query + o for x, o in zip(lessons, offsets, strict=False)])
        shopper = np.concatenate([x.shopper for x in lessons])
        held = np.random.default_rng(self.settings.seed).random(int(shopper.max()) + 1) < 0.15
        values, labels = np.concatenate([x.values for x in lessons]), np.concatenate([x.labels for x in lessons])
        checked = held[shopper]
        ranker = learn(values, labels, query, self.features.names, self.settings.ranker, checked)
        product = np.concatenate([x.product for x in lessons])[checked]
        self._tune_variety(share_of(ranker.score(values[checked])), labels[checked], query[checked], product)
        return ranker

    def _tune_variety(self, scores: Floats, labels: Ints, query: Ints, product: Ints) -> None:
        """Choose how much alike products make room for others, on examples that the order was not learned from."""
        if self.features is None or self.features.attributes is None:
            return
        _, row = np.unique(query, return_inverse=True)
        starts = np.searchsorted(row, np.arange(int(row.max(initial=-1)) + 2))
        ranked = top(from_rows(scores, product, starts, (len(starts) - 1, len(self.catalog))), WINDOW)
        wanted = labels > 0
        target_start = np.concatenate([[0], np.cumsum(np.bincount(row[wanted], minlength=len(starts) - 1))])
        self.variety = tuned_weight(ranked, self.features.attributes, target_start, product[wanted])

    def candidates(self, queries: Queries, allowed: Floats | None = None) -> Pairs:
        """Return the union of the sources' candidates, the strongest by fusion."""
        depth = self.settings.depth
        pairs = united([s.score(queries, depth) for s in self.sources], depth, allowed)
        return strongest(pairs, fused(pairs, np.ones(len(self.sources))), self.settings.candidates)

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the blended ranking: queries x products, best first, scores between 0 and 1."""
        parts = [self._score(queries.slice(i, i + BATCH), depth) for i in range(0, len(queries), BATCH)]
        return stacked(parts, len(self.catalog))

    def _score(self, queries: Queries, depth: int) -> Matrix:
        pairs = self.candidates(queries)
        if self.ranker is None or self.features is None:
            values = fused(pairs, np.ones(len(self.sources)))
        else:
            values = share_of(self.ranker.score(self.features.compute(queries, pairs)))
        shape = (len(queries), len(self.catalog))
        indptr = np.searchsorted(pairs.query, np.arange(len(queries) + 1))
        ranked = top(from_rows(values, pairs.product, indptr, shape), max(depth, WINDOW))
        if self.ranker and self.features and self.features.attributes is not None:
            ranked = varied(ranked, self.features.attributes, self.variety)
        return top(ranked, depth)


def share_of(scores: Floats) -> Floats:
    """Map scores to 0 .. 1, keeping their order."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(scores, -15.0, 15.0))))


def _shopper(queries: Queries, rows: Ints) -> Ints:
    profile = queries.profile[rows]
    return np.where(profile >= 0, profile, queries.profile.max(initial=-1) + 1 + rows)


def labels_of(pairs: Pairs, examples: Examples, products: int) -> Ints:
    """Return 2 for the product that came first, where order tells, 1 for other wanted ones, 0 for the rest."""
    lengths = np.diff(examples.target_start)
    key = np.repeat(np.arange(len(examples)), lengths) * products + examples.target
    order = np.argsort(key)
    labels = np.zeros(len(pairs), dtype=np.int64)
    if not len(key):
        return labels
    wanted = pairs.query * products + pairs.product
    place = np.minimum(np.searchsorted(key[order], wanted), len(key) - 1)
    found = key[order][place] == wanted
    labels[found] = 1 + examples.target_next[order][place[found]]
    return labels

"""The blend as one model: fit sources, learn how to order their candidates on a time split, answer queries."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from recsys.arrays import Bools, Floats, Ints, Matrix, best_of_rows, from_rows, heads, stacked, top
from recsys.blend.candidates import Answers, Pairs, Width, fusion_weights, judged, picked, strongest, united
from recsys.blend.examples import Examples, cut_examples, split_log, window_share
from recsys.blend.features import Features
from recsys.blend.ranker import Ranker, RankerSettings, learn
from recsys.blend.variety import WINDOW, Traits, tuned_weight, varied
from recsys.catalog import Catalog
from recsys.columns import ORDER
from recsys.compiled import kernels
from recsys.errors import BadArtifact, OutdatedArtifact
from recsys.log import InteractionLog
from recsys.queries import Queries
from recsys.sources.attributes import Attributes
from recsys.sources.base import Judge, Source
from recsys.sources.context import PopularityBy
from recsys.sources.ease import Ease
from recsys.sources.ease_returning import EaseReturning
from recsys.sources.embedding import Embedding
from recsys.sources.factors import Factors
from recsys.sources.history import History
from recsys.sources.item_knn import ItemKnn
from recsys.sources.popularity import Popularity
from recsys.sources.rhythm import BuyAgain
from recsys.sources.sequence import Sequence
from recsys.sources.session_knn import SessionKnn
from recsys.threads import one_thread

MakeSources = Callable[[Catalog, InteractionLog], list[Source]]
FitSources = Callable[[list[Source], InteractionLog, Catalog], list[Source]]
"""Returns the sources fitted on a log: here, or wherever there is somebody to do it."""

BATCH = 500
CELLS = 25_000_000  # queries x products of a batch, for memory, where not compiled
FEWEST_EXAMPLES = 200
CHECKED = 2500  # examples are enough to check on
FEW = 0.12  # of the unwanted candidates, that the weights of the sources are learned from
MOST_NEGATIVES = 0.25  # of the unwanted candidates of an example: more cost time and change nothing
ASKED = 1500  # examples that the weights of the sources are learned from


@dataclass(frozen=True, slots=True)
class BlendSettings:
    """One default for every shop; what differs between shops is learned on the shop's own latest history."""

    depth: int = 80  # candidates per source
    scored: int = 240  # further products per source whose scores count where another source proposes them
    candidates: int = 120  # per query, after the union
    finalists: int = 50  # of the candidates that all trees look at
    latest_share: float = 0.2  # of the sessions at most, held out of the sources to learn the order
    smallest_share: float = 0.02  # the window of a shop that gives more examples than are needed
    folds: int = 3  # so many windows back at most, where one gives too few examples
    examples: int = 60_000
    negatives: int = 860_000  # unwanted candidates that the order is learned from, at most a quarter of them
    ranker: RankerSettings = field(default_factory=RankerSettings)
    seed: int = 7


def default_sources(catalog: Catalog, log: InteractionLog) -> list[Source]:
    """Return the sources of the blend, unfitted: those for which shop and log have what they need."""
    described = bool(catalog.categories or any(catalog.titles))
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
        ItemKnn("tfidf", fade=0.15, name="item_knn_recent"),
        Embedding(catalog if described else None),
        Ease(),
        Popularity("popular", 30.0),
        Popularity("trending", 3.0),
    ]
    if log.has_profiles:
        sources += [
            ItemKnn("bm25", history_share=0.1, decay=0.9, name="item_knn_history"),
            ItemKnn("tfidf", by_actor=True, history_share=0.1, decay=0.9, name="item_knn_actor"),
            SessionKnn(history_share=0.05, decay=0.95, name="session_knn_history"),
            SessionKnn(history_share=0.3, decay=0.95, by_actor=True, name="shopper_knn"),
            Factors("als"),
            Ease(by_actor=True, name="ease_actor"),
            EaseReturning(),
        ]
        if log.has_times and bool((log.event == ORDER).any()):
            sources.append(BuyAgain())
    else:
        sources.append(ItemKnn("bm25"))
    if described:
        sources.append(Attributes(catalog))
    if catalog.categories:
        sources.append(PopularityBy("category", catalog))
    return sources


def fit_here(sources: list[Source], log: InteractionLog, catalog: Catalog) -> list[Source]:
    """Fit one source after the other in this process."""
    return [source.fit(log) for source in sources]


@dataclass(frozen=True)
class Lesson:
    """Pairs of the examples of one time window: features, labels and, sorted, their query."""

    values: Floats
    labels: Ints
    query: Ints
    product: Ints
    checked: Bools  # rows of shoppers that are not learned from but checked on

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
        self.weights: dict[str, float] = {}  # of the sources in their fusion, by name; 1 where not measured
        self.features: Features | None = None

    def fit(self, log: InteractionLog, fit_sources: FitSources = fit_here) -> Blend:
        """Learn the order on the latest parts of the log, then fit the sources on all of it."""
        with one_thread():
            self.ranker = self._learn(self._lessons(log, fit_sources))  # whose features are let go before the last fit
            self._prepare(log, fit_sources)
        return self

    def _prepare(self, log: InteractionLog, fit_sources: FitSources = fit_here) -> None:
        self.sources = fit_sources(self._ordered(log), log, self.catalog)
        self.features = Features(log, self.catalog, self.sources)

    def _ordered(self, log: InteractionLog) -> list[Source]:
        """The sources, unfitted, judges last: the order of the columns of scores."""
        return sorted(self._make(self.catalog, log), key=lambda source: source.abilities.judges)

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
        features = [] if self.features is None else self.features.names
        names |= {"variety": self.variety, "weights": self.weights, "features": features}
        (folder / "blend.json").write_text(json.dumps(names))

    def load(self, folder: Path, log: InteractionLog) -> Blend:
        """Read what `save` wrote; `log` is the one it was fitted on, for the features. BadArtifact where it differs."""
        try:
            names = json.loads((folder / "blend.json").read_text())
        except (OSError, ValueError) as problem:
            raise BadArtifact(f"{folder}: {problem}", "train again") from problem
        self.sources = [s.load(folder / s.name) for s in self._ordered(log) if s.name in names["sources"]]
        if [s.name for s in self.sources] != names["sources"] or names["products"] != len(self.catalog):
            raise OutdatedArtifact(f"{folder} holds a blend of other sources or products", "train again")
        self.features = Features(log, self.catalog, self.sources)
        if names.get("features") != self.features.names:
            raise OutdatedArtifact(f"{folder} holds a blend that ranks by other features", "train again")
        self.ranker = Ranker.load(folder / "ranker") if names["ranked"] else None
        self.variety, self.weights = float(names["variety"]), dict(names.get("weights", {}))
        return self

    def _lessons(self, log: InteractionLog, fit_sources: FitSources) -> list[Lesson]:
        """Go back in time, window by window, until there are enough examples."""
        found: list[Lesson] = []
        share = window_share(log, self.settings.examples, self.settings.smallest_share, self.settings.latest_share)
        most, checked = self.settings.examples, 0.15
        self.weights = {}
        for fold in range(self.settings.folds):
            end = 1.0 - fold * share
            past, later = split_log(log, end - share, end)
            if most < self.settings.examples / 4 or not len(past):
                break
            examples = cut_examples(past, later, most=most, seed=self.settings.seed + fold)
            if not len(examples):  # sessions of one product ask nothing
                break
            self._prepare(past, fit_sources)
            known = np.bincount(past.product, minlength=len(self.catalog)) > 0
            if not found:
                self.weights = self._source_weights(examples.slice(0, ASKED), known)
                checked = float(np.clip(CHECKED / max(len(examples), 1), 0.04, 0.15))
            found.append(self._lesson(known, examples, checked))
            most -= len(examples)
        return found

    def _lesson(self, known: Bools, examples: Examples, checked_share: float) -> Lesson:
        features = self.features
        assert features is not None
        generator = np.random.default_rng(self.settings.seed)
        share = negative_share(len(examples), self.settings)
        held = held_out(examples.shopper, checked_share)
        values, labels, query, product = [], [], [], []
        for start in range(0, len(examples), self.batch):
            part = examples.slice(start, start + self.batch)
            pairs = self.candidates(part.queries, known)
            found = labels_of(pairs, part, len(self.catalog))
            useful = np.isin(pairs.query, np.unique(pairs.query[found > 0]))
            some = generator.random(len(pairs)) < share
            useful &= (found > 0) | held[pairs.query + start] | some
            pairs, found = pairs.at(useful), found[useful]
            values.append(features.compute(part.queries, pairs))
            labels.append(found)
            query.append(pairs.query + start)
            product.append(pairs.product)
        rows = np.concatenate(query)
        return Lesson(np.concatenate(values), np.concatenate(labels), rows, np.concatenate(product), held[rows])

    def _learn(self, lessons: list[Lesson]) -> Ranker | None:
        if sum(lesson.queries for lesson in lessons) < FEWEST_EXAMPLES or self.features is None:
            return None
        offsets = np.cumsum([0, *(int(lesson.query.max(initial=0)) + 1 for lesson in lessons)])
        query = np.concatenate([x.query + o for x, o in zip(lessons, offsets, strict=False)])
        values = lessons[0].values if len(lessons) == 1 else np.concatenate([x.values for x in lessons])
        labels = np.concatenate([x.labels for x in lessons])
        checked = np.concatenate([x.checked for x in lessons])
        if checked.all() or not checked.any():  # next to one shopper: better checked on them than on nobody
            checked = held_out(query)
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
        self.variety = tuned_weight(ranked, self._traits(self.features.attributes), target_start, product[wanted])

    def _traits(self, attributes: Matrix) -> Traits:
        vectors = [source.vectors for source in self.sources if isinstance(source, Embedding)]
        return Traits(attributes, vectors[0] if vectors else None)

    def _source_weights(self, examples: Examples, known: Bools) -> dict[str, float]:
        """Return how much each source counts in the fusion, by what it told of these examples."""
        self.weights, ranks, wanted = {}, [], []
        generator = np.random.default_rng(self.settings.seed)
        for start in range(0, len(examples), self.batch):
            part = examples.slice(start, start + self.batch)
            pairs = self._united(self._answers(part.queries), known, len(self.catalog))
            found = labels_of(pairs, part, len(self.catalog)) > 0
            kept = found | (generator.random(len(pairs)) < FEW)
            ranks.append(pairs.ranks[kept])
            wanted.append(found[kept])
        weights = fusion_weights(np.concatenate(ranks), np.concatenate(wanted), self.settings.scored)
        return {s.name: float(weight) for s, weight in zip(self._proposers, weights, strict=True)}

    @property
    def _proposers(self) -> list[Source]:
        return [s for s in self.sources if not s.abilities.judges]

    def _answers(self, queries: Queries) -> Answers:
        return Answers.of([s.score(queries, self.settings.scored) for s in self._proposers])

    def _united(self, answers: Answers, allowed: Floats | None, most: int, judges: int = 0) -> Pairs:
        return united(answers, self._source_shares, self._width(most), allowed, judges=judges)

    @property
    def _source_shares(self) -> Floats:
        return np.array([self.weights.get(s.name, 1.0) for s in self._proposers])

    def _width(self, most: int) -> Width:
        return Width(self.settings.depth, self.settings.scored, most)

    def candidates(self, queries: Queries, allowed: Floats | None = None) -> Pairs:
        """Return the union of the sources' candidates, the strongest by fusion, and what the judges say of them."""
        judges = len(self.sources) - len(self._proposers)
        pairs = self._united(self._answers(queries), allowed, self.settings.candidates, judges)
        return judged(pairs, self._opinions(queries, pairs), self.settings.scored) if judges else pairs

    def _opinions(self, queries: Queries, pairs: Pairs) -> list[Floats]:
        judges = [cast(Judge, s) for s in self.sources if s.abilities.judges]
        return [s.judge(queries, pairs.query, pairs.product) for s in judges]

    @property
    def batch(self) -> int:
        """How many queries are answered at a time."""
        return BATCH if kernels() else int(np.clip(CELLS // max(len(self.catalog), 1), 50, BATCH))

    def score(self, queries: Queries, depth: int) -> Matrix:
        """Return the blended ranking: queries x products, best first, scores between 0 and 1."""
        parts = [self._score(queries.slice(i, i + self.batch), depth) for i in range(0, len(queries), self.batch)]
        return stacked(parts, len(self.catalog))

    def _ranked(self, queries: Queries, ranker: Ranker, features: Features, depth: int) -> tuple[Pairs, Floats]:
        """Return the pairs that may come out on top, and their shares."""
        if ranker.trees is not None:
            answers = self._answers(queries)
            pairs = picked(answers, self._source_shares, self._width(self.settings.candidates))
            told = self._opinions(queries, pairs)
            scores = features.score(queries, pairs, answers, told, self.settings.scored, ranker.trees)
            return pairs, share_of(scores)
        pairs = self.candidates(queries)
        facts, most = features.compute(queries, pairs), max(self.settings.finalists, depth)
        if int(np.bincount(pairs.query, minlength=1).max()) > most:  # the first trees tell who cannot come out on top
            kept = strongest(pairs.query, ranker.sketch(facts), len(queries), most)
            pairs, facts = pairs.at(kept), facts[kept]
        return pairs, share_of(ranker.score(facts))

    def _score(self, queries: Queries, depth: int) -> Matrix:
        if self.ranker is None or self.features is None:
            pairs = self.candidates(queries)
            values = pairs.fusion
        else:
            pairs, values = self._ranked(queries, self.ranker, self.features, depth)
        shape = (len(queries), len(self.catalog))
        indptr = np.searchsorted(pairs.query, np.arange(len(queries) + 1))
        ranked = best_of_rows(from_rows(values, pairs.product, indptr, shape), max(depth, WINDOW))
        if self.ranker and self.features and self.features.attributes is not None:
            ranked = varied(ranked, self._traits(self.features.attributes), self.variety)
        return heads(ranked, depth)


def share_of(scores: Floats) -> Floats:
    """Map scores to 0 .. 1, keeping their order."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(scores, -15.0, 15.0))))


def negative_share(examples: int, settings: BlendSettings) -> float:
    """Return the share of unwanted candidates to learn from, where one window of time gave so many examples."""
    expected = min(examples * settings.folds, settings.examples)
    return min(settings.negatives / max(expected * settings.candidates, 1), MOST_NEGATIVES)


def held_out(shopper: Ints, share: float = 0.15) -> Bools:
    """Return which shoppers are checked on: a fixed draw by number, the same in all windows."""
    return np.asarray((shopper.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)) < share * 2**24)


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

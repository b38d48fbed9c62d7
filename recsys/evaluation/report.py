"""The evaluation of a model on the shop's own history: time split, leak check, metrics, segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np

from recsys.arrays import Bools, Floats, Ints, Matrix, csr, group_sums, row_numbers, top
from recsys.blend.examples import Examples, cut_examples, split_log
from recsys.catalog import Catalog
from recsys.evaluation.bootstrap import Interval, shopper_interval
from recsys.evaluation.leaks import check_no_leak
from recsys.evaluation.metrics import Answers, coverage, miscalibration, novelty, per_question, popularity_bias
from recsys.evaluation.segments import segments_of
from recsys.log import InteractionLog
from recsys.queries import Queries


class Scores(Protocol):
    """Anything that ranks: a fitted source or blend."""

    def score(self, queries: Queries, depth: int) -> Matrix: ...


class Fits(Scores, Protocol):
    """Anything that is fitted on a log first."""

    def fit(self, log: InteractionLog) -> object: ...


@dataclass(frozen=True)
class Split:
    """A time split ready for any number of models."""

    past: InteractionLog
    examples: Examples

    @property
    def shopper(self) -> Ints:
        """The shopper of each question; strangers each count as one."""
        profile = self.examples.queries.profile
        return np.where(profile >= 0, profile, len(self.past.profiles) + np.arange(len(profile)))


@dataclass(frozen=True)
class Report:
    """What was measured about one model. `questions` holds the per-question values, for comparisons and the gate."""

    model: str
    asked: int
    overall: dict[str, Interval]
    segments: dict[str, dict[str, dict[str, Interval]]]
    coverage: float
    novelty: float
    popularity_bias: float
    miscalibration: float
    questions: dict[str, Floats]
    shopper: Ints

    def as_json(self) -> dict[str, object]:
        """Return plain data without the per-question arrays."""
        whole = {k: v for k, v in vars(self).items() if k not in ("questions", "shopper", "overall", "segments")}
        whole["overall"] = {k: asdict(v) for k, v in self.overall.items()}
        whole["segments"] = {
            name: {label: {m: asdict(v) for m, v in row.items()} for label, row in labels.items()}
            for name, labels in self.segments.items()
        }
        return whole


def time_split(log: InteractionLog, *, share: float = 0.2, most: int = 5000, seed: int = 7) -> Split:
    """Hold out the sessions of the latest `share` as questions; raises LeakFound should the past know their answers."""
    past, later = split_log(log, 1.0 - share)
    examples = cut_examples(past, later, most=most, seed=seed)
    check_no_leak(past, later, examples)
    return Split(past, examples)


def evaluate(
    name: str, model: Fits, split: Split, catalog: Catalog, *, depth: int = 10, repeats: bool = True
) -> Report:
    """Fit the model on the past and measure it; with `repeats` False products of the session itself do not count."""
    model.fit(split.past)
    ranked = model.score(split.examples.queries, 5 * depth)
    return measure(name, ranked, split, catalog, depth=depth, repeats=repeats)


def measure(
    name: str,
    ranked: Matrix,
    split: Split,
    catalog: Catalog,
    *,
    depth: int = 10,
    repeats: bool = True,
    known: Bools | None = None,
) -> Report:
    """Measure answers that are already there (questions x products, rows best first). `known` tells for each profile of
    the log whether it has an address or a user id; without it every profile counts as known."""
    examples, queries = split.examples, split.examples.queries
    answers = Answers(ranked, examples.target_start, examples.target)
    if not repeats:
        answers = without_prefix(answers, queries)
    values = per_question(answers, depth)
    counts = group_sums(np.ones(len(split.past)), split.past.product, len(catalog))
    shopper = split.shopper
    chosen = {
        name: _by_label(labels, values, shopper) for name, labels in segments_of(examples, split.past, known).items()
    }
    return Report(
        model=name,
        asked=len(examples),
        overall={metric: shopper_interval(v, shopper) for metric, v in values.items()},
        segments=chosen,
        coverage=coverage(answers.ranked, depth),
        novelty=novelty(answers.ranked, counts, depth),
        popularity_bias=popularity_bias(answers, counts, depth),
        miscalibration=miscalibration(answers.ranked, queries.prefix_start, queries.prefix, catalog.category, depth),
        questions=values,
        shopper=shopper,
    )


def _by_label(labels: Ints, values: Mapping[str, Floats], shopper: Ints) -> dict[str, dict[str, Interval]]:
    found = {}
    for label in np.unique(labels):
        rows: Bools = labels == label
        found[str(label)] = {metric: shopper_interval(v[rows], shopper[rows]) for metric, v in values.items()}
    return found


def without_prefix(answers: Answers, queries: Queries) -> Answers:
    """Take the products of the session itself out of answers and targets."""
    products = answers.ranked.shape[1]
    seen = np.unique(row_numbers(queries.prefix_start) * products + queries.prefix)
    ranked = csr(answers.ranked.copy())
    barred = np.isin(row_numbers(ranked.indptr) * products + ranked.indices, seen)
    ranked.data = np.where(barred, 0, ranked.data).astype(np.float32)
    rows = np.repeat(np.arange(len(answers)), np.diff(answers.target_start))
    keep = ~np.isin(rows * products + answers.target, seen)
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows[keep], minlength=len(answers)))])
    return Answers(top(ranked, products), starts, answers.target[keep])


def table(reports: list[Report]) -> str:
    """Return the reports as a Markdown table, one model a row."""
    lines = ["| model | hit | recall | mrr | ndcg | coverage | novelty | popularity bias | miscalibration |"]
    lines.append("|" + "---|" * 9)
    for report in reports:
        cells = [str(report.overall[m]) for m in ("hit", "recall", "mrr", "ndcg")]
        rest = (report.coverage, report.novelty, report.popularity_bias, report.miscalibration)
        lines.append(f"| {report.model} | " + " | ".join([*cells, *(f"{x:.3f}" for x in rest)]) + " |")
    return "\n".join(lines)

"""What the `recs` commands print for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaigns.cli.output import Output
from campaigns.domain.campaign_values import tell_age
from campaigns.pipeline.recs_champion import Challenge
from campaigns.pipeline.recs_contest import Contest
from campaigns.pipeline.recs_drift import Populations
from campaigns.pipeline.recs_status import Status
from recsys.evaluation.report import Report

_METRICS = ("hit", "recall", "mrr", "ndcg")


def print_challenge(output: Output, found: Challenge) -> None:
    """The comparison, and what came of it."""
    print_contest(output, found.contest)
    report = found.published
    if report is None:
        output.line(f"The model in force stays: the new one {found.reason}.")
        output.line("`rekindle recs train --force` publishes it all the same.")
        return
    output.line(f"Version {report.version} ({found.ranking}) is in force: {found.reason}.")
    output.line(
        f"Learned from {report.interactions:,} interactions{_latest(report.blend_interactions, report.blend_days)}"
        f" and {report.products:,} products;"
        f" {report.profiles:,} profiles have a slate of their own, {report.records:,} records are in the cache."
    )


def _latest(interactions: int | None, days: float | None) -> str:
    """What of its history a full model learned from, where that is not all."""
    return f" (the full model from the latest {interactions:,}, of {days:.0f} days)" if interactions and days else ""


def print_contest(output: Output, found: Contest) -> None:
    """One row a model, then the segments of the first one, then the slot kinds."""
    for note in found.notes:
        output.line(f"Note: {note}.")
    if not found.reports:
        return
    output.line(
        f"{found.asked:,} questions from what happened after {found.border:%d %b %Y %H:%M} UTC; 10 products a slate,"
        " 95 % intervals by resampling shoppers; no leak found.\n"
    )
    _print_models(output, "Models", found.reports)
    first = found.reports[0]
    columns = ("segment", "of", "hit", "95 %", "mrr", "ndcg")
    rows = [
        (label, name, f"{row['hit'].mean:.3f}", _range(row["hit"].low, row["hit"].high), *_means(row, "mrr", "ndcg"))
        for name, labels in first.segments.items()
        for label, row in labels.items()
    ]
    output.table(f"{first.model}, by segment", columns, rows)
    if found.kinds:
        _print_models(output, f"{first.model}, by slot kind", list(found.kinds.values()))
    if found.verdict is not None:
        _print_verdict(output, found)


def _print_verdict(output: Output, found: Contest) -> None:
    assert found.verdict is not None
    rows = [
        (metric, f"{one.mean:+.4f}", f"{one.low:+.4f} to {one.high:+.4f}")
        for metric, one in found.verdict.differences.items()
    ]
    output.table(f"Difference to {found.champion}, paired by question", ("metric", "mean", "95 %"), rows)
    output.line(f"Verdict: the new model {found.verdict.reason}.\n")


def _print_models(output: Output, title: str, reports: list[Report]) -> None:
    columns = ("model", "hit", "95 %", "recall", "mrr", "ndcg", "cover", "novel", "bias", "miscal.")
    rows = [
        (
            one.model,
            f"{one.overall['hit'].mean:.3f}",
            _range(one.overall["hit"].low, one.overall["hit"].high),
            *_means(one.overall, *_METRICS[1:]),
            f"{one.coverage:.1%}",
            f"{one.novelty:.1f}",
            f"{one.popularity_bias:.2f}",
            f"{one.miscalibration:.2f}",
        )
        for one in reports
    ]
    output.table(title, columns, rows)


def _means(row: object, *names: str) -> tuple[str, ...]:
    assert isinstance(row, dict)
    return tuple(f"{row[name].mean:.3f}" for name in names)


def _range(low: float, high: float, form: str = ".2f") -> str:
    return f"{low:{form}} - {high:{form}}"


def _print_trainings(output: Output, found: Status) -> None:
    champion, training = found.champion, found.training
    if champion:
        output.line(
            f"In force: version {champion['version']} ({champion['ranking']}), made {champion['made_at'][:16]} UTC"
        )
        output.line(
            f"  from {champion['interactions']:,} interactions"
            f"{_latest(champion.get('blend_interactions'), champion.get('blend_days'))}"
            f" and {champion['products']:,} products;"
            f" former versions: {', '.join(champion.get('former', ())) or 'none'}"
        )
    else:
        output.line("In force: no full model yet; `rekindle recs train` makes one")
    if training:
        output.line(f"Last refresh: version {training['version']}, {training['at']:%Y-%m-%d %H:%M} UTC")
        read = "everything" if training.get("is_whole", True) else "what was new"
        output.line(
            f"  read {read}: {training.get('new', 0):,} interactions; wrote {training.get('written', 0):,}"
            f" of {training['records']:,} records"
        )
    if found.split:
        _print_split(output, found.split)
    if found.challenge:
        stays = "went live" if found.challenge["live"] else "did not go live"
        output.line(f"Last full training: {stays}: {found.challenge['reason']}")


def _print_split(output: Output, split: Mapping[str, Any]) -> None:
    """How far a training is that is split up among workers."""
    where = (
        f"window {split['window']}: {split['done']} of {split['of']} sources fitted" if "of" in split else "beginning"
    )
    began = f"begun {split['began_at'][:16]} UTC" + (f", attempt {split['attempt']}" if split["attempt"] > 1 else "")
    output.line(f"Under way: a full training on {split['interactions']:,} interactions, {began}")
    output.line(f"  {where} at {split['at']:%Y-%m-%d %H:%M} UTC")


def print_status(output: Output, found: Status) -> None:
    """Versions, sizes, handoffs, rungs, populations, and the alarms last."""
    output.line(f"As of {found.at:%Y-%m-%d %H:%M} UTC")
    _print_trainings(output, found)
    sizes = found.sizes
    if sizes:
        output.line(
            f"Cache: neighbours of {sizes['products']:,} products, slates of {sizes['profiles']:,} profiles,"
            f" {sizes['lists']:,} bestseller lists"
        )
    if found.covered is not None:
        output.line(f"Profiles with a timer that have a slate of their own: {found.covered:.0%}")
    output.line()
    rows = [
        (h.name, _length(h.seconds), _length(h.limit), "ALARM" if h.alarms else "ok", h.detail) for h in found.handoffs
    ]
    output.table("Freshness", ("handoff", "now", "allowed", "", "measured as"), rows)
    total = sum(products for _, _, products, _ in found.rungs) or 1
    served = [
        (rung, source, products, f"{products / total:.0%}", mails) for rung, source, products, mails in found.rungs
    ]
    output.table("Served in the last 7 days", ("rung", "source", "products", "share", "mails"), served)
    _print_populations(output, found.populations)
    for alarm in found.alarms:
        output.line(f"ALARM  {alarm}")
    if not found.alarms:
        output.line("No alarms.")


def _print_populations(output: Output, found: Populations) -> None:
    shares = [("trained on", found.known_trained), ("served", found.known_served)]
    words = [f"{share:.0%} of those {who}" for who, share in shares if share is not None]
    if words:
        output.line(f"Known by address or user id: {', '.join(words)}")
    if found.hours_since_touch is not None:
        output.line(f"Decided about {found.hours_since_touch:.1f} hours after their last touch (median)")
    for skew in found.skews:
        if skew.note:
            output.line(f"{skew.name}: {skew.note}")
            continue
        rows = [
            (
                d.feature,
                f"{d.index:.3f}",
                f"{d.usual:.3f}",
                f"{d.null:.3f}",
                "ALARM" if d.feature in skew.alarms else "ok",
            )
            for d in skew.drifts
        ]
        title = f"{skew.name} ({skew.trained:,} and {skew.served:,} profiles)"
        output.table(title, ("feature", "stability index", "expected", "at most by chance", ""), rows)
    output.line()


def _length(seconds: float | None) -> str:
    return "-" if seconds is None else tell_age(seconds)

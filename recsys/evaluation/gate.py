"""Champion and challenger: a new model goes live only where it does not lose on the guard metrics."""

from __future__ import annotations

from dataclasses import dataclass

from recsys.evaluation.bootstrap import Interval, shopper_interval
from recsys.evaluation.report import Report

GUARDS = ("hit", "mrr", "ndcg")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger may go live, the paired differences (challenger less champion), and why."""

    live: bool
    differences: dict[str, Interval]
    reason: str


def judge(champion: Report, challenger: Report, *, tolerance: float = 0.01) -> Verdict:
    """Compare two reports on the same questions, paired by question and resampled by shopper.

    The challenger loses a guard metric when its difference lies wholly below zero, or may lie further below than
    `tolerance` times the champion's value while its mean is below zero. ValueError where the questions differ.
    """
    if champion.asked != challenger.asked or (champion.shopper != challenger.shopper).any():
        raise ValueError("champion and challenger answered different questions; evaluate both on one split")
    differences, lost = {}, []
    for metric in GUARDS:
        found = shopper_interval(challenger.questions[metric] - champion.questions[metric], champion.shopper)
        differences[metric] = found
        allowed = -tolerance * champion.overall[metric].mean
        if found.high < 0 or (found.mean < 0 and found.low < allowed):
            lost.append(f"{metric} {found}")
    reason = "loses on " + ", ".join(lost) if lost else "does not lose on " + ", ".join(GUARDS)
    return Verdict(not lost, differences, reason)

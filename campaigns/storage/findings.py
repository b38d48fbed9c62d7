"""What a check of `rekindle doctor` comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check came out; only a problem makes `doctor` say no."""

    FINE = "fine"
    ADVICE = "advice"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check. `line` says what is, `fix` what to do about it."""

    check: str
    verdict: Verdict
    line: str
    fix: str = ""

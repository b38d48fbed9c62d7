"""Decisions: what came out of the gates for one due step, with its reason and the facts it was based on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from campaigns.domain.campaign_reasons import (
    EXIT_SENTENCES,
    NOT_STARTED_SENTENCES,
    SENTENCES,
    ExitReason,
    NotStartedReason,
    Reason,
)

Facts = Mapping[str, Any]
"""JSON values only: text, numbers, booleans, None, lists and dicts of these."""


@dataclass(frozen=True, slots=True)
class Send:
    """Write and send it."""

    outcome: ClassVar[str] = "send"
    variant: str = ""
    reason: Reason = Reason.PASSED
    facts: Facts = field(default_factory=dict)
    is_final: ClassVar[bool] = True
    ends_enrollment: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Ghost:
    """Everything as if it were sent, slate and frequency cap included - and not sent, to measure by."""

    outcome: ClassVar[str] = "ghost"
    variant: str = ""
    reason: Reason = Reason.HOLDOUT
    facts: Facts = field(default_factory=dict)
    is_final: ClassVar[bool] = True
    ends_enrollment: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Skip:
    """Not this step. With `ends_enrollment` not the later steps either."""

    outcome: ClassVar[str] = "skip"
    reason: Reason
    facts: Facts = field(default_factory=dict)
    ends_enrollment: bool = False
    is_final: ClassVar[bool] = True
    variant: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Defer:
    """Not now: decide again at `until`."""

    outcome: ClassVar[str] = "defer"
    reason: Reason
    until: datetime
    facts: Facts = field(default_factory=dict)
    is_final: ClassVar[bool] = False
    ends_enrollment: ClassVar[bool] = False
    variant: ClassVar[str] = ""


Decision = Send | Ghost | Skip | Defer


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "(unknown)"


def explain(decision: Decision) -> str:
    """The decision in a sentence a marketer understands."""
    return explain_reason(decision.reason, decision.facts)


def explain_reason(reason: str, facts: Facts) -> str:
    """The same from a stored row; a reason of an older version of this program reads as it stands."""
    try:
        sentence = SENTENCES[Reason(reason)]
    except ValueError:
        return f"{reason}."
    values = _Blank({name: _plain(value) for name, value in facts.items()})
    if reason == Reason.EXITED:
        values["exit_sentence"] = explain_exit(str(facts.get("exit_reason", "")))
    return sentence.format_map(values)


def explain_exit(reason: str) -> str:
    """Why an enrollment ended, in words."""
    try:
        return EXIT_SENTENCES[ExitReason(reason)]
    except ValueError:
        return f"{reason}."


def explain_not_started(reason: str, facts: Facts) -> str:
    """Why an event that could have started a campaign did not, in words."""
    until = f" The next entry may be from {_plain(facts['until'])} on." if facts.get("until") else ""
    try:
        return NOT_STARTED_SENTENCES[NotStartedReason(reason)] + until
    except ValueError:
        return f"{reason}.{until}"


def _plain(value: Any) -> Any:
    if not isinstance(value, str) or "T" not in value:
        return value
    try:
        return datetime.fromisoformat(value).strftime("%d %B %Y %H:%M").lstrip("0")
    except ValueError:
        return value

"""Re-entry between the keys of one campaign: entries of a profile keep their distance, the earliest goes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from triggers.enrollments import EnrollmentMark
from triggers.instants import micros
from triggers.rules import Rule
from triggers.state import ProfileState
from triggers.trigger import Passage


def choose_openings(
    rule: Rule, state: ProfileState, marks: Mapping[str, EnrollmentMark], keys: Iterable[str] = ()
) -> dict[str, tuple[int, Passage]]:
    """Which unsettled keys may be enrolled, and the instant each entered at.

    Enrollments with a decided step are facts and keep their place. All other keys line up by the first instant at
    which they could have opened; each takes the earliest of its instants that keeps `reentry` away from every entry
    taken before it. The result depends on the state alone, not on the order in which it came about."""
    taken = [micros(mark.entered_at) for mark in marks.values() if mark.is_settled]
    waiting = _candidates(rule, state, marks, keys)
    chosen: dict[str, tuple[int, Passage]] = {}
    while waiting:
        if rule.once_per_profile and (taken or chosen):
            break
        feasible = [
            (opening, key)
            for key, (_, openings) in waiting.items()
            if (opening := _first_apart(openings, taken, rule.reentry_micros)) is not None
        ]
        if not feasible:
            break
        opening, key = min(feasible)
        chosen[key] = (opening, waiting.pop(key)[0])
        taken.append(opening)
    return chosen


def _candidates(
    rule: Rule, state: ProfileState, marks: Mapping[str, EnrollmentMark], touched: Iterable[str]
) -> dict[str, tuple[Passage, list[int]]]:
    used = _used_keys(rule, state, marks)
    independent = touched and not rule.reentry_micros and not rule.once_per_profile
    known = touched if independent else rule.trigger.known(state)
    keys = dict.fromkeys([*known, *(key for key, mark in marks.items() if mark.is_live)])
    found: dict[str, tuple[Passage, list[int]]] = {}
    for key in keys:
        seen = None if key in used else rule.trigger.look(state, key)
        if isinstance(seen, Passage) and seen.key == key:
            found[key] = (seen, _fresh_openings(rule, state, key, marks.get(key)))
    return found


def _used_keys(rule: Rule, state: ProfileState, marks: Mapping[str, EnrollmentMark]) -> set[str]:
    """Keys with a decided step, also under the name they go by since a late event moved their start."""
    used: set[str] = set()
    for key, mark in marks.items():
        if mark.is_settled:
            seen = rule.trigger.look(state, key)
            used.update((key, seen.key) if isinstance(seen, Passage) else (key,))
    return used


def _fresh_openings(rule: Rule, state: ProfileState, key: str, mark: EnrollmentMark | None) -> list[int]:
    """Openings that no imported history caused; an enrollment that is already open keeps its own."""
    own = micros(mark.entered_at) if mark is not None and mark.is_live else 0
    return [at for at in rule.trigger.openings(state, key) if at > state.history_until or at == own]


def _first_apart(openings: list[int], taken: list[int], distance: int) -> int | None:
    if not distance:
        return openings[0] if openings else None
    return next((at for at in openings if all(abs(at - other) >= distance for other in taken)), None)

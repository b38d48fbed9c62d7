"""Finds conditions that nobody can ever meet: tests of one field that exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from campaigns.domain.campaign_condition import Condition, FieldTest, Group

_INVERSE: Final = {
    "is": "is_not", "is_not": "is", "in": "not_in", "not_in": "in", "exists": "missing", "missing": "exists",
    "at_least": "less_than", "less_than": "at_least", "at_most": "more_than", "more_than": "at_most",
}  # fmt: skip
_LOWER: Final = {"at_least": False, "more_than": True, "longer_ago_than": True}
_UPPER: Final = {"at_most": False, "less_than": True, "within": False}


def find_contradiction(condition: Condition | None, implied: Sequence[FieldTest] = ()) -> str:
    """Why no profile can meet the condition, in words; nothing where one might. `implied` always holds besides."""
    if condition is None:
        return ""
    if isinstance(condition, Group) and condition.mode == "any":
        reasons = [find_contradiction(member, implied) for member in condition.members]
        return "; ".join(reasons) if all(reasons) else ""
    return _clash([*implied, *_together(condition)])


def _together(condition: Condition) -> Iterable[FieldTest]:
    """The tests that must all hold for the condition to hold; those under `any` are left out."""
    if isinstance(condition, FieldTest):
        yield condition
    elif condition.mode == "all":
        for member in condition.members:
            yield from _together(member)
    elif condition.mode == "none":
        for member in condition.members:
            if isinstance(member, FieldTest) and member.operator in _INVERSE:
                yield FieldTest(member.field, _INVERSE[member.operator], member.value, member.within)


def _clash(tests: Sequence[FieldTest]) -> str:
    """Two tests that exclude each other: of one field, or one that wants a customer and one that wants none."""
    bought = next((test for test in tests if _wants_customer(test)), None)
    stranger = next((test for test in tests if _wants_no_customer(test)), None)
    if bought is not None and stranger is not None:
        return f"({bought}) and ({stranger}) exclude each other"
    by_field: dict[tuple[str, timedelta | None], list[FieldTest]] = {}
    for test in tests:
        by_field.setdefault((test.field, test.within), []).append(test)
    for group in by_field.values():
        for index, one in enumerate(group):
            for other in group[index + 1 :]:
                if _exclude(one, other) or _exclude(other, one):
                    return f"({one}) and ({other}) exclude each other"
    return ""


def _wants_customer(test: FieldTest) -> bool:
    """Whether only somebody who ordered can pass."""
    if test.field == "profile.is_customer":
        return test.value is True
    if test.field in ("orders.last", "orders.first"):
        return test.operator != "missing"
    return test.field in ("orders.count", "orders.total_minor") and _is_above_zero(test)


def _is_above_zero(test: FieldTest) -> bool:
    if not isinstance(test.value, (int, float)):
        return False
    if test.operator in ("is", "at_least"):
        return test.value > 0
    return test.operator == "more_than" and test.value >= 0


def _wants_no_customer(test: FieldTest) -> bool:
    """Whether nobody who ordered can pass; none within a time is another matter."""
    if test.field == "profile.is_customer":
        return test.value is False
    if test.field in ("orders.last", "orders.first"):
        return test.operator == "missing"
    if test.field != "orders.count" or test.within is not None or not isinstance(test.value, (int, float)):
        return False
    return (test.operator in ("is", "at_most") and test.value < 1) or (test.operator == "less_than" and test.value <= 1)


def _exclude(one: FieldTest, other: FieldTest) -> bool:
    pair = (one.operator, other.operator)
    if pair == ("exists", "missing"):
        return True
    if one.operator == "missing":
        return other.operator not in ("missing", "is_not", "not_in", "has_none")
    if one.operator in _LOWER and other.operator in _UPPER:
        return _empty_range(one, other)
    return _exclude_words(one, other)


def _empty_range(lower: FieldTest, upper: FieldTest) -> bool:
    low, high = lower.value, upper.value
    if isinstance(low, timedelta) is not isinstance(high, timedelta):
        return False
    is_strict = _LOWER[lower.operator] or _UPPER[upper.operator]
    return bool(low >= high if is_strict else low > high)


def _exclude_words(one: FieldTest, other: FieldTest) -> bool:
    wanted, banned = _wanted(one), _banned(other)
    if wanted is not None and banned is not None and wanted <= banned:
        return True
    rival = _wanted(other)
    if wanted is not None and rival is not None:
        return not wanted & rival
    if one.operator == "is" and isinstance(one.value, (int, float)):
        return not _in_range(one.value, other)
    return one.operator in ("has", "has_all") and other.operator == "has_none" and bool(_set(one) & _set(other))


def _in_range(value: float, test: FieldTest) -> bool:
    compare = {"at_least": value.__ge__, "more_than": value.__gt__, "at_most": value.__le__, "less_than": value.__lt__}
    return bool(compare[test.operator](test.value)) if test.operator in compare else True


def _wanted(test: FieldTest) -> set[str] | None:
    return _set(test) if test.operator in ("is", "in") else None


def _banned(test: FieldTest) -> set[str] | None:
    return _set(test) if test.operator in ("is_not", "not_in") else None


def _set(test: FieldTest) -> set[str]:
    values: Any = test.value if isinstance(test.value, tuple) else (test.value,)
    return {str(value).casefold() for value in values}

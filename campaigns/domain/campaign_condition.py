"""Conditions of audiences and steps: a tree of all / any / none over tests of one field each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, Protocol


class FieldKind(StrEnum):
    """What a field holds, and so which operators fit."""

    TEXT = "text"
    NUMBER = "number"
    AGE = "age"
    WORDS = "words"
    FLAG = "flag"


OPERATORS: Final[Mapping[FieldKind, tuple[str, ...]]] = {
    FieldKind.TEXT: ("is", "is_not", "in", "not_in", "contains", "starts_with", "exists", "missing"),
    FieldKind.NUMBER: ("is", "is_not", "at_least", "at_most", "more_than", "less_than", "exists", "missing"),
    FieldKind.AGE: ("within", "longer_ago_than", "exists", "missing"),
    FieldKind.WORDS: ("has", "has_any", "has_all", "has_none", "exists", "missing"),
    FieldKind.FLAG: ("is",),
}

FIELDS: Final[Mapping[str, FieldKind]] = {
    "profile.email_domain": FieldKind.TEXT,
    "profile.locale": FieldKind.TEXT,
    "profile.zone": FieldKind.TEXT,
    "profile.country": FieldKind.TEXT,
    "profile.segment": FieldKind.WORDS,
    "profile.first_seen": FieldKind.AGE,
    "profile.last_seen": FieldKind.AGE,
    "profile.known_since": FieldKind.AGE,
    "profile.is_customer": FieldKind.FLAG,
    "cart.items": FieldKind.NUMBER,
    "cart.total_minor": FieldKind.NUMBER,
    "cart.products": FieldKind.WORDS,
    "cart.categories": FieldKind.WORDS,
    "cart.brands": FieldKind.WORDS,
    "order.items": FieldKind.NUMBER,
    "order.total_minor": FieldKind.NUMBER,
    "order.products": FieldKind.WORDS,
    "order.categories": FieldKind.WORDS,
    "session.source": FieldKind.TEXT,
    "session.landing_url": FieldKind.TEXT,
    "session.device": FieldKind.TEXT,
    "session.views": FieldKind.NUMBER,
    "session.products": FieldKind.WORDS,
    "orders.count": FieldKind.NUMBER,
    "orders.total_minor": FieldKind.NUMBER,
    "orders.average_minor": FieldKind.NUMBER,
    "orders.last": FieldKind.AGE,
    "orders.first": FieldKind.AGE,
    "orders.products": FieldKind.WORDS,
    "orders.categories": FieldKind.WORDS,
    "views.count": FieldKind.NUMBER,
    "views.products": FieldKind.WORDS,
}
"""Fields of conditions. `profile.trait.<name>` reads a trait of any kind besides these."""

TRAIT_PREFIX: Final = "profile.trait."
WINDOWED: Final = frozenset(
    name for name in FIELDS if name.startswith(("orders.", "views.")) and FIELDS[name] is not FieldKind.AGE
)
"""Fields that may be narrowed to a recent time: `within: 90d`."""


class FieldReader(Protocol):
    """Reads a field of one profile at one moment; None where there is nothing. Ages come as timedeltas."""

    def __call__(self, name: str, within: timedelta | None) -> Any: ...


@dataclass(frozen=True, slots=True)
class FieldTest:
    """One field compared with a value."""

    field: str
    operator: str
    value: Any = None
    within: timedelta | None = None

    def holds(self, read: FieldReader) -> bool:
        """Whether the comparison is true."""
        return bool(_COMPARE[self.operator](read(self.field, self.within), self.value))

    def __str__(self) -> str:
        value = "" if self.operator in ("exists", "missing") else f" {_spell(self.value)}"
        window = f" in the last {_spell(self.within)}" if self.within else ""
        return f"{self.field} {self.operator.replace('_', ' ')}{value}{window}"


@dataclass(frozen=True, slots=True)
class Group:
    """`all`, `any` or `none` of its members."""

    mode: str
    members: tuple[Condition, ...]

    def holds(self, read: FieldReader) -> bool:
        """Whether as many members hold as the mode asks for."""
        results = (member.holds(read) for member in self.members)
        if self.mode == "all":
            return all(results)
        return any(results) if self.mode == "any" else not any(results)

    def __str__(self) -> str:
        return f"{self.mode} of ({', '.join(map(str, self.members))})"


Condition = FieldTest | Group


def unmet(condition: Condition, read: FieldReader) -> Condition | None:
    """The part of a condition to name when it does not hold; None when it holds."""
    if condition.holds(read):
        return None
    if isinstance(condition, Group) and condition.mode == "all":
        return next(found for member in condition.members if (found := unmet(member, read)) is not None)
    if isinstance(condition, Group) and condition.mode == "none":
        return Group("none", (next(member for member in condition.members if member.holds(read)),))
    return condition


def kind_of(field: str) -> FieldKind | None:
    """What a field holds; None for a trait, which may hold anything. Raises KeyError for an unknown field."""
    if field.startswith(TRAIT_PREFIX) and len(field) > len(TRAIT_PREFIX):
        return None
    return FIELDS[field]


def _spell(value: Any) -> str:
    if isinstance(value, timedelta):
        from campaigns.domain.campaign_values import spell_duration

        return spell_duration(value)
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _text(value: Any) -> str:
    return str(value).casefold()


def _among(found: Any, values: Any) -> bool:
    return found is not None and _text(found) in {_text(value) for value in values}


def _words(found: Any) -> set[str]:
    if found is None:
        return set()
    return {_text(found)} if isinstance(found, str) else {_text(word) for word in found}


def _number(found: Any) -> float | None:
    try:
        return None if found is None or isinstance(found, bool) else float(found)
    except (TypeError, ValueError):
        return None


def _same(found: Any, value: Any) -> bool:
    if found is None:
        return False
    number, other = _number(found), _number(value)
    return number == other if number is not None and other is not None else _text(found) == _text(value)


def _age(found: Any) -> timedelta | None:
    return found if isinstance(found, timedelta) else None


_COMPARE: Final[Mapping[str, Any]] = {
    "is": _same,
    "is_not": lambda found, value: not _same(found, value),
    "in": _among,
    "not_in": lambda found, values: not _among(found, values),
    "contains": lambda found, value: found is not None and _text(value) in _text(found),
    "starts_with": lambda found, value: found is not None and _text(found).startswith(_text(value)),
    "exists": lambda found, _: found not in (None, "", ()) and found != frozenset(),
    "missing": lambda found, _: found in (None, "", ()) or found == frozenset(),
    "at_least": lambda found, value: (number := _number(found)) is not None and number >= value,
    "at_most": lambda found, value: (number := _number(found)) is not None and number <= value,
    "more_than": lambda found, value: (number := _number(found)) is not None and number > value,
    "less_than": lambda found, value: (number := _number(found)) is not None and number < value,
    "within": lambda found, value: (age := _age(found)) is not None and age <= value,
    "longer_ago_than": lambda found, value: (age := _age(found)) is not None and age > value,
    "has": lambda found, value: _text(value) in _words(found),
    "has_any": lambda found, values: bool(_words(found) & _words(values)),
    "has_all": lambda found, values: _words(values) <= _words(found),
    "has_none": lambda found, values: not _words(found) & _words(values),
}

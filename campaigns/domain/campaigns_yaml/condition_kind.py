"""Conditions in campaign files: `field`, `operator`, `value`, or `all` / `any` / `none` with a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from campaigns.domain.campaign_condition import (
    FIELDS,
    OPERATORS,
    TRAIT_PREFIX,
    WINDOWED,
    Condition,
    FieldKind,
    FieldTest,
    Group,
    kind_of,
)
from campaigns.domain.campaigns_yaml.kinds import INVALID, Flag, Kind, Length, ListOf, Number, Text
from campaigns.domain.campaigns_yaml.source import Source, line_of, nearest, own_line

MODES: Final = ("all", "any", "none")
TEST_KEYS: Final = ("field", "operator", "value", "within")
MAX_DEPTH: Final = 8
LISTS: Final = ("in", "not_in", "has_any", "has_all", "has_none")
BARE: Final = ("exists", "missing")
ANY_OPERATOR: Final = tuple(dict.fromkeys(word for words in OPERATORS.values() for word in words))


@dataclass(frozen=True)
class ConditionKind(Kind):
    """Reads a condition tree."""

    depth: int = 0

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if isinstance(value, list):
            return self._group("all", value, source, line, key)
        if not isinstance(value, dict):
            return _note(
                source, line, key, f"must be a condition: field, operator and value, or one of {', '.join(MODES)}"
            )
        modes = [mode for mode in MODES if mode in value]
        if not modes:
            return _read_test(value, source, key)
        for name in value:
            if name not in MODES:
                _note(source, line_of(value, name), f"{key}.{name}", f"cannot stand beside {modes[0]}")
        groups = [self._group(mode, value[mode], source, line_of(value, mode), f"{key}.{mode}") for mode in modes]
        if INVALID in groups:
            return INVALID
        return groups[0] if len(groups) == 1 else Group("all", tuple(groups))

    def _group(self, mode: str, members: Any, source: Source, line: int, key: str) -> Any:
        if not isinstance(members, list):
            return _note(source, line, key, "must be a list of conditions")
        if not members:
            return _note(source, line, key, _EMPTY[mode])
        if self.depth >= MAX_DEPTH:
            return _note(source, line, key, f"is nested more than {MAX_DEPTH} deep")
        inner = ConditionKind(self.depth + 1)
        read = [inner.read(item, source, line_of(members, at), f"{key}[{at}]") for at, item in enumerate(members)]
        return INVALID if INVALID in read else Group(mode, tuple(read))

    def schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/condition"}


_EMPTY: Final = {
    "all": "is empty; leave it out to reach everyone",
    "any": "is empty, so that nobody would ever fit; leave it out to reach everyone",
    "none": "is empty; leave it out to reach everyone",
}


def condition_schema() -> dict[str, Any]:
    """The JSON Schema of a condition, to stand under `$defs`."""
    many = {"type": "array", "items": {"$ref": "#/$defs/condition"}, "minItems": 1}
    names = {"anyOf": [{"enum": list(FIELDS)}, {"type": "string", "pattern": r"^profile\.trait\..+$"}]}
    test = {
        "type": "object",
        "additionalProperties": False,
        "required": ["field", "operator"],
        "properties": {
            "field": {**names, "description": "What to look at."},
            "operator": {"enum": list(ANY_OPERATOR), "description": "How to compare."},
            "value": {"description": "What to compare with; a list for in, not_in and has_any, has_all, has_none."},
            "within": {**Length().schema(), "description": "Only what happened in this last time counts."},
        },
    }
    group = {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": dict.fromkeys(MODES, many),
    }
    return {"anyOf": [test, group, many]}


def _read_test(value: dict[str, Any], source: Source, key: str) -> Condition | object:
    before = len(source.problems)
    for name in value:
        if name not in TEST_KEYS:
            allowed = ", ".join((*TEST_KEYS, *MODES))
            what = f"is unknown{nearest(name, (*TEST_KEYS, *MODES))}; allowed: {allowed}"
            source.note(line_of(value, name), f"{key}.{name}", what)
    field, operator = value.get("field"), value.get("operator")
    if field is None or operator is None:
        return _note(source, own_line(value), key, "a condition needs field and operator")
    if not _is_field(field):
        near = nearest(field, FIELDS)
        return _note(
            source, line_of(value, "field"), f"{key}.field", f'"{field}" is unknown{near}; see docs/campaign-files.md'
        )
    kind = kind_of(field)
    operators = ANY_OPERATOR if kind is None else OPERATORS[kind]
    if operator not in operators:
        what = f'"{operator}" does not fit {field}{nearest(operator, operators)}; allowed: {", ".join(operators)}'
        return _note(source, line_of(value, "operator"), f"{key}.operator", what)
    wanted = _read_value(kind, operator, value, source, key)
    within = _read_within(field, value, source, key)
    if len(source.problems) > before:
        return INVALID
    return FieldTest(field, operator, wanted, within)


def _is_field(field: Any) -> bool:
    return isinstance(field, str) and (field in FIELDS or (field.startswith(TRAIT_PREFIX) and field != TRAIT_PREFIX))


def _read_value(kind: FieldKind | None, operator: str, value: dict[str, Any], source: Source, key: str) -> Any:
    line, key = line_of(value, "value"), f"{key}.value"
    if operator in BARE:
        return None if "value" not in value else _note(source, line, key, f"{operator} takes no value")
    if "value" not in value:
        return _note(source, own_line(value), key, "is missing")
    given = value["value"]
    if operator in LISTS:
        items = ListOf(_Scalar(), least=1, most=10_000).read(given, source, line, key)
        return tuple(items) if isinstance(items, list) else items
    return _kind_of_value(kind, operator).read(given, source, line, key)


def _kind_of_value(kind: FieldKind | None, operator: str) -> Kind:
    if kind is FieldKind.AGE or operator in ("within", "longer_ago_than"):
        return Length()
    if kind is FieldKind.NUMBER or operator in ("at_least", "at_most", "more_than", "less_than"):
        return Number()
    if kind is FieldKind.FLAG:
        return Flag()
    return Text() if kind is FieldKind.TEXT else _Scalar()


def _read_within(field: str, value: dict[str, Any], source: Source, key: str) -> Any:
    if "within" not in value:
        return None
    line = line_of(value, "within")
    if field not in WINDOWED:
        return _note(
            source, line, f"{key}.within", f"{field} cannot be narrowed to a time; only orders.* and views.* can"
        )
    return Length().read(value["within"], source, line, f"{key}.within")


@dataclass(frozen=True)
class _Scalar(Kind):
    """Text, a number, or true / false."""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if isinstance(value, (str, int, float, bool)):
            return value
        return _note(source, line, key, "must be text or a number")

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean"]}


def _note(source: Source, line: int, key: str, what: str) -> object:
    source.note(line, key, what)
    return INVALID


def fields_used(condition: Condition | None) -> Sequence[str]:
    """All fields a condition reads."""
    if condition is None:
        return ()
    if isinstance(condition, FieldTest):
        return (condition.field,)
    return [name for member in condition.members for name in fields_used(member)]

"""The kinds of value in campaign files. Each reads a value, notes problems, and describes itself as JSON Schema."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from campaigns.domain.campaign_values import Hours, parse_length
from campaigns.domain.campaigns_yaml.source import Source, nearest
from campaigns.domain.coupon import LEAST_SIGNS, pattern_fault

INVALID: Final = object()
"""What a kind returns after noting a problem."""
OFF: Final = "off"
MAX_LENGTH: Final = timedelta(days=3650)


@dataclass(frozen=True)
class Kind:
    """Reads one value. `line` and `key` say where it stands."""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Kind):
    """Any text; with `pattern`, text of a form that `form` describes."""

    pattern: str = ""
    form: str = ""
    may_be_empty: bool = False

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if not isinstance(value, str):
            return _refuse(source, line, key, f"must be text, not {_spell(value)}")
        if not value.strip() and not self.may_be_empty:
            return _refuse(source, line, key, "is empty")
        if self.pattern and not re.fullmatch(self.pattern, value):
            return _refuse(source, line, key, f'"{value}" must be {self.form}')
        return str(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", **({"pattern": f"^(?:{self.pattern})$"} if self.pattern else {})}


@dataclass(frozen=True)
class TextByLocale(Kind):
    """A text, or several by locale: `{en: 10 % off, de: 10 % Rabatt}`."""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if not isinstance(value, dict):
            return Text().read(value, source, line, key)
        texts = MapOf(Text()).read(value, source, line, key)
        strange = next((name for name in texts if not re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*", name)), None)
        if strange is not None:
            return _refuse(source, line, key, f'"{strange}" is no locale; write for example en, de or de-AT')
        return texts or _refuse(source, line, key, "is empty")

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [Text().schema(), MapOf(Text()).schema()]}


@dataclass(frozen=True)
class CodePattern(Kind):
    """The form of coupon codes: `#` stands for a drawn sign."""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        fault = pattern_fault(value) if isinstance(value, str) else f"must be text, not {_spell(value)}"
        return _refuse(source, line, key, f'"{value}" {fault}') if fault else value

    def schema(self) -> dict[str, Any]:
        drawn = "#[A-Za-z0-9._-]*" * LEAST_SIGNS
        return {
            "type": "string",
            "pattern": f"^[A-Za-z0-9._-]*(?:{drawn})[A-Za-z0-9#._-]*$",
            "examples": ["SPRING-####-####"],
        }


@dataclass(frozen=True)
class Flag(Kind):
    """true or false."""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        return (
            value
            if isinstance(value, bool)
            else _refuse(source, line, key, f"must be true or false, not {_spell(value)}")
        )

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number within bounds. Zero is out of bounds wherever it would read as a limit."""

    least: int = 1
    most: int = 1_000_000

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int):
            return _refuse(source, line, key, f"must be a whole number, not {_spell(value)}")
        if not self.least <= value <= self.most:
            return _refuse(source, line, key, f"{value} must lie between {self.least} and {self.most}{_zero(value)}")
        return int(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Number(Kind):
    """Any number."""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
            return _refuse(source, line, key, f"must be a number, not {_spell(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "number"}


@dataclass(frozen=True)
class Length(Kind):
    """A length of time: `1h`, `10d`. With `may_be_none`, `0s` is allowed; with `may_be_off`, `off` is no limit."""

    may_be_none: bool = False
    may_be_off: bool = False
    may_be_shop: bool = False

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if self.may_be_off and is_off(value):
            return None
        if self.may_be_shop and value == "shop":
            return "shop"
        if not isinstance(value, str):
            return _refuse(source, line, key, f"{_spell(value)} is not a length of time{self._words()}")
        try:
            length = parse_length(value.lower())
        except (ValueError, OverflowError) as error:
            return _refuse(source, line, key, f'"{value}" is {error}{self._words()}')
        return self._checked(length, value, source, line, key)

    def _checked(self, length: timedelta, value: str, source: Source, line: int, key: str) -> Any:
        if not length and not self.may_be_none:
            return _refuse(source, line, key, f'"{value}" is no time at all{self._words() or "; give a real length"}')
        if length > MAX_LENGTH:
            return _refuse(source, line, key, f'"{value}" is longer than ten years')
        return length

    def _words(self) -> str:
        words = [word for word, allowed in (("off", self.may_be_off), ("shop", self.may_be_shop)) if allowed]
        return f"; {' or '.join(words)} is allowed too" if words else ""

    def schema(self) -> dict[str, Any]:
        words = [word for word, allowed in (("off", self.may_be_off), ("shop", self.may_be_shop)) if allowed]
        length = {
            "type": "string",
            "pattern": r"^\s*(\d+(\.\d+)?\s*(s|m|h|d|w)[a-z]*[ ,]*)+$",
            "examples": ["1h", "10d"],
        }
        return {"anyOf": [length, {"enum": [*words, *([False] if self.may_be_off else [])]}]} if words else length


@dataclass(frozen=True)
class HoursOrOff(Kind):
    """Hours of the day `21:00-08:00`, `off`, or with `may_be_shop` the shop's setting."""

    may_be_shop: bool = True
    may_be_off: bool = True

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if self.may_be_off and is_off(value):
            return None
        if self.may_be_shop and value == "shop":
            return "shop"
        try:
            return Hours.parse(str(value))
        except ValueError as error:
            return _refuse(source, line, key, f"{_spell(value)} is {error}")

    def schema(self) -> dict[str, Any]:
        hours = {"type": "string", "pattern": r"^\d{1,2}:\d{2}-\d{1,2}:\d{2}$", "examples": ["21:00-08:00"]}
        words = [*(["shop"] if self.may_be_shop else []), *([OFF, False] if self.may_be_off else [])]
        return {"anyOf": [hours, {"enum": words}]} if words else hours


@dataclass(frozen=True)
class Share(Kind):
    """A share: `10%`, `off`, or `shop`."""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if is_off(value):
            return None
        if value == "shop":
            return "shop"
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
        if match is None:
            return _refuse(
                source, line, key, f'{_spell(value)} is not a share; write for example "10%", "off" or "shop"'
            )
        share = float(match[1]) / 100
        if not 0 < share < 1:
            return _refuse(
                source, line, key, f"{value} must lie between 0% and 100%, both excluded; off switches it off"
            )
        return share

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"}, {"enum": ["shop", OFF, False]}]}


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words."""

    words: Sequence[str]

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if value in self.words:
            return str(value)
        allowed = ", ".join(self.words)
        return _refuse(source, line, key, f"{_spell(value)} is unknown{nearest(value, self.words)}; allowed: {allowed}")

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class ListOf(Kind):
    """A list of one kind, at most `most` long."""

    item: Kind
    least: int = 0
    most: int = 100

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        from campaigns.domain.campaigns_yaml.source import line_of

        if not isinstance(value, list):
            return _refuse(source, line, key, f"must be a list, not {_spell(value)}")
        if not self.least <= len(value) <= self.most:
            return _refuse(source, line, key, f"has {len(value)} items; {self.least} to {self.most} are allowed")
        items = [
            self.item.read(item, source, line_of(value, index), f"{key}[{index}]") for index, item in enumerate(value)
        ]
        return [item for item in items if item is not INVALID]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema(), "minItems": self.least, "maxItems": self.most}


@dataclass(frozen=True)
class MapOf(Kind):
    """Names of the file's own choosing to values of one kind."""

    item: Kind

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        from campaigns.domain.campaigns_yaml.source import line_of

        if not isinstance(value, dict):
            return _refuse(source, line, key, f"must be a list of settings, not {_spell(value)}")
        read = {
            str(name): self.item.read(item, source, line_of(value, name), f"{key}.{name}")
            for name, item in value.items()
        }
        return {name: item for name, item in read.items() if item is not INVALID}

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.item.schema()}


@dataclass(frozen=True)
class Anything(Kind):
    """Plain data that somebody else checks."""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        if isinstance(value, dict):
            return {str(name): self.read(item, source, line, key) for name, item in value.items()}
        return [self.read(item, source, line, key) for item in value] if isinstance(value, list) else value

    def schema(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True)
class Setting:
    """One key of a section: what it holds, what it means, and whether it must be there."""

    kind: Kind
    says: str
    needed: bool = False
    default: Any = None


@dataclass(frozen=True)
class Section(Kind):
    """A mapping with known keys; every other key is a problem with the nearest known name."""

    settings: Mapping[str, Setting] = field(default_factory=dict)
    name: str = ""

    def read(self, value: Any, source: Source, line: int, key: str) -> Any:
        from campaigns.domain.campaigns_yaml.source import line_of, own_line

        if not isinstance(value, dict):
            return _refuse(source, line, key, f"must be a list of settings, not {_spell(value)}")
        found: dict[str, Any] = {}
        prefix = f"{key}." if key else ""
        for name, item in value.items():
            setting = self.settings.get(name)
            if setting is None:
                allowed = ", ".join(self.settings)
                what = f"is unknown{nearest(name, self.settings)}; allowed: {allowed}"
                source.note(line_of(value, name), f"{prefix}{name}", what)
                continue
            found[name] = setting.kind.read(item, source, line_of(value, name), f"{prefix}{name}")
        for name, setting in self.settings.items():
            if setting.needed and name not in value:
                source.note(own_line(value), f"{prefix}{name}", f"is missing: {setting.says}")
        return {name: item for name, item in found.items() if item is not INVALID}

    def schema(self) -> dict[str, Any]:
        needed = [name for name, setting in self.settings.items() if setting.needed]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: _described(setting) for name, setting in self.settings.items()},
            **({"required": needed} if needed else {}),
        }


def is_off(value: Any) -> bool:
    """`off`, which YAML 1.1 editors may have turned into false. Zero is not off: it would read as a limit."""
    return value is False or (isinstance(value, str) and value.strip().lower() == OFF)


def _described(setting: Setting) -> dict[str, Any]:
    described = {**setting.kind.schema(), "description": setting.says}
    if setting.default is not None:
        described["default"] = setting.default
    return described


def _refuse(source: Source, line: int, key: str, what: str) -> object:
    source.note(line, key, what)
    return INVALID


def _zero(value: int) -> str:
    return '; zero never means "no limit", leave the key out instead' if value == 0 else ""


def _spell(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a list of settings"
    if isinstance(value, list):
        return "a list"
    return f'"{value}"'

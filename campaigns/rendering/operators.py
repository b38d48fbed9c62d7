"""Operators and string formatting a template may use, checked before they take memory."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from jinja2.exceptions import SecurityError
from markupsafe import EscapeFormatter, Markup, escape

from campaigns.rendering.limits import MAX_TEXT, OverLimit, capped_size, collected, together, weighed
from campaigns.rendering.markup import trusted

_WIDE = re.compile(r"\d{4,}")
_PERCENT_SPEC = re.compile(r"%(?:\([^)]*\))?[#0\- +]*(\*|\d+)?(?:\.(\*|\d+))?")
PLAIN_TYPES = (str, int, float, bool, type(None))


def multiplied(left: Any, right: Any) -> Any:
    """`left * right`; a repeated text or list must stay within the limit."""
    if type(left) is int and type(right) is int:
        return capped_size(left * right)
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, str | list | tuple) and isinstance(times, int) and len(sequence) * times > MAX_TEXT:
            raise OverLimit(f"a text or list repeated to more than {MAX_TEXT:,} parts")
    return _weighed(capped_size(left * right))


def raised(left: Any, right: Any) -> Any:
    """`left ** right` for small powers only."""
    if isinstance(left, int) and isinstance(right, int) and right > 0 and left.bit_length() * right > 256:
        raise OverLimit("a power with more than 77 digits")
    return left**right


def added(left: Any, right: Any) -> Any:
    return _weighed(capped_size(left + right))


def _weighed(value: Any) -> Any:
    """Long lists of numbers are fine; those that hold others, or texts, are looked into."""
    if isinstance(value, list | tuple) and any(isinstance(each, list | tuple | dict | str) for each in value):
        return weighed(value)
    return value


def modulo(left: Any, right: Any) -> Any:
    """`left % right`: arithmetic, or old-style formatting with narrow widths."""
    return percent_formatted(left, right) if isinstance(left, str) else left % right


def percent_formatted(pattern: str, values: Any) -> str:
    """`pattern % values` where every width and precision is a literal of at most three digits."""
    for width, precision in _PERCENT_SPEC.findall(pattern):
        if "*" in (width, precision) or len(width) > 3 or len(precision) > 3:
            raise OverLimit("a format width of more than three digits")
    given = values.values() if isinstance(values, dict) else values if isinstance(values, tuple) else (values,)
    longest = max((len(each) for each in given if isinstance(each, str)), default=0)
    if longest * pattern.count("%") > 2 * MAX_TEXT:
        raise OverLimit(f"a text of more than {MAX_TEXT:,} characters")
    return str(capped_size(pattern % values)) if not isinstance(pattern, Markup) else pattern % values


def joined(parts: tuple[Any, ...], markup: bool) -> str:
    """The `~` operator: texts joined, escaped where the template escapes."""
    if markup or any(hasattr(part, "__html__") for part in parts):
        return trusted(together(collected(escape(part) for part in parts)))
    return together([str(part) for part in parts])


class _NarrowFormatter(Formatter):
    """`str.format` without attribute or item access, without wide fields and for one text of bearable length."""

    written = 0

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        if "." in field_name or "[" in field_name:
            raise SecurityError("format() cannot reach into values; pass the value itself")
        return super().get_field(field_name, args, kwargs)

    def format_field(self, value: Any, format_spec: str) -> str:
        if _WIDE.search(format_spec):
            raise OverLimit("a format width of more than three digits")
        text = str(super().format_field(value if isinstance(value, PLAIN_TYPES) else str(value), format_spec))
        self.written += len(text)
        if self.written > MAX_TEXT:
            raise OverLimit(f"a text of more than {MAX_TEXT:,} characters")
        return text


class _NarrowEscapeFormatter(_NarrowFormatter, EscapeFormatter):
    """The same for patterns that are HTML: what is put in is escaped."""


def brace_formatted(pattern: str, *args: Any, **kwargs: Any) -> str:
    """`pattern.format(...)` with narrow widths and no reaching into the values."""
    if isinstance(pattern, Markup):
        return trusted(_NarrowEscapeFormatter(escape).vformat(pattern, args, kwargs))
    return str(capped_size(_NarrowFormatter().vformat(pattern, args, kwargs)))

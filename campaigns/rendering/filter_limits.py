"""Jinja's own filters, asked how much they would make before they make it."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Final

from campaigns.rendering.limits import MAX_TEXT, OverLimit, collected

MAX_WRAPPED: Final = 50_000
"""Characters `wordwrap` takes: wrapping takes time with the square of a long word."""

_GATHERING: Final = ("list", "sort", "groupby", "batch", "slice", "sum", "reverse")
_MARK: Final = "jinja_pass_arg"

Filter = Callable[..., Any]


def bound_filters(filters: MutableMapping[str, Filter]) -> None:
    """Puts a look at their arguments before the filters that gather, join, wrap or indent."""
    for name in _GATHERING:
        filters[name] = _given(filters[name], lambda value, *_, **__: collected(value))
    for name, look in (("join", _joinable), ("wordwrap", _wrappable), ("indent", _indentable)):
        filters[name] = _given(filters[name], look)


def _given(used: Filter, look: Callable[..., Any]) -> Filter:
    """The filter with its value as `look` gives it; `look` takes what a template writes, and may refuse."""
    place = 1 if hasattr(used, _MARK) else 0

    def bounded(*args: Any, **kwargs: Any) -> Any:
        value = look(*args[place:], **kwargs)
        return used(*args[:place], value, *args[place + 1 :], **kwargs)

    if hasattr(used, _MARK):
        setattr(bounded, _MARK, getattr(used, _MARK))
    return bounded


def _joinable(value: Any, d: Any = "", *_: Any, **__: Any) -> Any:
    kept = collected(value)
    if isinstance(kept, list | tuple | dict | str | range):
        texts = kept if isinstance(kept, list | tuple) else ()
        _refuse_long(sum([len(each) for each in texts if isinstance(each, str)]) + len(str(d)) * len(kept))
    return kept


def _wrappable(value: Any, width: Any = 79, long_words: Any = True, wrapstring: Any = None, *_: Any, **__: Any) -> Any:
    if isinstance(value, str):
        if len(value) > MAX_WRAPPED:
            raise OverLimit(f"wordwrap of {len(value):,} characters; {MAX_WRAPPED:,} are allowed")
        _refuse_long(len(value) * len(str(wrapstring or "")))
    return value


def _indentable(value: Any, width: Any = 4, *_: Any, **__: Any) -> Any:
    by = len(width) if isinstance(width, str) else width if isinstance(width, int) else 0
    if isinstance(value, str):
        _refuse_long((len(value.splitlines()) + 1) * by)
    return value


def _refuse_long(length: int) -> None:
    if length > MAX_TEXT:
        raise OverLimit(f"a text of more than {MAX_TEXT:,} characters")

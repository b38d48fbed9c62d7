"""Names a template uses and nobody gave: an error that names the nearest one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from jinja2.runtime import Undefined
from jinja2.utils import missing

from campaigns.rendering.context import ROOT_NAMES


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name`, or ""."""
    found = get_close_matches(name, [str(each) for each in known], n=1, cutoff=0.6)
    return found[0] if found else ""


class Missing(Undefined):
    """A value that is not there. Every use but `is defined` and `default` raises, with the nearest name."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name = str(self._undefined_name)
        if self._undefined_obj is missing:
            return f"there is no '{name}'{self._suggestion(name, ROOT_NAMES)}"
        if self._undefined_obj is None:
            return f"'.{name}' of a value that is None; test the value with {{% if %}} first"
        if isinstance(self._undefined_obj, dict):
            return f"there is no '.{name}' here{self._suggestion(name, self._undefined_obj)}"
        if isinstance(self._undefined_obj, list | tuple) and name.lstrip("-").isdecimal():
            size = len(self._undefined_obj)
            return f"there is no item [{name}] in a list of {size}; test the list with {{% if %}} first"
        return f"a {type(self._undefined_obj).__name__} has no '.{name}' a template may use"

    @staticmethod
    def _suggestion(name: str, known: Iterable[Any]) -> str:
        near = nearest(name, known)
        return (
            f", did you mean '{near}'?" if near else f"; there is {', '.join(map(str, list(known)[:12])) or 'nothing'}"
        )

    def _refuse(self, *_: Any, **__: Any) -> Any:
        return self._fail_with_undefined_error()

    __iter__ = __str__ = __len__ = __bool__ = __contains__ = _refuse
    __eq__ = __ne__ = _refuse
    __hash__ = Undefined.__hash__

"""Jinja's and Python's errors inside a template, told as one TemplateProblem with file and line."""

from __future__ import annotations

import re
from pathlib import PurePath
from traceback import walk_tb

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.tests import TESTS

from campaigns.rendering.environment import DROPPED_FILTERS
from campaigns.rendering.filters import FILTERS
from campaigns.rendering.problems import TemplateProblem, UnsafeTemplate
from campaigns.rendering.undefined import nearest

_FIXES = {
    "undefined": "correct the name or guard it with {% if %} or | default(...)",
    "syntax": "correct the tag",
    "unsafe": "templates work on plain data with the filters and functions in docs/templates.md",
    "missing": "add the file or correct the name",
}

_UNKNOWN = re.compile(r"No (?P<kind>filter|test) named '(?P<name>[^']*)'")
_MISSING = re.compile(r"'\.?(?P<name>\w+)'")
_NAMES = {"filter": {*JINJA_FILTERS, *FILTERS} - set(DROPPED_FILTERS), "test": set(TESTS)}


class rendering_errors:  # noqa: N801  (used as a word in `with`)
    """Turns whatever a template raises into TemplateProblem; `file` is named where the error knows none."""

    def __init__(self, file: str) -> None:
        self._file = file

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, TemplateProblem):
            raise _problem(error, self._file) from error


def _problem(error: Exception, file: str) -> TemplateProblem:
    if isinstance(error, TemplateSyntaxError):
        what = error.message or "syntax error"
        fix = _right_name(what) or _FIXES["syntax"]
        return TemplateProblem(what, file=_short(error.name or file), line=error.lineno, fix=fix)
    if isinstance(error, TemplateNotFound):
        place, line = _place(error, file)
        return TemplateProblem(
            f"there is no template file '{error.name}'", file=place, line=line, fix=_FIXES["missing"]
        )
    if isinstance(error, UnicodeDecodeError):
        what = f"is not text in UTF-8: byte 0x{error.object[error.start]:02x} at {error.start}"
        line = error.object.count(b"\n", 0, error.start) + 1
        return TemplateProblem(what, file=file, line=line, fix="save the file as UTF-8")
    place, line = _place(error, file)
    if isinstance(error, SecurityError | RecursionError | MemoryError):
        what = "endless recursion" if isinstance(error, RecursionError) else str(error) or "out of memory"
        return UnsafeTemplate(what, file=place, line=line, fix=_FIXES["unsafe"])
    if isinstance(error, TemplateRuntimeError):
        place, line = _where_written(error, place, line)
        fix = _FIXES["undefined"]
        if not isinstance(error, UndefinedError):  # a filter or test that nobody knows, inside a condition
            fix = _right_name(str(error)) or _FIXES["syntax"]
        return TemplateProblem(str(error), file=place, line=line, fix=fix)
    return TemplateProblem(f"{type(error).__name__}: {error}", file=place, line=line)  # filters raise anything


def _short(name: str) -> str:
    """Jinja names a file by its whole path in some errors: template folder and file are enough."""
    path = PurePath(name)
    return "/".join(path.parts[-2:]) if path.is_absolute() else name


def _place(error: BaseException, file: str) -> tuple[str, int]:
    """File and line of the innermost template frame."""
    found = (file, 0)
    for frame, line in walk_tb(error.__traceback__):
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = (template.name or file, template.get_corresponding_lineno(line))
    return found


def _right_name(what: str) -> str:
    """For a filter or test that nobody knows: the nearest that there is."""
    found = _UNKNOWN.match(what)
    if found is None:
        return ""
    if found["name"] in DROPPED_FILTERS:
        return "this filter is off; use another of docs/templates.md"
    near = nearest(found["name"], sorted(_NAMES[found["kind"]]))
    return f"did you mean '{near}'?" if near else f"use a {found['kind']} of docs/templates.md"


def _where_written(error: TemplateRuntimeError, file: str, line: int) -> tuple[str, int]:
    """The line that writes the missing name. Jinja names the line where it was used: the first of a long expression,
    or far below the `{% set %}` that misspelt it."""
    found = _MISSING.search(str(error))
    source = _source_of(error, file)
    if found is None or not source or not 1 <= line <= len(source):
        return file, line
    word = re.compile(rf"\b{re.escape(found['name'])}\b")
    places = [number for number, text in enumerate(source, 1) if word.search(text)]
    return file, min(places, key=lambda number: (abs(number - line), -number), default=line)


def _source_of(error: BaseException, file: str) -> list[str]:
    for frame, _ in walk_tb(error.__traceback__):
        template = frame.f_globals.get("__jinja_template__")
        if template is not None and template.name == file and template.environment.loader is not None:
            try:
                source: str = template.environment.loader.get_source(template.environment, file)[0]
            except (TemplateNotFound, UnicodeDecodeError):  # gone or changed since
                return []
            return source.splitlines()
    return []

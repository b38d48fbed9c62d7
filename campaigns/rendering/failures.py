"""Jinja's and Python's errors inside a template, told as one TemplateProblem with file and line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from traceback import walk_tb

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from campaigns.rendering.problems import TemplateProblem, UnsafeTemplate

_FIXES = {
    "undefined": "correct the name or guard it with {% if %} or | default(...)",
    "syntax": "correct the tag",
    "unsafe": "templates work on plain data with the filters and functions in docs/templates.md",
    "missing": "add the file or correct the name",
}


@contextmanager
def rendering_errors(file: str) -> Iterator[None]:
    """Turns whatever a template raises into TemplateProblem; `file` is named where the error knows none."""
    try:
        yield
    except TemplateProblem:
        raise
    except TemplateSyntaxError as error:
        what = error.message or "syntax error"
        raise TemplateProblem(what, file=_short(error.name or file), line=error.lineno, fix=_FIXES["syntax"]) from error
    except TemplateNotFound as error:
        raise TemplateProblem(f"there is no template file '{error.name}'", file=file, fix=_FIXES["missing"]) from error
    except (SecurityError, RecursionError, MemoryError) as error:
        what = "endless recursion" if isinstance(error, RecursionError) else str(error) or "out of memory"
        raise UnsafeTemplate(
            what, file=_place(error, file)[0], line=_place(error, file)[1], fix=_FIXES["unsafe"]
        ) from error
    except UndefinedError as error:
        raise TemplateProblem(
            str(error), file=_place(error, file)[0], line=_place(error, file)[1], fix=_FIXES["undefined"]
        ) from error
    except Exception as error:  # a template may raise anything its filters raise
        raise TemplateProblem(
            f"{type(error).__name__}: {error}", file=_place(error, file)[0], line=_place(error, file)[1]
        ) from error


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

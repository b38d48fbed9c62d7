"""The sandbox all templates run in: plain data, a closed list of what may be called, and counted work.

Jinja's own sandbox stops the known escapes to Python; what it leaves open is closed here: memory through `*`, `**`,
`%`, `+`, `~`, `format`, `center` and big ranges; time through nested loops and recursion; methods of objects handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import BuiltinMethodType, FunctionType
from typing import Any

from jinja2 import BaseLoader, Environment, Template, nodes, pass_environment
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, Context, LoopContext, Macro, TemplateReference, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace
from markupsafe import Markup

from campaigns.rendering.filter_limits import bound_filters
from campaigns.rendering.filters import FILTERS
from campaigns.rendering.includes import with_includes
from campaigns.rendering.limits import (
    Budget,
    OverLimit,
    capped_concat,
    capped_range,
    capped_size,
    collected,
    counted,
    together,
    weighed,
)
from campaigns.rendering.operators import (
    added,
    brace_formatted,
    joined,
    modulo,
    multiplied,
    percent_formatted,
    raised,
)
from campaigns.rendering.sandbox_code import SandboxCode, count_loops
from campaigns.rendering.trans_tag import TransTag
from campaigns.rendering.undefined import Missing

_TEXT_METHODS = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "index",
        "isalpha",
        "isdigit",
        "islower",
        "isupper",
        "isnumeric",
        "isspace",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "rfind",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "upper",
    ]
)
_SEQUENCE_METHODS = frozenset({"count", "index"})
_DATE_ATTRIBUTES = frozenset(
    ["year", "month", "day", "hour", "minute", "second", "weekday", "isoweekday", "isoformat", "date", "time"]
)
ATTRIBUTES: dict[type, frozenset[str]] = {
    str: _TEXT_METHODS,
    Markup: _TEXT_METHODS,
    list: _SEQUENCE_METHODS,
    tuple: _SEQUENCE_METHODS,
    dict: frozenset({"get", "items", "keys", "values"}),
    datetime: _DATE_ATTRIBUTES,
    date: frozenset(["year", "month", "day", "weekday", "isoweekday", "isoformat"]),
    timedelta: frozenset(["days", "seconds", "total_seconds"]),
    int: frozenset(),
    float: frozenset({"is_integer"}),
    bool: frozenset(),
}
LOOP_ATTRIBUTES = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0", "previtem", "nextitem"}
)
_JINJA_OBJECTS = (LoopContext, Macro, TemplateModule, Namespace, Cycler, Joiner, TemplateReference, BlockReference)
_CALLABLE_OBJECTS = (LoopContext, Macro, Cycler, Joiner, BlockReference)
_FRAME_ARGUMENTS = ("_loop_vars", "_block_vars")
DROPPED_FILTERS = ("attr", "center", "pprint", "random", "xmlattr", "urlize")
_GROWING_FILTERS = ("join", "indent", "wordwrap", "batch", "slice", "tojson", "list", "sum", "wordcount")
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"*": multiplied, "**": raised, "%": modulo, "+": added}


class FreshTemplate(Template):
    """A template whose imports belong to one rendering. Jinja keeps what a file imported or included without context
    set and printed at its first use; here the next reader may speak another language."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        keys = ctx.globals_keys - self.globals.keys() if ctx is not None else ()
        return self.make_module({key: ctx.parent[key] for key in keys} if ctx is not None and keys else None)


class SandboxEnvironment(ImmutableSandboxedEnvironment):
    """One closed environment; `autoescape` is for HTML and MJML, off for subject, preheader and text."""

    code_generator_class = SandboxCode
    template_class: type[Template] = FreshTemplate
    concat = staticmethod(capped_concat)
    joined = staticmethod(joined)
    weighed = staticmethod(weighed)
    intercepted_binops = frozenset(_OPERATORS)

    def __init__(self, loader: BaseLoader | None = None, *, autoescape: bool) -> None:
        super().__init__(
            loader=loader,
            autoescape=autoescape,
            undefined=Missing,
            finalize=shown,
            trim_blocks=False,
            keep_trailing_newline=False,
            auto_reload=False,
            cache_size=400,
            extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols", TransTag],
        )
        self.budget = Budget()
        self.binop_table.update(_OPERATORS)
        self._close_filters()
        self.globals.pop("lipsum")
        self.globals["range"] = capped_range
        self.globals["dict"] = weighed_dict
        self._speakers: set[int] = set()
        self._functions: set[int] = {id(value) for value in self.globals.values()}

    def printed(self, value: Any) -> str:
        """What stands in a text for a value."""
        return str(shown(value))

    def add_function(self, name: str, function: Callable[..., Any], *, takes_context: bool = False) -> None:
        """Gives templates one more global function; `takes_context` hands it the context first."""
        self.globals[name] = function
        self._functions.add(id(function))
        if takes_context:
            self._speakers.add(id(function))

    def join_path(self, template: str, parent: str) -> str:
        """Names starting with `./` are relative to the folder of the template that asks."""
        if not template.startswith("./"):
            return template
        folder = parent.rpartition("/")[0]
        return f"{folder}/{template[2:]}" if folder else template[2:]

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict:
            try:
                return obj[attribute]
            except KeyError:
                pass
        elif type(obj) is LoopContext and attribute in LOOP_ATTRIBUTES:
            return getattr(obj, attribute)
        return self._reach(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict | list | tuple | str):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        if isinstance(argument, str):
            return self._reach(obj, argument)
        if isinstance(obj, Undefined):
            return obj[argument]
        return self.undefined(obj=obj, name=argument)

    def is_safe_callable(self, obj: Any) -> bool:
        """Macros, registered functions, and the listed methods of plain values."""
        if isinstance(obj, _CALLABLE_OBJECTS) or id(obj) in self._functions:
            return True
        if getattr(obj, "sandbox_made", False):
            return True
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, LoopContext | Cycler):
            return True
        return owner is not None and getattr(obj, "__name__", "") in _attributes_of(owner)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        if type(obj) is Macro:
            self.budget.spend()
            for name in _FRAME_ARGUMENTS:
                kwargs.pop(name, None)
            return obj(context.eval_ctx, *args, **kwargs)
        if type(obj) is FunctionType and id(obj) in self._speakers:
            for name in _FRAME_ARGUMENTS:
                kwargs.pop(name, None)
            return obj(context, *args, **kwargs)
        if isinstance(obj, Undefined):
            return obj()
        if not self.is_safe_callable(obj):
            raise SecurityError(f"a {type(obj).__name__} cannot be called from a template")
        self.budget.spend()
        return context.call(obj, *args, **kwargs)

    def speaking(self, context: Context, name: str) -> Callable[..., str]:
        """What `t` or `_` is in this rendering: called with the context first."""
        found = context.resolve(name)
        if id(found) in self._speakers:
            return found
        return lambda context, *args, **kwargs: self.call(context, found, *args, **kwargs)

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """MJML's own includes become Jinja's: found beside the template, shadowed like any other."""
        return with_includes(super().preprocess(source, name, filename))

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        count_loops(tree)
        return tree

    def _reach(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Undefined):
            return self.unsafe_undefined(obj, attribute) if attribute.startswith("_") else getattr(obj, attribute)
        if isinstance(obj, dict):
            try:
                return obj[attribute]
            except KeyError:
                pass
        if isinstance(obj, str) and attribute == "format":
            return _sandbox_made(lambda *args, **kwargs: brace_formatted(obj, *args, **kwargs))
        if isinstance(obj, str) and attribute == "replace":
            return _sandbox_made(lambda old, new, count=-1: replaced(obj, old, new, count))
        if isinstance(obj, str) and attribute == "join":
            return _sandbox_made(lambda parts: together(collected(parts), obj))
        if isinstance(obj, datetime | date) and attribute == "strftime":
            return _sandbox_made(lambda pattern: obj.strftime(pattern[:100]))
        if attribute in _attributes_of(obj):
            return getattr(obj, attribute)
        if isinstance(obj, _JINJA_OBJECTS) and not attribute.startswith("_"):
            return super().getattr(obj, attribute)
        if attribute.startswith("_") or not isinstance(obj, tuple(ATTRIBUTES)):
            return self.unsafe_undefined(obj, attribute) if obj is not None else self.undefined(obj=obj, name=attribute)
        return self.undefined(obj=obj, name=attribute)

    def counted_items(self, items: Any) -> Any:
        if isinstance(items, Undefined):
            return iter(items)
        if items is None:
            raise SecurityError("cannot loop over None; test it with {% if %} first")
        if isinstance(items, BuiltinMethodType):
            raise SecurityError(f"cannot loop over '.{items.__name__}', a function here; did you mean another name?")
        return counted(items, self.budget)

    def _close_filters(self) -> None:
        for name in DROPPED_FILTERS:
            self.filters.pop(name)
        for name in _GROWING_FILTERS:
            self.filters[name] = _capped(self.filters[name])
        bound_filters(self.filters)
        self.filters["wordwrap"] = _remembered(self.filters["wordwrap"])
        self.filters["truncate"] = _quickly_truncated(self.filters["truncate"])
        self.filters["replace"] = replaced
        self.filters["format"] = _format_filter
        self.filters.update(FILTERS)


def replaced(text: Any, old: str, new: str, count: int | None = -1) -> str:
    """`replace` with the size of the result known before it is built."""
    source = text if isinstance(text, str) else str(text)
    hits = source.count(old) if count is None or count < 0 else min(count, source.count(old))
    if len(source) + hits * max(len(new) - len(old), 0) > MAX_REPLACED:
        raise OverLimit("replace() makes the text too long")
    return source.replace(old, new, -1 if count is None else count)


MAX_REPLACED = 1_000_000
MAX_REMEMBERED = 2_000
_QUICK = frozenset({str, Markup, int})


def _attributes_of(obj: Any) -> frozenset[str]:
    found = ATTRIBUTES.get(type(obj))
    if found is None and isinstance(obj, tuple) and hasattr(type(obj), "_fields"):
        return frozenset(getattr(obj, "_fields", ()))  # what `groupby` gives
    if found is None and isinstance(obj, dict):
        return ATTRIBUTES[dict]
    return found if found is not None else frozenset()


def shown(value: Any) -> Any:
    """What stands in the output: None shows nothing, an object of the program is refused."""
    if type(value) in _QUICK:
        return value
    if value is None:
        return ""
    if isinstance(value, _JINJA_OBJECTS) or not (
        isinstance(value, str | int | float | Undefined | list | dict | tuple | date | timedelta)
        or hasattr(value, "__html__")
    ):
        raise SecurityError(f"a {type(value).__name__} cannot be shown in a mail")
    return weighed(value) if isinstance(value, list | tuple | dict) else value


def weighed_dict(*args: Any, **kwargs: Any) -> Any:
    """`dict()` within the limits."""
    return weighed(dict(*args, **kwargs))


def _sandbox_made(function: Callable[..., Any]) -> Callable[..., Any]:
    function.sandbox_made = True  # type: ignore[attr-defined]
    return function


def _capped(filter_function: Callable[..., Any]) -> Callable[..., Any]:
    def capped(*args: Any, **kwargs: Any) -> Any:
        _refuse_large_numbers(args[1:], kwargs)
        return capped_size(filter_function(*args, **kwargs))

    for mark in ("jinja_pass_arg",):
        if hasattr(filter_function, mark):
            setattr(capped, mark, getattr(filter_function, mark))
    return capped


def _remembered(wordwrap: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, which takes longer than all else in a text part, with its last results at hand."""
    by_words = lru_cache(maxsize=1_024)(wordwrap)

    @pass_environment
    def wrapped(environment: Environment, text: Any, *args: Any, **kwargs: Any) -> Any:
        short = type(text) is str and len(text) <= MAX_REMEMBERED
        return (by_words if short else wordwrap)(environment, text, *args, **kwargs)

    return wrapped


def _quickly_truncated(truncate: Callable[..., Any]) -> Callable[..., Any]:
    """The filter; most texts are short enough as they are."""

    @pass_environment
    def truncated(environment: Environment, text: Any, length: Any = 255, *args: Any, **kwargs: Any) -> Any:
        if (
            type(text) is str
            and type(length) is int
            and len(text) <= length
            and len(args) > 1
            and len(args[1]) <= length
        ):
            return text
        return truncate(environment, text, length, *args, **kwargs)

    return truncated


def _refuse_large_numbers(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    for value in (*args, *kwargs.values()):
        if isinstance(value, int) and value > 1_000:
            raise OverLimit("a filter argument above 1,000")


def _format_filter(pattern: Any, *args: Any, **kwargs: Any) -> str:
    return percent_formatted(pattern if isinstance(pattern, str) else str(pattern), kwargs or args)

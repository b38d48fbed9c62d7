"""Names in a template against the documented context, without rendering: finds what no persona happens to reach."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from jinja2 import nodes
from jinja2.sandbox import SandboxedEnvironment

from campaigns.rendering.context import MailContext, RenderContext, SlotItem
from campaigns.rendering.lint.rules import Finding, finding
from campaigns.rendering.undefined import nearest

_METHODS = ("get", "items", "keys", "values")
Schema = Any  # a TypedDict class, a list of one, or None where anything goes


@lru_cache(maxsize=1)
def _roots() -> dict[str, Schema]:
    return {**get_type_hints(RenderContext), "mail": MailContext}


def undefined_names(tree: nodes.Template, environment: SandboxedEnvironment, file: str) -> Iterator[Finding]:
    """Names and attributes that the context does not have; loop variables are followed into their lists."""
    known = {*_roots(), *environment.globals, "loop", "caller", "self", "super", "varargs", "kwargs", *_bound(tree)}
    schemas = {**_roots(), **_loop_schemas(tree)}
    rebound = _bound(tree) - set(_loop_schemas(tree))
    for name in tree.find_all(nodes.Name):
        if name.ctx == "load" and name.name not in known and not name.name.startswith("_"):
            yield _unknown(f"there is no '{name.name}'", name.name, known, file, name.lineno)
    called = {id(call.node) for call in tree.find_all(nodes.Call)}
    for reach in tree.find_all(nodes.Getattr):
        schema = _schema_of(reach.node, {key: value for key, value in schemas.items() if key not in rebound})
        fields = get_type_hints(schema) if schema is not None and is_typeddict(schema) else None
        if fields and reach.attr not in fields and not (reach.attr in _METHODS and id(reach) in called):
            names = {*fields, *(get_type_hints(SlotItem) if "product_id" in fields else ())}
            if reach.attr not in names:
                yield _unknown(f"there is no '.{reach.attr}'", reach.attr, names, file, reach.lineno)


def _unknown(what: str, name: str, known: set[str], file: str, line: int) -> Finding:
    near = nearest(name, known)
    return finding("undefined-variable", what, file=file, line=line, fix=f"did you mean '{near}'?" if near else "")


def _bound(tree: nodes.Template) -> set[str]:
    names = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    names |= {macro.name for macro in tree.find_all(nodes.Macro)}
    names |= {load.target for load in tree.find_all(nodes.Import)}
    for load in tree.find_all(nodes.FromImport):
        names |= {each[1] if isinstance(each, tuple) else each for each in load.names}
    return names


def _loop_schemas(tree: nodes.Template) -> dict[str, Schema]:
    """`line` in `for line in cart.lines`; a name looped over different things is left alone."""
    found: dict[str, Schema] = {}
    doubtful: set[str] = {name.name for macro in tree.find_all(nodes.Macro) for name in macro.args}
    doubtful |= {each.name for assign in tree.find_all(nodes.Assign) for each in assign.target.find_all(nodes.Name)}
    doubtful |= {assign.target.name for assign in tree.find_all(nodes.Assign) if isinstance(assign.target, nodes.Name)}
    for loop in tree.find_all(nodes.For):
        if not isinstance(loop.target, nodes.Name):
            continue
        schema = _element(_schema_of(_looped(loop.iter), {**_roots(), **found}))
        if schema is None or found.get(loop.target.name, schema) is not schema:
            doubtful.add(loop.target.name)
        else:
            found[loop.target.name] = schema
    return {name: schema for name, schema in found.items() if name not in doubtful}


def _looped(iterated: nodes.Node) -> nodes.Node:
    return iterated.args[0] if isinstance(iterated, nodes.Call) and len(iterated.args) == 1 else iterated


def _schema_of(node: nodes.Node, schemas: dict[str, Schema]) -> Schema:
    if isinstance(node, nodes.Name):
        return _plain(schemas.get(node.name))
    if isinstance(node, nodes.Getattr | nodes.Getitem):
        outer = _schema_of(node.node, schemas)
        key = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
        if outer is not None and is_typeddict(outer):
            return _plain(get_type_hints(outer).get(str(key)))
        if _origin(outer) is dict:
            return _plain(get_args(outer)[1])
        if _origin(outer) is list and isinstance(key, int):
            return _element(outer)
    return None


def _plain(hint: Any) -> Schema:
    if _origin(hint) is UnionType or isinstance(hint, UnionType):
        kept = [each for each in get_args(hint) if each is not NoneType]
        return kept[0] if len(kept) == 1 else None
    return hint


def _element(schema: Schema) -> Schema:
    return _plain(get_args(schema)[0]) if _origin(schema) is list else None


def _origin(hint: Any) -> Any:
    return get_origin(hint)

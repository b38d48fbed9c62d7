"""Names and expressions of a template that is being written out flat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes
from jinja2.nodes import EvalContext
from jinja2.visitor import NodeTransformer

from campaigns.rendering.environment import SandboxEnvironment


class CannotFlatten(Exception):
    """This template has something that is not written out; it runs unflattened."""


@dataclass
class Scope:
    """Names as one file, macro or loop sees them; a name found nowhere belongs to the context."""

    outer: Scope | None = None
    bound: dict[str, Any] = field(default_factory=dict)
    with_context: bool = True
    kept: set[str] = field(default_factory=set)  # names that conditions set: one flat name before, in and after them
    is_open: bool = False  # the top of a template or a block: where blocks may stand

    def find(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bound:
                return scope.bound[name]
            if not scope.with_context:
                return Unreachable()
            scope = scope.outer
        return None


@dataclass(frozen=True)
class Unreachable:
    """A name of the context in a file imported without it."""


@dataclass(frozen=True)
class MacroHere:
    """A macro and the names around its definition."""

    node: nodes.Macro
    scope: Scope
    file: str


@dataclass(frozen=True)
class ModuleHere:
    """An imported file."""

    scope: Scope


@dataclass(frozen=True)
class CallerHere:
    """The body of a `{% call %}`, with the names around it."""

    node: nodes.CallBlock
    scope: Scope
    file: str


@dataclass(frozen=True)
class BlockHere:
    """The versions of a block, the one that counts first, and which of them is being written out."""

    versions: Sequence[tuple[nodes.Block, str]]
    index: int


class Renamed(NodeTransformer):
    """An expression with its names as the flat program has them."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def visit_Name(self, node: nodes.Name) -> nodes.Expr:  # noqa: N802
        found = self.scope.find(node.name)
        if found is None or (isinstance(found, Unreachable) and node.name in _GLOBALS):
            if node.name in _SPECIAL:
                raise CannotFlatten(node.name)
            return node
        if isinstance(found, str):
            return nodes.Name(found, "load", lineno=node.lineno)
        if isinstance(found, nodes.Const):
            return nodes.Const(found.value, lineno=node.lineno)
        if isinstance(found, nodes.Expr):  # the same wherever it is computed
            return copied(found)  # type: ignore[no-any-return]
        raise CannotFlatten("a macro or module used as a value")

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Expr:  # noqa: N802
        if isinstance(node.node, nodes.Name) and isinstance(self.scope.find(node.node.name), ModuleHere):
            found = self.scope.find(node.node.name).scope.bound.get(node.attr)
            if isinstance(found, str):
                return nodes.Name(found, "load", lineno=node.lineno)
            raise CannotFlatten("a macro used as a value")
        return self.generic_visit(node)  # type: ignore[return-value]


_SPECIAL = frozenset({"self", "super", "caller", "varargs", "kwargs", "loop"})
_GLOBALS = frozenset({"range", "dict", "namespace", "cycler", "joiner", "t", "_"})


def copied(node: Any) -> Any:
    """A copy of an expression: the same macro is written out in many places."""
    if isinstance(node, nodes.Node):
        copy = object.__new__(type(node))
        for name in (*node.fields, *node.attributes):
            setattr(copy, name, copied(getattr(node, name, None)) if name != "environment" else None)
        if getattr(node, "fixed", False):
            copy.fixed = True  # type: ignore[attr-defined]
        return copy
    if isinstance(node, list):
        return [copied(each) for each in node]
    return node


def own_names(body: Sequence[nodes.Node]) -> Iterator[nodes.Name]:
    """Names read in a body, but `loop` where a loop of that body gives it."""
    for node in body:
        if isinstance(node, nodes.Name):
            yield node
        inner = own_names(list(node.iter_child_nodes()))
        if isinstance(node, nodes.For):
            yield from own_names([node.iter])
            yield from (name for name in inner if name.name != "loop")
        else:
            yield from inner


def set_in(node: nodes.If) -> Iterator[str]:
    """Names that the branches of a condition set, those of conditions inside included."""
    for each in (*node.body, *node.elif_, *node.else_):
        if isinstance(each, nodes.If):
            yield from set_in(each)
        elif isinstance(each, nodes.Assign | nodes.AssignBlock):
            yield from (
                name.name for name in (each.target, *each.target.find_all(nodes.Name)) if isinstance(name, nodes.Name)
            )


def constant_value(node: nodes.Expr, environment: SandboxEnvironment) -> tuple[Any] | None:
    """The value of a constant expression, in a tuple; None for others."""
    try:
        node.set_environment(environment)
        return (node.as_const(EvalContext(environment)),)
    except Exception:
        return None

"""Parts of a flat program that come to the same in all mails of a shop in one language: links to its social pages, its
address, whatever hangs on nothing but `shop`, the reader's language and fixed texts.

They are part of the shape, conditions and loops included; the quick way passes over them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from jinja2 import nodes

from campaigns.rendering.holes import OF_A_MOMENT, is_settled

Names = dict[str, bool]  # whether what a name stands for here is fixed


def mark_fixed(body: Sequence[Any]) -> None:
    """Notes on every fixed statement, and on every printed expression that is fixed without being settled, that it
    is: `is_fixed` tells."""
    marker = _Marker(Counter(name.name for name in _read_in(body)))
    marker.walk(body, {})


def is_fixed(node: Any) -> bool:
    """Whether `mark_fixed` found this statement or expression to be the same in all mails."""
    return getattr(node, "fixed", False)


def _read_in(body: Sequence[Any]) -> list[nodes.Name]:
    return [name for node in body for name in _names(node) if name.ctx == "load"]


def _names(node: nodes.Node) -> list[nodes.Name]:
    return [*([node] if isinstance(node, nodes.Name) else []), *node.find_all(nodes.Name)]


class _Marker:
    """Follows what each name stands for through the statements; `reads` counts how often names are read at all."""

    def __init__(self, reads: Counter[str]) -> None:
        self._reads = reads

    def walk(self, body: Sequence[Any], names: Names) -> bool:
        """Whether all statements are fixed."""
        fixed = [self._statement(node, names) for node in body]  # each of them, for what they set
        return all(fixed)

    def _statement(self, node: Any, names: Names) -> bool:
        if isinstance(node, nodes.Output):
            printed = [self._printed(child, names) for child in node.nodes]
            return all(printed)
        if isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            names[node.target.name] = _is_fixed(node.node, names)
            return names[node.target.name]
        if isinstance(node, nodes.If):
            return self._condition(node, names)
        if isinstance(node, nodes.For):
            return self._loop(node, names)
        if isinstance(node, nodes.With):
            self.walk(node.body, {**names, **dict.fromkeys(_set_in(node.targets), False)})
            return False
        for name in _set_in([node]):
            names[name] = False
        return False

    def _printed(self, child: nodes.Expr, names: Names) -> bool:
        if is_settled(child):
            return True
        child.fixed = _is_fixed(child, names)  # type: ignore[attr-defined]
        return is_fixed(child)

    def _condition(self, node: nodes.If, names: Names) -> bool:
        fixed, ends = True, list[Names]()
        for branch in (node, *node.elif_):
            fixed = _is_fixed(branch.test, names) and fixed
            ends.append(dict(names))
            fixed = self.walk(branch.body, ends[-1]) and fixed
        ends.append(dict(names))
        fixed = self.walk(node.else_, ends[-1]) and fixed
        for name in {name for end in ends for name in end}:
            names[name] = fixed and all(end.get(name, False) for end in ends)
        return self._noted(node, fixed)

    def _loop(self, node: nodes.For, names: Names) -> bool:
        fixed = _is_fixed(node.iter, names)
        inner = {**names, **dict.fromkeys([*_set_in([node.target]), "loop"], fixed)}
        fixed = (node.test is None or _is_fixed(node.test, inner)) and fixed
        fixed = self.walk(node.body, inner) and fixed
        return self._noted(node, self.walk(node.else_, dict(names)) and fixed)

    def _noted(self, node: nodes.If | nodes.For, fixed: bool) -> bool:
        """Passes over a statement only where nothing it sets is read after or before it."""
        if fixed:
            inside = Counter(name.name for name in _read_in([node]))
            node.fixed = all(self._reads[name] == inside[name] for name in _set_in([node]))  # type: ignore[union-attr]
        return is_fixed(node)


def _set_in(found: Sequence[nodes.Node]) -> list[str]:
    return [name.name for node in found for name in _names(node) if name.ctx != "load"]


def _is_fixed(node: nodes.Node, names: Names) -> bool:
    """Whether an expression comes to the same in all mails, for what its names stand for here."""
    if is_settled(node):
        return True
    if isinstance(node, nodes.Name):
        return names.get(node.name, False)
    if isinstance(node, nodes.Call):
        if isinstance(node.node, nodes.EnvironmentAttribute):  # around what a loop runs over
            return _is_fixed(node.args[0], names)
        arguments = [*node.args, *(each.value for each in node.kwargs)]
        return (
            isinstance(node.node, nodes.Getattr)
            and node.dyn_args is None
            and node.dyn_kwargs is None
            and all(_is_fixed(each, names) for each in (node.node, *arguments))
        )
    if isinstance(node, nodes.EnvironmentAttribute) or (isinstance(node, nodes.Filter) and node.name in OF_A_MOMENT):
        return False
    inner = list(node.iter_child_nodes())
    return bool(inner) and all(_is_fixed(each, names) for each in inner)

"""The first half of compile-once: a mail's MJML with a hole wherever personal data stands.

Jinja runs as it always does, with every loop, macro, include and block the author wrote, but each value it would print
goes into a list and leaves a mark in the text. What comes out is the *shape* of the mail: the same for all
recipients with the same number of lines and the same conditions. A shape goes through MJML once.

Where a template works on printed text (`{% filter %}`, `{% set %}...{% endset %}`, a macro's result handed
to a filter), holes are off and the real value stands in the shape: slower when it differs by recipient, never wrong.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from jinja2 import BaseLoader, nodes
from jinja2.compiler import Frame
from markupsafe import Markup, escape

from campaigns.rendering.environment import SandboxEnvironment, shown
from campaigns.rendering.limits import MAX_OUTPUT, OverLimit
from campaigns.rendering.markup import quick_escape, trusted
from campaigns.rendering.sandbox_code import SandboxCode

LONG = 500
MAX_SPEAKERS = 100
MARK = "\uf8f0"
BOUND = "\uf8f3"  # begins the bounds of a unit
SLOT = "\uf8f4"  # stands for a unit in the part around it
_MARKS = re.compile("[\uf8f0\uf8f3\uf8f4]")


_SETTLED_NAMES = frozenset({"shop", "mail", "t", "_"})
_SETTLED_KEYS = count()
OF_A_MOMENT = frozenset({"date", "time", "datetime", "relative_time"})  # speak of the reader's zone, or of now


@dataclass(slots=True)
class Spoken:
    """What the mails of one template in one language have in common, for as long as the shop stays what it is: what
    the shop's own expressions and fixed texts came to, and which paths through the template were taken."""

    shop: Any
    settled: dict[int, str] = field(default_factory=dict)
    texts: dict[int, Any] = field(default_factory=dict)
    paths: dict[tuple[Any, ...], Any] = field(default_factory=dict)


class Holes(threading.local):
    """The values of the rendering under way on this thread, in the order of their marks, and what is known already."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self.off = 0
        self.long_text = 0
        self.walk: Any = None  # the quick rendering under way
        self.learned = 0  # characters of HTML in all paths of this thread
        self._known: OrderedDict[tuple[Any, ...], Spoken] = OrderedDict()
        self._take(Spoken(None))

    def start(self, speaker: tuple[Any, ...], shop: Any, *, off: bool = False) -> None:
        """Begins a rendering; `speaker` names template and language."""
        self.values = []
        self.off = int(off)
        self.long_text = 0
        spoken = self._known.get(speaker)
        if spoken is None or spoken.shop != shop:
            spoken = self._known[speaker] = Spoken(deepcopy(shop))
            while len(self._known) > MAX_SPEAKERS:
                self._known.popitem(last=False)
        if spoken.settled is not self.settled:
            self._take(spoken)

    def _take(self, spoken: Spoken) -> None:
        self.settled, self.texts, self.paths = spoken.settled, spoken.texts, spoken.paths

    def forget_paths(self) -> None:
        """Makes room; paths are learned again from what is compiled."""
        for spoken in self._known.values():
            spoken.paths.clear()
        self.learned = 0

    def weigh(self, length: int) -> None:
        """Counts long values, so that many of them cannot fill the memory."""
        self.long_text += length
        if self.long_text > MAX_OUTPUT:
            raise OverLimit(f"the output is longer than {MAX_OUTPUT:,} characters")


class HoleCode(SandboxCode):
    """Jinja's code generator, printing through `environment.hole`; a flat program looks that up only once."""

    _in_flat = False

    def visit_Scope(self, node: nodes.Scope, frame: Frame) -> None:  # noqa: N802
        self._in_flat = bool(getattr(node, "buffered", False))
        if self._in_flat:
            self.writeline("hole, settled = environment.printer(), environment.holes.settled")
        super().visit_Scope(node, frame)
        self._in_flat = False

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self._direct: set[int] = getattr(self, "_direct", set())
        self._note_direct(node)
        if not (frame.eval_ctx.autoescape or frame.eval_ctx.volatile):  # the author vouches for it
            self.write("environment.hole(environment.as_it_is(")
            return
        if not is_settled(node):
            if getattr(node, "fixed", False):
                self.write("environment.fixed_text(")
                return
            self.write("hole(" if self._in_flat else "environment.hole(")
            return
        key = next(_SETTLED_KEYS)
        settled = "settled" if self._in_flat else "environment.holes.settled"
        self.write(f"{settled}[{key}] if {key} in {settled} else environment.settle({key}, ")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")" if frame.eval_ctx.autoescape or frame.eval_ctx.volatile else "))")

    def _note_direct(self, node: nodes.Expr | None) -> None:
        if isinstance(node, nodes.Call):
            self._direct.add(id(node))
        elif isinstance(node, nodes.CondExpr):
            self._note_direct(node.expr1)
            self._note_direct(node.expr2)

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802
        if not forward_caller and isinstance(node, nodes.Call) and is_settled(node) and not frame.eval_ctx.volatile:
            key = next(_SETTLED_KEYS)
            self.write(f"(environment.holes.texts[{key}] if {key} in environment.holes.texts")
            self.write(f" else environment.settle_text({key}, ")
            super().visit_Call(node, frame)
            self.write("))")
            return
        printed = id(node) in getattr(self, "_direct", ()) or forward_caller
        counts = isinstance(node.node, nodes.EnvironmentAttribute)
        if printed or counts or (isinstance(node.node, nodes.Name) and node.node.name == "range"):
            super().visit_Call(node, frame, forward_caller=forward_caller)
            return
        self.write("environment.without_holes(environment.holes_off(), ")
        super().visit_Call(node, frame, forward_caller=forward_caller)
        self.write(")")

    def _off(self, visit: Any, node: nodes.Node, frame: Frame) -> None:
        self.writeline("environment.holes_off()")
        visit(node, frame)
        self.writeline("environment.holes_on()")

    def visit_FilterBlock(self, node: nodes.FilterBlock, frame: Frame) -> None:  # noqa: N802
        self._off(super().visit_FilterBlock, node, frame)

    def visit_AssignBlock(self, node: nodes.AssignBlock, frame: Frame) -> None:  # noqa: N802
        self._off(super().visit_AssignBlock, node, frame)

    def visit_Import(self, node: nodes.Import, frame: Frame) -> None:  # noqa: N802
        self._off(super().visit_Import, node, frame)

    def visit_FromImport(self, node: nodes.FromImport, frame: Frame) -> None:  # noqa: N802
        self._off(super().visit_FromImport, node, frame)


def is_settled(node: nodes.Node) -> bool:
    """Whether an expression speaks of nothing but the shop, the reader's language and fixed texts."""
    if isinstance(node, nodes.Call):
        called = node.node
        fixed = not node.dyn_args and not node.dyn_kwargs and all(is_settled(each.value) for each in node.kwargs)
        translates = isinstance(called, nodes.Name) and called.name in ("t", "_")
        return translates and fixed and all(isinstance(each, nodes.Const) for each in node.args)
    if isinstance(node, nodes.Name):
        return node.name == "shop"
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "mail":
        return node.attr in ("direction", "language")
    if isinstance(node, nodes.Const | nodes.TemplateData):
        return True
    if isinstance(node, nodes.EnvironmentAttribute) or (isinstance(node, nodes.Filter) and node.name in OF_A_MOMENT):
        return False
    inner = list(node.iter_child_nodes())
    return bool(inner) and all(is_settled(each) for each in inner)


def _rebinds_settled(tree: nodes.Template) -> bool:
    """Whether a template gives one of the settled names another meaning: then nothing counts as settled any more."""
    names = {each.name for each in tree.find_all(nodes.Name) if each.ctx != "load"}
    names |= {each.name for each in tree.find_all(nodes.Macro)} | {each.target for each in tree.find_all(nodes.Import)}
    for each in tree.find_all(nodes.FromImport):
        names |= {name[1] if isinstance(name, tuple) else name for name in each.names}
    return not names.isdisjoint(_SETTLED_NAMES)


def printed(value: Any) -> tuple[str | None, str]:
    """What a printed value is: part of the shape, for a macro's or block's output, or else its escaped text."""
    kind = type(value)
    if kind is str:
        return None, quick_escape(value)
    if kind is int:
        return None, str(value)
    if kind is Markup:
        if "<" not in value and MARK not in value:
            return None, value
        shape: str = value
        return shape.replace(BOUND, "") if BOUND in shape else shape, ""
    return None, str(escape(shown(value)))


class MjmlEnvironment(SandboxEnvironment):
    """The sandbox for `body.mjml`: escapes what it prints, and prints it into holes."""

    code_generator_class = HoleCode

    def __init__(self, loader: BaseLoader | None = None) -> None:
        super().__init__(loader, autoescape=True)
        self.holes = Holes()
        self.may_settle = True
        self.generation = 0

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        if self.may_settle and _rebinds_settled(tree):
            self.may_settle = False
            self.forget_settled()
        return tree

    def start(self, speaker: tuple[Any, ...], shop: Any, *, off: bool = False) -> Holes:
        """Begins a rendering on this thread; `speaker` names template and language."""
        self.holes.start((self.generation, *speaker), shop, off=off)
        return self.holes

    def hole(self, value: Any) -> str:
        """A printed value: a mark in the shape, the escaped text in the list."""
        holes = self.holes
        shape, text = printed(value)
        if shape is not None:
            return shape
        if len(text) > LONG:
            holes.weigh(len(text))
        if holes.off:
            return _MARKS.sub("", text)
        holes.values.append(text)
        return MARK

    def printer(self) -> Callable[[Any], str]:
        """`hole` for the rendering that starts now on this thread: the usual kinds of value without a detour."""
        state, hole = self.holes.__dict__, self.hole
        append = self.holes.values.append

        def quick(value: Any) -> str:
            kind = type(value)
            if state["off"] or (kind is not str and kind is not int):
                return hole(value)
            text = quick_escape(value) if kind is str else str(value)
            if len(text) > LONG:
                return hole(value)
            append(text)
            return MARK

        return quick

    def as_it_is(self, value: Any) -> Markup:
        """A value inside `{% autoescape false %}`."""
        return trusted(str(shown(value)))

    def forget_settled(self) -> None:
        """Looks up the shop's values and fixed texts anew, on all threads from their next rendering."""
        self.generation += 1
        self.holes.settled.clear()
        self.holes.texts.clear()
        self.holes.paths.clear()

    def settle(self, key: int, value: Any) -> str:
        """A value of the shop, the same in all its mails: part of the shape, and looked up once."""
        text = str(escape(shown(value))).replace(MARK, "")
        if self.may_settle:
            self.holes.settled[key] = text
        return text

    def fixed_text(self, value: Any) -> str:
        """A value that is the same in all mails of the shop, but not each time it is printed: part of the shape."""
        shape, text = printed(value)
        return _MARKS.sub("", text) if shape is None else shape

    def settle_text(self, key: int, text: Any) -> Any:
        """A fixed text in the reader's language, looked up once."""
        if self.may_settle:
            self.holes.texts[key] = text
        return text

    def holes_off(self) -> None:
        self.holes.off += 1

    def holes_on(self) -> None:
        self.holes.off -= 1

    def without_holes(self, _: None, value: Any) -> Any:
        """Ends a stretch without holes and hands on what was computed in it."""
        self.holes.off -= 1
        return value

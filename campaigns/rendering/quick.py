"""The quick way to a mail: only what differs by recipient is computed, all other text is known from the path taken.

A flat program without its text. It notes which branches it takes and how often its loops turn (the path), and collects
the values it would print. Path and text determine each other, so where a path was taken before, its compiled HTML is at
hand and the values are filled in; where not, the mail goes the long way once, and the path is learned from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from io import StringIO
from itertools import count
from typing import Any

from jinja2 import Template, nodes
from jinja2.compiler import Frame

from campaigns.rendering.compiler import size_of
from campaigns.rendering.composing import Composer, Part
from campaigns.rendering.environment import LOOP_ATTRIBUTES
from campaigns.rendering.fixed_parts import is_fixed
from campaigns.rendering.flat_names import copied
from campaigns.rendering.holes import (
    LONG,
    MARK,
    SLOT,
    HoleCode,
    Holes,
    MjmlEnvironment,
    is_settled,
    printed,
)
from campaigns.rendering.layout import FIRST_SLOT, Layout, LinkRewriter, plain_addresses
from campaigns.rendering.markup import quick_escape
from campaigns.rendering.sandbox_code import SandboxCode
from campaigns.rendering.sheets import Sheet
from campaigns.rendering.units import CLOSES, CONTENT, TURN, Closing, Unit

MAX_PATHS = 20_000
MAX_LEARNED = 32_000_000  # characters of HTML in the paths of one thread
MAX_VALUES = 200  # compilations kept for one path whose values MJML must see
_BRANCH = "\uf8f5"  # before the number of a branch
_SIGN = re.compile(f"{CONTENT[0]}[([)]|{_BRANCH}\\d+;")


class NotMet(Exception):
    """This path was not taken before."""


class DoubtfulAddress(Exception):
    """One of the addresses needs a closer look than all of them together get."""


class CannotLearn(Exception):
    """The long way and the quick one do not agree about what a mail consists of."""


class Known:
    """What a path gives: the compiled HTML of a unit, and the white space that stands around it in the MJML."""

    def __init__(self, edge: str, part: Part, order: Sequence[str]) -> None:
        self.edge = edge
        self._marks = [place for place, sign in enumerate(order) if sign == MARK]
        self._slots = [place for place, sign in enumerate(order) if sign == SLOT]
        self._end = len(order)
        self.filled = tuple(self._marks[index] for index in part.filled)
        self._sheets: dict[tuple[str, ...], Sheet] = {}
        self.only: Sheet | None = None

    def learn(self, part: Part, mine: Sequence[str]) -> None:
        sheet = Sheet(part.whole, self._place)
        if not self.filled:
            self.only = sheet
        if len(self._sheets) >= MAX_VALUES:
            self._sheets.clear()
        self._sheets[tuple([mine[place] for place in self.filled])] = sheet

    def _place(self, index: int) -> int:
        """Where among a unit's values, inner units, preheader and "" a hole of its layout finds its text."""
        if index >= FIRST_SLOT:
            return self._slots[index - FIRST_SLOT]
        if index == len(self._marks):
            return self._end
        return self._marks[index] if 0 <= index < len(self._marks) else -1

    def sheet(self, mine: list[str]) -> Sheet:
        """The unit's HTML for its values; raises NotMet where they were not met and MJML must see them."""
        sheet = self._sheets.get(tuple([mine[place] for place in self.filled]))
        if sheet is None:
            raise NotMet
        return sheet


Paths = dict[tuple[Any, ...], Known]
_NOTHING = Part((), Layout(("",), (), ()), ())
INLINE = Known("", _NOTHING, ())  # bounds of no unit: what is inside belongs to what is around


class Walk:
    """One rendering: the values and the path since the bound opened last, and what is known about paths.

    Addresses are checked all together at the end; `careful` checks each where it is filled in."""

    escaped = staticmethod(quick_escape)

    def __init__(self, known: Paths, rewrite: LinkRewriter | None, holes: Holes, *, careful: bool = True) -> None:
        self.known, self.rewrite, self.careful = known, rewrite, careful
        self.values: list[str] = []
        self.trace: list[Any] = []
        self.path = self.trace.append
        self._addresses: list[str] = []
        self._opened: list[tuple[int, int]] = []  # where values and path of each open unit begin
        self.take = _taking(self.values, self.path, holes)
        self.enter, self.leave = self._bounds()

    def _bounds(self) -> tuple[Callable[[int], None], Callable[[], None]]:
        """What the program calls where a unit begins and ends. The HTML of a unit takes the place of its values; one
        that does not stand alone stays part of what is around it."""
        values, trace, known, fill = self.values, self.trace, self._found(), self._fill
        path, rewrite, addresses, careful = trace.append, self.rewrite, self._addresses, self.careful
        opened = self._opened
        note, last = opened.append, opened.pop

        def enter(number: int) -> None:
            note((len(values), len(trace)))
            path(number)

        def leave() -> None:
            at, since = opened[-1]
            found = known(tuple(trace[since:]))
            last()
            if found is None:
                raise NotMet
            if found is INLINE:
                return
            sheet = found.only
            if careful or sheet is None:
                values[at:] = (fill(found, values[at:]),)
            else:
                values[at:] = (sheet.fill(values[at:], rewrite, addresses),)
            trace[since:] = (found.edge,)

        return enter, leave

    def finish(self, preheader: str) -> str:
        """The HTML of the mail; raises DoubtfulAddress where `careful` is the way."""
        found = self._found()(tuple(self.trace))
        if found is None or found is INLINE:
            raise NotMet
        html = self._fill(found, [*self.values, preheader])
        if not plain_addresses("\n".join(self._addresses)):
            raise DoubtfulAddress
        return html

    def _fill(self, found: Known, mine: list[str]) -> str:
        sheet = found.only or found.sheet(mine)
        if self.careful:
            return sheet.fill_carefully(mine, self.rewrite)
        return sheet.fill(mine, self.rewrite, self._addresses)

    def _found(self) -> Callable[[tuple[Any, ...]], Known | None]:
        """Looks a path up."""
        return self.known.get


class LearningWalk(Walk):
    """A rendering that was just made the long way, and from which the paths are learned."""

    def __init__(
        self,
        known: Paths,
        rewrite: LinkRewriter | None,
        holes: Holes,
        composer: Composer,
        root: Unit,
        closings: Sequence[Closing],
    ) -> None:
        super().__init__(known, rewrite, holes)
        self._composer, self._root, self._holes = composer, root, holes
        self._closings = iter([*closings, Closing(root)])
        self._units = set(map(id, root.all()))

    def _found(self) -> Callable[[tuple[Any, ...]], Known | None]:
        return self._learned

    def _learned(self, key: tuple[Any, ...]) -> Known:
        closing = next(self._closings, None)
        if closing is None:
            raise CannotLearn
        unit = closing.unit
        if unit is None or id(unit) not in self._units:
            self.known[key] = INLINE
            return INLINE
        mine = self.values[self._opened[-1][0] if self._opened else 0 :]
        order = [sign for sign in unit.source if sign in (MARK, SLOT)]
        if len(order) != len(mine):
            raise CannotLearn
        own = [value for value, sign in zip(mine, order, strict=True) if sign == MARK]
        part = self._composer.part(unit, own, outermost=unit is self._root)
        found = Known(closing.edge, part, order)
        known = self.known.get(key, INLINE)
        if known is INLINE or known.filled != found.filled:
            known = self.known[key] = found
        known.learn(part, mine)
        self._holes.learned += size_of(part.whole)
        return known


def _taking(values: list[str], path: Callable[[Any], None], holes: Holes) -> Callable[[Any], None]:
    """What a printed value does: its escaped text is kept; markup that a macro or block made belongs to the path."""
    add = values.append

    def take(value: Any) -> None:
        kind = type(value)
        if kind is str:
            text = quick_escape(value)
        elif kind is int:
            text = str(value)
        else:
            shape, text = printed(value)
            if shape is not None:
                path((shape,))
                return
        if len(text) > LONG:
            holes.weigh(len(text))
        add(text)

    return take


class _PathCode(HoleCode):
    """Jinja's code generator for a program that prints nothing but what differs by recipient."""

    careful = True

    def visit_Scope(self, node: nodes.Scope, frame: Frame) -> None:  # noqa: N802
        self._numbers = count(1)
        inner = frame.inner()
        inner.symbols.analyze_node(node)
        self.enter_frame(inner)
        self.writeline("walk, texts = environment.holes.walk, environment.holes.texts")
        self.writeline("take, path, enter, leave = walk.take, walk.path, walk.enter, walk.leave")
        self.writeline("add, escaped = walk.values.append, walk.escaped")
        self.bind_speakers()
        self.blockvisit(node.body, inner)
        self.leave_frame(inner)

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:  # noqa: N802
        if frame.buffer is not None:
            super().visit_Output(node, frame)
            return
        for child in node.nodes:
            if isinstance(child, nodes.TemplateData):
                self._signs(child.data)
            elif not (is_settled(child) or is_fixed(child) or self._is_constant(child, frame)):
                self.writeline("v = ", child)
                self.visit(child, frame)
                self.writeline(f"if v.__class__ is str and len(v) < {LONG}: add(escaped(v))")
                self.writeline("else: take(v)")

    def visit_If(self, node: nodes.If, frame: Frame) -> None:  # noqa: N802
        if not is_fixed(node):
            super().visit_If(node, frame)

    def visit_For(self, node: nodes.For, frame: Frame) -> None:  # noqa: N802
        if not is_fixed(node):
            super().visit_For(node, frame)

    def _signs(self, text: str) -> None:
        for sign in _SIGN.findall(text):
            if sign == CLOSES:
                self.writeline("leave()")
            elif sign in (CONTENT, TURN):
                self.writeline(f"enter({next(self._numbers)})")
            else:
                self.writeline(f"path(-{sign[1:-1]})")

    def _is_constant(self, child: nodes.Expr, frame: Frame) -> bool:
        """Whether Jinja would make fixed text of an expression."""
        try:
            self._output_child_to_const(child, frame, self._make_finalize())
        except Exception:
            return False
        return True

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802
        if self.careful or not isinstance(node.node, nodes.Name | nodes.Getattr):
            super().visit_Getattr(node, frame)
        elif isinstance(node.node, nodes.Name):
            ref = frame.symbols.ref(node.node.name)
            is_loop = node.node.name == "loop" and node.attr in LOOP_ATTRIBUTES
            self.write(f"{ref}.{node.attr}" if is_loop else f"{ref}[{node.attr!r}]")
        else:
            self.visit(node.node, frame)
            self.write(f"[{node.attr!r}]")

    def _carefully(self, visit: Callable[..., None], *arguments: Any) -> None:
        before, self.careful = self.careful, True
        visit(*arguments)
        self.careful = before

    def visit_Test(self, node: nodes.Test, frame: Frame) -> None:  # noqa: N802
        self._carefully(super().visit_Test, node, frame)

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:  # noqa: N802
        if node.name in ("default", "d"):
            self._carefully(super().visit_Filter, node, frame)
        else:
            super().visit_Filter(node, frame)

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802
        if isinstance(node.node, nodes.Getattr) and not self.careful:
            self._carefully(self.visit_Call, node, frame, forward_caller)
        elif frame.buffer is None and not is_settled(node):
            SandboxCode.visit_Call(self, node, frame, forward_caller=forward_caller)
        else:
            super().visit_Call(node, frame, forward_caller=forward_caller)

    def start_write(self, frame: Frame, node: nodes.Node | None = None) -> None:
        if frame.buffer is None:
            self.writeline("path((", node)
        else:
            super().start_write(frame, node)

    def end_write(self, frame: Frame) -> None:
        if frame.buffer is None:
            self.write(",))")
        else:
            super().end_write(frame)


def quick_program(environment: MjmlEnvironment, name: str, body: Sequence[Any], *, careful: bool) -> Template:
    """The flat statements of a template, compiled to compute values and path only. Unless `careful`, it takes for
    granted that names are read from plain dicts that have them, and raises TypeError or KeyError where it errs."""
    tree = nodes.Template([nodes.Scope(_with_branches(copied(list(body)), count(1)), lineno=1)], lineno=1)
    tree.set_environment(environment)
    written = StringIO()
    code = _PathCode(environment, name, name, written, optimized=environment.optimized)
    code.careful = careful
    code.visit(tree)
    compiled = environment._compile(written.getvalue(), f"<quick {name}>")
    return environment.template_class.from_code(environment, compiled, environment.globals)


def _with_branches(body: Sequence[Any], numbers: Iterator[int]) -> list[Any]:
    """The statements with a number at the beginning of every branch and turn that prints something."""
    for node in body:
        if is_fixed(node):
            continue
        if isinstance(node, nodes.If):
            for branch in (node, *node.elif_):
                branch.body = _numbered(branch.body, numbers)
            node.else_ = _numbered(node.else_, numbers)
        elif isinstance(node, nodes.For):
            node.body, node.else_ = _numbered(node.body, numbers), _numbered(node.else_, numbers)
        elif isinstance(node, nodes.With):
            node.body = _with_branches(node.body, numbers)
    return list(body)


def _numbered(body: list[Any], numbers: Iterator[int]) -> list[Any]:
    if not body:
        return body
    sign = nodes.Output([nodes.TemplateData(f"{_BRANCH}{next(numbers)};")], lineno=1)
    return [sign, *_with_branches(body, numbers)]

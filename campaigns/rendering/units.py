"""Parts of a mail that compile on their own: the content of an ending tag, and each turn of a loop in it.

A cart whose lines are reduced or not, with picture or without, is a new shape for nearly every recipient. MJML does
nothing with the HTML inside `mj-text` and its like but print it, so such content need not be part of the shape. The
flat program marks where a unit begins and ends; the rest of the mail is compiled with a slot in each unit's place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from jinja2 import nodes

from campaigns.rendering.fixed_parts import is_fixed
from campaigns.rendering.holes import BOUND, MARK, SLOT

UNIT_TAGS = ("mj-text", "mj-table", "mj-button", "mj-raw")
CONTENT, TURN, CLOSES = f"{BOUND}(", f"{BOUND}[", f"{BOUND})"
_BOUNDS = re.compile(f"{BOUND}[(\\[)]")
_NUMBERED = re.compile(f"({BOUND}[()])(\\d+);")
_LEXEME = re.compile(
    r"<!--.*?-->|(?P<comment><!--)|(?P<uncomment>-->)|<(?P<close>/?)(?P<name>[A-Za-z][\w:.-]*)|(?P<end>/?>)"
    r"|(?P<quote>[\"'])|(?P<open><)",
    re.DOTALL,
)


class CannotMark(Exception):
    """Nobody can say from the template alone what stands inside which tag: the shape stays whole."""


@dataclass(frozen=True, slots=True)
class _State:
    """Where in the MJML we are: the ending tag around us and its number, the tag and the quote we are inside of."""

    around: str = ""
    number: int = 0
    tag: str = ""
    quote: str = ""


def with_bounds(body: Sequence[Any]) -> list[Any]:
    """The statements of a flat program with bounds around every unit; unchanged where that cannot be done."""
    marker = _Marker()
    try:
        marker.walk(body, _State())
    except CannotMark:
        return list(body)
    return marker.applied(body)


class _Marker:
    """First follows the text through all branches, then writes the bounds, so that a failure changes nothing."""

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}
        self._loops: set[int] = set()
        self._numbers = count(1)
        self._varied: set[int] = set()  # contents with a condition or loop in them

    def walk(self, body: Sequence[Any], state: _State) -> _State:
        for node in body:
            state = self._after(node, state)
        return state

    def _after(self, node: Any, state: _State) -> _State:
        if isinstance(node, nodes.Output):
            for each in node.nodes:
                if isinstance(each, nodes.TemplateData):
                    state, self._texts[id(each)] = _followed(each.data, state, self._numbers)
            return state
        if state.around and isinstance(node, nodes.If | nodes.For) and not is_fixed(node):
            self._varied.add(state.number)
        if isinstance(node, nodes.If):
            branches = [node.body, *(each.body for each in node.elif_), node.else_]
            return _same([self.walk(each, state) for each in branches])
        if isinstance(node, nodes.For):
            if state.around and not state.tag and not is_fixed(node) and _starts_with_a_tag(node.body):
                self._loops.add(id(node))
            return _same([state, self.walk(node.body, state), self.walk(node.else_, state)])
        if isinstance(node, nodes.With | nodes.FilterBlock):
            before = dict(self._texts)
            after = self.walk(node.body, state)
            if isinstance(node, nodes.FilterBlock):
                self._texts = before
                return _same([state, after])
            return after
        if isinstance(node, nodes.Assign | nodes.AssignBlock | nodes.ExprStmt):
            return state
        raise CannotMark

    def applied(self, body: Sequence[Any]) -> list[Any]:
        for node in body:
            if isinstance(node, nodes.Output):
                for each in node.nodes:
                    if isinstance(each, nodes.TemplateData):
                        each.data = _NUMBERED.sub(self._kept, self._texts.get(id(each), each.data))
            elif isinstance(node, nodes.If):
                for branch in (node, *node.elif_):
                    branch.body = self.applied(branch.body)
                node.else_ = self.applied(node.else_)
            elif isinstance(node, nodes.For):
                node.body, node.else_ = self.applied(node.body), self.applied(node.else_)
                if id(node) in self._loops:
                    node.body = [_text(TURN), *node.body, _text(CLOSES)]
            elif isinstance(node, nodes.With):
                node.body = self.applied(node.body)
        return list(body)

    def _kept(self, found: re.Match[str]) -> str:
        return found[1] if int(found[2]) in self._varied else ""


def _starts_with_a_tag(body: Sequence[Any]) -> bool:
    """Whether a turn can be a unit: others only cost time."""
    texts = [
        each.data for node in body if isinstance(node, nodes.Output) for each in node.nodes[:1] if hasattr(each, "data")
    ]
    return "".join(texts).lstrip().startswith("<")


def _text(data: str) -> nodes.Output:
    return nodes.Output([nodes.TemplateData(data)], lineno=1)


def _same(states: list[_State]) -> _State:
    if any(each != states[0] for each in states):
        raise CannotMark
    return states[0]


def _followed(text: str, state: _State, numbers: Iterator[int]) -> tuple[_State, str]:
    """Where we are after a stretch of fixed text, and the text with numbered bounds around ending tags' content."""
    around, number, tag, quote = state.around, state.number, state.tag, state.quote
    out: list[str] = []
    at = 0
    for found in _LEXEME.finditer(text):
        if tag == "!--":
            tag = "" if found["uncomment"] else tag
        elif quote:
            quote = "" if found["quote"] == quote else quote
        elif tag:
            quote = found["quote"] or ""
            if found["end"] or found["uncomment"]:
                if tag in UNIT_TAGS and not around and found["end"] == ">":
                    around, number = tag, next(numbers)
                    out += [text[at : found.end()], f"{CONTENT}{number};"]
                    at = found.end()
                tag = ""
        elif found["comment"]:
            tag = "!--"
        elif found["close"] and around == (found["name"] or "").lower():
            out += [text[at : found.start()], f"{CLOSES}{number};"]
            around, number, tag, at = "", 0, "/", found.start()
        elif found["open"] or found["name"]:
            tag = "/" if found["close"] else (found["name"] or "?").lower()
    return _State(around, number, tag, quote), "".join([*out, text[at:]])


@dataclass(slots=True)
class Unit:
    """A part of one mail: its text with a mark per value and a slot per unit inside, the values' indices, the units."""

    texts: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    inner: list[Unit] = field(default_factory=list)
    source: str = ""

    def take(self, text: str, count: int) -> None:
        if text:
            self.texts.append(text)
            marks = text.count(MARK)
            if marks:
                self.ids.extend(range(count, count + marks))

    def all(self) -> Iterator[Unit]:
        """This unit and all inside it."""
        yield self
        for each in self.inner:
            yield from each.all()

    def take_back(self, place: int) -> None:
        """Makes the inner unit at `place` part of this one's own text again."""
        unit = self.inner[place]
        pieces = self.source.split(SLOT)
        around = f"{pieces[place]}{unit.source}{pieces[place + 1]}"
        self.source = SLOT.join([*pieces[:place], around, *pieces[place + 2 :]])
        self.ids = sorted([*self.ids, *unit.ids])
        self.inner[place : place + 1] = unit.inner


@dataclass(frozen=True, slots=True)
class Closing:
    """How one pair of bounds ended: as a unit with white space around it, or (None) as plain text of what is around."""

    unit: Unit | None
    edge: str = ""


def cut(source: str) -> tuple[Unit | None, list[Closing]]:
    """The mail as a tree of units, and its bounds in the order they close; no unit where the bounds do not nest."""
    first, *chunks = source.split(BOUND)
    here = Unit()
    around: list[tuple[Unit, str]] = []
    closings: list[Closing] = []
    here.take(first, 0)
    number = len(here.ids)
    for chunk in chunks:
        kind = chunk[:1]
        if kind != ")":
            around.append((here, kind))
            here = Unit()
        elif around:
            outer, opened = around.pop()
            closings.append(_close(here, outer, content=opened == "("))
            here = outer
        else:
            return None, closings
        before = len(here.ids)
        here.take(chunk[1:], number)
        number += len(here.ids) - before
    here.source = "".join(here.texts)
    nests = not around and here.source.count(SLOT) == len(here.inner)
    return here if nests else None, closings


def _close(unit: Unit, outer: Unit, *, content: bool) -> Closing:
    """Hands a finished unit to the one around it: as a slot, or as plain text where white space would count."""
    text = "".join(unit.texts)
    bare = text.strip()
    if content and bare:
        unit.source, before, after = text, "", ""
    elif bare[:1] == "<" and bare[-1:] == ">":
        unit.source, (before, after) = bare, text.split(bare)
    else:
        outer.texts.append(text)
        outer.ids += unit.ids
        outer.inner += unit.inner
        return Closing(None)
    outer.texts += [before, SLOT, after]
    outer.inner.append(unit)
    return Closing(unit, f"{before}{SLOT}{after}")


def without_bounds(source: str) -> str:
    """The MJML itself."""
    return _BOUNDS.sub("", source) if BOUND in source else source

"""The layout of a mail put together from parts that were compiled on their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from campaigns.rendering.compiler import Compiler, size_of
from campaigns.rendering.keeping import Kept
from campaigns.rendering.layout import FIRST_SLOT, Layout, Stretch
from campaigns.rendering.mjml import MjmlProblem, check_structure, html_from_mjml, styles_inline
from campaigns.rendering.units import Unit, without_bounds

HEAD = "<mjml><mj-body><mj-section><mj-column><mj-text>"
TAIL = "</mj-text></mj-column></mj-section></mj-body></mjml>"
_LONE = "<rk-lone></rk-lone>"
MAX_PARTS = 10_000
MAX_CHARACTERS = 8_000_000  # of compiled HTML of one template


@dataclass(frozen=True, slots=True)
class Part:
    """A compiled part cut at its slots: a layout before, between and after them."""

    segments: tuple[Layout, ...]
    whole: Layout
    filled: tuple[int, ...]  # its values that were filled before MJML ran

    @property
    def fixed(self) -> bool:
        return not self.filled


class CannotCompose(Exception):
    """A slot did not come out where it went in: this mail is compiled whole."""


class Composer:
    """Compiles the units of mails, each once, and puts layouts together from them."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._parts: Kept[Part] = Kept(MAX_PARTS, MAX_CHARACTERS)
        self._layouts: Kept[Layout] = Kept(compiler.keep, MAX_CHARACTERS)
        self._refused: set[str] = set()

    def has(self, source: str) -> bool:
        """Whether this very mail was put together before."""
        return source in self._layouts

    def knows(self, source: str, unit: Unit | None) -> bool:
        """Whether this process has compiled all of it, unit by unit or whole."""
        return (unit is not None and self._knows_parts(unit)) or self._compiler.knows(without_bounds(source))

    def _knows_parts(self, unit: Unit) -> bool:
        return unit.source in self._parts and all(map(self._knows_parts, unit.inner))

    def layout(self, source: str, unit: Unit | None, values: list[str]) -> Layout:
        """The layout of a mail with bounds; raises MjmlProblem."""
        found = self._layouts.get(source)
        if found is not None:
            return found
        if unit is None or unit.source in self._refused:
            return self._compiler.layout(without_bounds(source), values)
        try:
            if not self._knows_parts(unit):
                if styles_inline(unit.source):
                    raise CannotCompose
                self._prepare(unit, values)
            return self._composed(source, unit, values)
        except (CannotCompose, MjmlProblem):
            layout = self._compiler.layout(without_bounds(source), values)
            self._refuse(unit)
            return layout

    def _prepare(self, unit: Unit, values: list[str]) -> None:
        """Compiles the units inside; one that does not stand alone goes back into the part around it."""
        for place in reversed(range(len(unit.inner))):
            inner = unit.inner[place]
            self._prepare(inner, values)
            if not self._stands_alone(inner, values):
                unit.take_back(place)

    def _stands_alone(self, unit: Unit, values: list[str]) -> bool:
        if unit.source in self._parts:
            return True
        if unit.source in self._refused:
            return False
        try:
            self._part(unit, [values[each] for each in unit.ids], outermost=False)
        except (CannotCompose, MjmlProblem):
            self._refuse(unit)
            return False
        return True

    def _refuse(self, unit: Unit) -> None:
        if len(self._refused) >= MAX_PARTS:
            self._refused.clear()
        self._refused.add(unit.source)

    def _composed(self, source: str, unit: Unit, values: list[str]) -> Layout:
        growing = _Growing(len(values))
        fixed = self._place(unit, values, growing, outermost=True)
        layout = growing.layout()
        if fixed:
            self._layouts.put(source, layout, size_of(layout))
        return layout

    def part(self, unit: Unit, values: list[str], *, outermost: bool) -> Part:
        """One compiled unit; `values` are its own."""
        if unit.source in self._refused:
            raise CannotCompose
        part = self._parts.get(unit.source)
        return part if part is not None and part.fixed else self._part(unit, values, outermost=outermost)

    def _place(self, unit: Unit, values: list[str], growing: _Growing, *, outermost: bool = False) -> bool:
        part = self.part(unit, [values[each] for each in unit.ids], outermost=outermost)
        fixed = part.fixed
        ids = [*unit.ids, growing.values, growing.values + 1]
        growing.add(part.segments[0], ids)
        for inner, segment in zip(unit.inner, part.segments[1:], strict=True):
            fixed = self._place(inner, values, growing) and fixed
            growing.add(segment, ids)
        return fixed

    def _part(self, unit: Unit, values: list[str], *, outermost: bool) -> Part:
        if outermost:
            layout, filled = self._compiler.part(unit.source, values)
        else:
            source = f"{HEAD}{unit.source}{TAIL}"
            if "<mj" in unit.source:
                raise CannotCompose
            check_structure(source)
            layout, filled = self._compiler.part(source, values, around=_around())
        part = Part(_segments(layout, len(unit.inner)), layout, filled)
        self._parts.put(unit.source, part, size_of(layout))
        return part


class _Growing:
    """A layout that grows part by part; the filling has the mail's `values`, then the preheader, then ""."""

    def __init__(self, values: int) -> None:
        self.values = values
        self._pieces: list[str] = []
        self._indices: list[int] = []
        self._stretches: list[Stretch] = []
        self._css: list[int] = []
        self._addresses: list[int] = []
        self._links: list[int] = []

    def add(self, part: Layout, ids: list[int]) -> None:
        if self._pieces:
            self._pieces.append("")
            self._indices.append(-1)
        base = len(self._pieces)
        self._pieces += part.pieces
        self._indices += [ids[index] for index in part.indices]
        if part.plain_css:
            self._css += [base + place for place in part.plain_css]
        if part.plain_addresses:
            self._addresses += [base + place for place in part.plain_addresses]
        if part.plain_links:
            self._links += [base + place for place in part.plain_links]
        for each in part.stretches:
            self._stretches.append(Stretch(base + each.start, base + each.end, each.spot))

    def layout(self) -> Layout:
        pieces, indices, stretches = tuple(self._pieces), tuple(self._indices), tuple(self._stretches)
        return Layout(pieces, indices, stretches, tuple(self._css), tuple(self._addresses), tuple(self._links))


@lru_cache(maxsize=1)
def _around() -> tuple[str, str]:
    """What MJML prints before and after the content of a component."""
    before, _, after = html_from_mjml(f"{HEAD}{_LONE}{TAIL}").partition(_LONE)
    return before, after


def _segments(layout: Layout, slots: int) -> tuple[Layout, ...]:
    """The layout cut at its slots; raises CannotCompose where one is lost, moved, or inside a checked value."""
    found = [(place, index) for place, index in enumerate(layout.indices) if index >= FIRST_SLOT]
    if [index - FIRST_SLOT for _, index in found] != list(range(slots)):
        raise CannotCompose
    ends = [*(2 * place + 1 for place, _ in found), len(layout.pieces)]
    taken = {*layout.plain_css, *layout.plain_addresses, *layout.plain_links}
    if any(end in taken or any(each.start <= end < each.end for each in layout.stretches) for end in ends[:-1]):
        raise CannotCompose
    starts = [0, *(end + 1 for end in ends[:-1])]
    return tuple(_segment(layout, start, end) for start, end in zip(starts, ends, strict=True))


def _segment(layout: Layout, start: int, end: int) -> Layout:
    groups = (layout.plain_css, layout.plain_addresses, layout.plain_links)
    css, addresses, links = (tuple(place - start for place in group if start <= place < end) for group in groups)
    inside = [each for each in layout.stretches if start <= each.start < end]
    stretches = tuple(Stretch(each.start - start, each.end - start, each.spot) for each in inside)
    indices = layout.indices[start // 2 : (end - 1) // 2]
    return Layout(layout.pieces[start:end], indices, stretches, css, addresses, links)

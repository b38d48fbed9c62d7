"""From a shape to compiled HTML, once: in memory for this process, on disk for all workers of the workspace."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

from markupsafe import escape

from campaigns.rendering.disk import alone, read_filled, read_layout, tidy, write_filled, write_layout
from campaigns.rendering.folding import folded
from campaigns.rendering.holes import MARK, SLOT
from campaigns.rendering.keeping import Kept
from campaigns.rendering.layout import FIRST_SLOT, HOLE, Layout, layout_of, tokens_in
from campaigns.rendering.mjml import MjmlProblem, check_structure, html_from_mjml
from campaigns.rendering.shape import Shape, filled, shape_of
from campaigns.rendering.structure import looks_sound

MAX_SHAPES = 2_000
MAX_CHARACTERS = 32_000_000  # of compiled HTML in one process
TIDY_EVERY = 500  # compilations
PREHEADER_STYLE = (
    "display:none;font-size:1px;color:#ffffff;line-height:1px;max-height:0px;max-width:0px;opacity:0;overflow:hidden;"
)
_FORMAT = "7"
_UNIT = "unit:"


class Compiler:
    """Compiles shapes and keeps them. `folder` is the cache on disk; without one, each process compiles for itself."""

    def __init__(self, folder: Path | None = None, *, keep: int = MAX_SHAPES) -> None:
        self.folder, self.keep = folder, keep
        self.compiled = 0
        self.met = 0
        self._shapes: Kept[Shape] = Kept(keep, MAX_CHARACTERS)
        self._layouts: Kept[Layout] = Kept(keep, MAX_CHARACTERS)
        self._salt = f"{_FORMAT}:{version('mjml-python')}:{version('css-inline')}:"

    def knows(self, source: str) -> bool:
        """Whether this shape was compiled in this process."""
        return source in self._shapes

    def layout(self, source: str, values: list[str]) -> Layout:
        """The compiled HTML of the MJML `source` whose marks stand for `values`; raises MjmlProblem."""
        return self.part(source, values)[0]

    def once(self, source: str, values: list[str]) -> Layout:
        """The same as `layout` for a shape that is not worth keeping."""
        self.met += 1
        return compiled_layout(shape_of(source), values)[1]

    def part(
        self, source: str, values: list[str], *, around: tuple[str, str] | None = None
    ) -> tuple[Layout, tuple[int, ...]]:
        """The same, with the indices of the values filled before MJML ran. With `around`, only what MJML prints
        between these two texts is kept."""
        name = f"{_UNIT}{source}" if around else source
        shape = self._shapes.get(name)
        if shape is None:
            self.met += 1
            shape = shape_of(source)
            self._shapes.put(name, shape, len(source))
        found = self._layouts.get(_key(name, shape, values)) or self._load(_key(name, shape, values))
        if found is None:
            shape, found = self._compile(name, shape, values, around)
        return found, shape.filled

    def _compile(
        self, name: str, shape: Shape, values: list[str], around: tuple[str, str] | None
    ) -> tuple[Shape, Layout]:
        """Compiled here, or by another worker while this one waited: of several that need a shape, one compiles it."""
        path = self._path(_key(name, shape, values))
        with alone(path):
            shape = Shape(shape.source, read_filled(path) or shape.filled)
            found = self._load(_key(name, shape, values))
            if found is None:
                known = shape
                self.compiled += 1
                shape, found = compiled_layout(known, values, around)
                self._store(_key(name, shape, values), found)
                if shape.filled != known.filled:
                    write_filled(path, shape.filled)
        self._shapes.put(name, shape, len(name))
        self._layouts.put(_key(name, shape, values), found, size_of(found))
        return shape, found

    def _path(self, key: tuple[str, ...]) -> Path | None:
        if self.folder is None:
            return None
        digest = hashlib.sha256("\x00".join((self._salt, *key)).encode("utf-8", "surrogatepass")).hexdigest()
        return self.folder / digest[:2] / f"{digest}.json"

    def _load(self, key: tuple[str, ...]) -> Layout | None:
        path = self._path(key)
        layout = read_layout(path) if path is not None else None
        if layout is not None:
            self._layouts.put(key, layout, size_of(layout))
        return layout

    def _store(self, key: tuple[str, ...], layout: Layout) -> None:
        path = self._path(key)
        if self.folder is None or path is None:
            return
        write_layout(path, layout)
        if self.compiled % TIDY_EVERY == 0:
            tidy(self.folder)


def compiled_layout(shape: Shape, values: list[str], around: tuple[str, str] | None = None) -> tuple[Shape, Layout]:
    """Runs a shape through MJML. A hole that does not come out again is filled beforehand, and MJML is run once more:
    the shape that comes back says which."""
    while True:
        source, left = filled(shape, values)
        if not looks_sound(source):
            check_structure(source)
        html = html_from_mjml(_numbered(source, left))
        lost = set(left) - tokens_in(html)
        if not lost:
            return shape, layout_of(folded(_kept(html, shape.source, len(values), around)))
        shape = Shape(shape.source, tuple(sorted(lost.union(shape.filled))))


def size_of(layout: Layout) -> int:
    """The characters of a layout."""
    return sum(map(len, layout.pieces))


def _kept(html: str, source: str, preheader: int, around: tuple[str, str] | None) -> str:
    html = html.replace("<rk-unit>", "").replace("</rk-unit>", "")
    if around is None:
        return with_preheader(html, source, HOLE.format(preheader))
    before, after = around
    if not (html.startswith(before) and html.endswith(after)):
        raise MjmlProblem("this does not nest", -1, fix="open and close every tag in the same place")
    return html[len(before) : len(html) - len(after)]


def _key(name: str, shape: Shape, values: list[str]) -> tuple[str, ...]:
    return (name, *[values[index] for index in shape.filled])


def _numbered(source: str, left: list[int]) -> str:
    pieces = source.split(MARK)
    numbered = [pieces[0], *[HOLE.format(index) + piece for index, piece in zip(left, pieces[1:], strict=True)]]
    first, *after = "".join(numbered).split(SLOT)
    slots = [f"<rk-unit>{HOLE.format(FIRST_SLOT + index)}</rk-unit>{piece}" for index, piece in enumerate(after)]
    return "".join([first, *slots])


def with_preheader(html: str, source: str, hidden: str) -> str:
    """Puts the hidden preheader at the top of the body, unless the MJML `source` shows its own."""
    if "<mj-preview" in source:
        return html
    body = html.find("<body")
    end = html.find(">", body) + 1
    return html if body < 0 else f"{html[:end]}{hidden}{html[end:]}"


def hidden_preheader(preheader: str) -> str:
    """The preheader as inboxes read and nobody sees it; nothing where there is none."""
    return f'<div\nstyle="{PREHEADER_STYLE}">{escape(preheader)}</div>' if preheader else ""

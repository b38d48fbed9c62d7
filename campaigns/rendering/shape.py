"""Where the holes of a shape stand, and which of them MJML has to see filled.

MJML passes most values through: text inside `mj-text`, addresses, colours, `alt`. Others decide the layout (`width`,
`padding`,
`mj-class`, `font-family`, anything between tags or inside `mj-attributes`): those are filled before MJML runs, and
the shape
is compiled once for each of their values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from campaigns.rendering.holes import MARK
from campaigns.rendering.scanner import ATTRIBUTE, Tag, tags

CONTENT_TAGS = frozenset(
    {
        "mj-text",
        "mj-button",
        "mj-table",
        "mj-raw",
        "mj-navbar-link",
        "mj-social-element",
        "mj-accordion-title",
        "mj-accordion-text",
        "mj-title",
        "mj-preview",
        "mj-style",
    }
)
PASSED_ATTRIBUTES = frozenset(
    [
        "href",
        "src",
        "alt",
        "title",
        "color",
        "background-color",
        "container-background-color",
        "inner-background-color",
        "background-url",
        "srcset",
        "rel",
        "target",
    ]
)
_MARK = re.compile(MARK)
_INLINE = re.compile(r"\binline\s*=\s*[\"']inline[\"']")
_INLINE_STYLE = re.compile(r"<mj-style\b[^>]*\binline\s*=\s*[\"']inline[\"']")
_HIDDEN = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape's MJML with marks, and the indices of the holes that MJML must see filled."""

    source: str
    filled: tuple[int, ...]


def shape_of(source: str) -> Shape:
    """Finds for every mark whether MJML lets it pass."""
    places = [found.start() for found in _MARK.finditer(source)]
    if not places:
        return Shape(source, ())
    passing = _passing_places(source)
    return Shape(source, tuple(index for index, place in enumerate(places) if place not in passing))


def _passing_places(source: str) -> set[int]:
    inline = _INLINE_STYLE.search(source) is not None
    passing: set[int] = set()
    open_tags: list[Tag] = []
    content: Tag | None = None
    before = 0
    for tag in tags(source, html_with=MARK):
        if content is not None and source.find(MARK, before, tag.start) >= 0:
            _add_marks(passing, source, before, tag.start)
        before = tag.end
        if MARK in tag.rest and not any(each.name == "mj-attributes" for each in open_tags):
            _add_attribute_marks(passing, tag, inside_content=content is not None, inline=inline)
        if content is not None and not tag.name.startswith("mj-"):
            continue  # HTML inside a component changes nothing about where we are
        _follow(open_tags, tag)
        content = _content_tag(open_tags)
    return passing


def _follow(open_tags: list[Tag], tag: Tag) -> None:
    if not tag.closes and not tag.empty:
        open_tags.append(tag)
    elif tag.closes and any(each.name == tag.name for each in open_tags):
        while open_tags.pop().name != tag.name:
            pass


def _content_tag(open_tags: list[Tag]) -> Tag | None:
    """The component whose text we are in, if MJML lets its text pass."""
    if any(tag.name == "mj-attributes" for tag in open_tags):
        return None
    found = next((tag for tag in open_tags if tag.name in CONTENT_TAGS), None)
    return None if found is not None and found.name == "mj-style" and _INLINE.search(found.rest) else found


def _add_marks(passing: set[int], source: str, start: int, end: int) -> None:
    """Marks in a stretch of text; not those in a tag whose very name is personal (`<{{ tag }}>`)."""
    comments = [found.span() for found in _HIDDEN.finditer(source, start, end)]
    for found in _MARK.finditer(source, start, end):
        place = found.start()
        opened = source.rfind("<", start, place)
        in_comment = any(first < place < last for first, last in comments)
        if in_comment or opened < 0 or ">" in source[opened:place]:
            passing.add(place)


def _add_attribute_marks(passing: set[int], tag: Tag, *, inside_content: bool, inline: bool) -> None:
    for found in ATTRIBUTE.finditer(tag.rest):
        name = found["name"].lower()
        if MARK not in found["value"]:
            continue
        free = inside_content and not tag.name.startswith("mj-") and not (inline and name in ("class", "id", "style"))
        component = tag.name.startswith("mj-") and not inside_content and name in PASSED_ATTRIBUTES
        if free or (component and tag.name not in ("mj-all", "mj-class", "mj-font")):
            start = tag.rest_start + found.start("value")
            passing.update(start + each.start() for each in _MARK.finditer(found["value"]))


def filled(shape: Shape, values: list[str]) -> tuple[str, list[int]]:
    """The MJML with the holes of `shape.filled` filled, and the indices of the marks left."""
    pieces = shape.source.split(MARK)
    out, left = [pieces[0]], []
    wanted = set(shape.filled)
    for index, piece in enumerate(pieces[1:]):
        if index in wanted:
            out.append(str(values[index]))
        else:
            left.append(index)
            out.append(MARK)
        out.append(piece)
    return "".join(out), left

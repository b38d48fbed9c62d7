"""Reads MJML just closely enough to know what stands where: tags with their attributes, and which tag holds which
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<!doctype[^>]*>|<\?.*?\?>"
    r"|<(?P<close>/?)(?P<name>[A-Za-z][\w:.-]*)(?P<rest>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>",
    re.DOTALL | re.IGNORECASE,
)
ATTRIBUTE = re.compile(r"(?P<name>[A-Za-z_:@][\w:.-]*)\s*=\s*(?P<quote>[\"'])(?P<value>.*?)(?P=quote)", re.DOTALL)
VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag: where it starts and ends in the source, and its attributes' text with its own start."""

    name: str
    start: int
    end: int
    closes: bool
    empty: bool
    rest: str
    rest_start: int

    def attributes(self) -> dict[str, str]:
        return {found["name"].lower(): found["value"] for found in ATTRIBUTE.finditer(self.rest)}


def tags(source: str, *, html_with: str = "") -> Iterator[Tag]:
    """All tags outside comments, in order; `html_with` leaves out those of HTML that do not contain it."""
    for found in _TOKEN.finditer(source):
        name, rest = found.group("name", "rest")
        if name is None or (html_with and html_with not in rest and not name.startswith("mj")):
            continue
        empty = rest.rstrip().endswith("/") or name.lower() in VOID
        yield Tag(name.lower(), found.start(), found.end(), bool(found["close"]), empty, rest, found.start("rest"))


@dataclass(frozen=True, slots=True)
class Imbalance:
    """The first tag that does not nest: its place, its name and what is wrong with it."""

    position: int
    tag: str
    what: str


def first_imbalance(source: str) -> Imbalance | None:
    """Where tags stop nesting, or None."""
    open_tags: list[Tag] = []
    for tag in tags(source):
        if tag.closes:
            if tag.name in VOID:
                continue
            if not open_tags:
                return Imbalance(tag.start, f"</{tag.name}>", "closes a tag that is not open")
            if open_tags[-1].name != tag.name:
                return _unclosed(open_tags[-1], f"a tag is not closed before </{tag.name}>")
            open_tags.pop()
        elif not tag.empty:
            open_tags.append(tag)
    return _unclosed(open_tags[-1], "a tag is never closed") if open_tags else None


def _unclosed(tag: Tag, what: str) -> Imbalance:
    return Imbalance(tag.start, f"<{tag.name}>", what)

"""The second half of compile-once: finished HTML cut at its holes, and how each value is checked before it goes in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from campaigns.rendering.css_values import safe_css, safe_declarations
from campaigns.rendering.markup import trusted
from campaigns.rendering.urls import escaped_url, is_own_scheme, safe_url

HOLE = "RKHOLE{:05d}X"
FIRST_SLOT = 90_000  # holes from here on are units compiled on their own
_TOKEN = re.compile(r"RKHOLE(\d{5})X")
_ADDRESS = re.compile(
    r"(?<=[\s\"'])(?P<name>href|src|background|action|formaction|poster|cite|xlink:href)\s*=\s*"
    r"(?P<quote>[\"'])(?P<value>.*?)(?P=quote)"
    r"|(?<=[\s\"'])style\s*=\s*(?P<style_quote>[\"'])(?P<style>.*?)(?P=style_quote)"
    r"|<style\b[^>]*>(?P<sheet>.*?)</style>",
    re.DOTALL | re.IGNORECASE,
)
_CSS_URL = re.compile(r"url\(\s*(?P<quote>[\"']?)(?P<value>[^)]*?)(?P=quote)\s*\)", re.IGNORECASE)
_LITERAL_SCHEME = re.compile(r"\s*(?:https?:/|mailto:|tel:|sms:|cid:|#|/(?=[^/]))", re.IGNORECASE)
_ANCHOR = re.compile(r"<(?:a|area|v:roundrect|v:rect)\s", re.IGNORECASE)

plain_css = re.compile(
    r"[#0-9A-Fa-f.\n]*\Z|(?:(?!expression|javascript|url)[A-Za-z0-9#%.,\- \n])*\Z", re.IGNORECASE
).match
plain_addresses = re.compile(r"(?:(?:https?://|mailto:|tel:|#)[A-Za-z0-9\-._~:/?#@!$&*+,;=%]*(?:\n|\Z)|\n)*\Z").match

LinkRewriter = Callable[[str], str]  # of an address as it stands in the HTML, escaped


class Spot(StrEnum):
    """What a stretch of the HTML is, and so how its value is checked."""

    LINK = "link"  # href of an anchor: checked, and rewritten to a tracked link
    ADDRESS = "address"  # any other address: checked
    PART = "part"  # inside an address whose scheme the author wrote
    CSS = "css"  # one CSS value
    DECLARATIONS = "declarations"  # whole CSS declarations
    CSS_ADDRESS = "css-address"  # inside url(...)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Pieces `start` to `end` (exclusive) of the output, to be checked as one value."""

    start: int
    end: int
    spot: Spot


@dataclass(frozen=True, slots=True)
class Layout:
    """Compiled HTML: `pieces` alternates text and hole, `indices` says which value fills each hole (-1: nothing)."""

    pieces: tuple[str, ...]
    indices: tuple[int, ...]
    stretches: tuple[Stretch, ...]
    plain_css: tuple[int, ...] = ()  # pieces that are one CSS value each
    plain_addresses: tuple[int, ...] = ()  # pieces that are one address each
    plain_links: tuple[int, ...] = ()  # pieces that are one anchor's address each

    def fill(self, values: Sequence[str], rewrite: LinkRewriter | None) -> str:
        """The HTML of one recipient. `values` are escaped; `rewrite` turns an external link into a tracked one,
        both escaped."""
        out = list(self.pieces)
        out[1::2] = [values[index] for index in self.indices]
        self._check_plain(out)
        if rewrite is not None:
            for place in self.plain_links:
                out[place] = rewrite(out[place])
        for stretch in self.stretches:
            _check(out, stretch, rewrite)
        return "".join(out)

    def renumbered(self, place: Callable[[int], int]) -> Layout:
        """The same layout for values in another order: `place` maps the index of each hole."""
        return replace(self, indices=tuple([place(index) for index in self.indices]))

    def _check_plain(self, out: list[str]) -> None:
        """Whole groups at once: nearly all values are harmless, so only a group with a doubtful one is looked
        through.
        """
        if not plain_css("\n".join([out[place] for place in self.plain_css])):
            for place in self.plain_css:
                out[place] = safe_css(trusted(out[place]))
        addresses = (*self.plain_addresses, *self.plain_links)
        if not plain_addresses("\n".join([out[place] for place in addresses])):
            for place in addresses:
                out[place] = safe_url(trusted(out[place]))


def _check(out: list[str], stretch: Stretch, rewrite: LinkRewriter | None) -> None:
    start, end, spot = stretch.start, stretch.end, stretch.spot
    value = out[start] if end == start + 1 else "".join(out[start:end])
    checked: str
    if spot is Spot.LINK:
        checked = safe_url(trusted(value))
        if rewrite is not None:
            checked = rewrite(checked)
    elif spot is Spot.ADDRESS:
        checked = safe_url(trusted(value))
    else:
        checked = _CHECKS[spot](trusted(value))
    out[start:end] = [checked, *[""] * (end - start - 1)]


def _css_address(value: Any) -> str:
    return str(safe_url(value)).replace("(", "%28").replace(")", "%29").replace("&#39;", "%27").replace("&#34;", "%22")


_CHECKS: dict[Spot, Callable[[Any], str]] = {
    Spot.PART: escaped_url,
    Spot.CSS: safe_css,
    Spot.DECLARATIONS: safe_declarations,
    Spot.CSS_ADDRESS: _css_address,
}


class _Cutter:
    """Cuts HTML with numbered tokens into pieces."""

    def __init__(self) -> None:
        self.pieces: list[str] = [""]
        self.indices: list[int] = []
        self.stretches: list[Stretch] = []

    def text(self, text: str) -> None:
        """Adds text with tokens in places that need no check."""
        parts = _TOKEN.split(text)
        self.pieces[-1] += parts[0]
        for index, after in zip(parts[1::2], parts[2::2], strict=True):
            self._hole(int(index), after)

    def _hole(self, index: int, after: str) -> None:
        self.pieces += ["", after]
        self.indices.append(index)

    def stretch(self, text: str, spot: Spot) -> None:
        """Adds text with tokens that is checked as one value."""
        self._hole(-1, "")
        start = len(self.pieces) - 1
        self.text(text)
        self.stretches.append(Stretch(start, len(self.pieces), spot))
        self._hole(-1, "")

    def cut(self, html: str) -> Layout:
        at = 0
        for found in _ADDRESS.finditer(html):
            group = next(name for name in ("value", "style", "sheet") if found[name] is not None)
            start, end = found.span(group)
            self.text(html[at:start])
            if group == "value":
                self._address(found["value"], anchor=_is_anchor(html, found))
            else:
                self._css(found[group])
            at = end
        self.text(html[at:])
        return self._layout()

    def _layout(self) -> Layout:
        """Sorts stretches of one hole each into the groups that are checked together."""
        css = [each.start + 1 for each in self.stretches if each.spot is Spot.CSS and self._is_one_hole(each)]
        addresses = [each.start + 1 for each in self.stretches if each.spot is Spot.ADDRESS and self._is_one_hole(each)]
        links = [self._one_piece(each) for each in self.stretches if each.spot is Spot.LINK]
        grouped = {*css, *addresses, *links}
        left = [each for each in self.stretches if grouped.isdisjoint((each.start, each.start + 1))]
        kept = tuple(place for place in links if place is not None)
        return Layout(tuple(self.pieces), tuple(self.indices), tuple(left), tuple(css), tuple(addresses), kept)

    def _one_piece(self, stretch: Stretch) -> int | None:
        """Where the address is that this stretch consists of: written by the author, or one hole."""
        if stretch.end == stretch.start + 1:
            return stretch.start
        return stretch.start + 1 if self._is_one_hole(stretch) else None

    def _is_one_hole(self, stretch: Stretch) -> bool:
        return (
            stretch.end == stretch.start + 3 and not self.pieces[stretch.start] and not self.pieces[stretch.start + 2]
        )

    def _address(self, value: str, *, anchor: bool) -> None:
        spot = Spot.LINK if anchor else Spot.ADDRESS
        if _TOKEN.search(value):
            if not anchor and _LITERAL_SCHEME.match(value):
                self._parts(value, Spot.PART)
            else:
                self.stretch(value, spot)
        elif anchor and not is_own_scheme(value):
            self.stretch(value, spot)
        else:
            self.text(value)

    def _parts(self, value: str, spot: Spot) -> None:
        parts = _TOKEN.split(value)
        self.text(parts[0])
        for index, after in zip(parts[1::2], parts[2::2], strict=True):
            self.stretch(HOLE.format(int(index)), spot)
            self.text(after)

    def _css(self, css: str) -> None:
        if not _TOKEN.search(css):
            self.text(css)
            return
        at = 0
        for found in _CSS_URL.finditer(css):
            start, end = found.span("value")
            self._css_values(css[at:start])
            if _TOKEN.search(found["value"]):
                self.stretch(found["value"], Spot.CSS_ADDRESS)
            else:
                self.text(found["value"])
            at = end
        self._css_values(css[at:])

    def _css_values(self, css: str) -> None:
        parts = _TOKEN.split(css)
        self.text(parts[0])
        before = parts[0]
        for index, after in zip(parts[1::2], parts[2::2], strict=True):
            whole = before.rstrip()[-1:] in ("", ";", "{", "}")
            self.stretch(HOLE.format(int(index)), Spot.DECLARATIONS if whole else Spot.CSS)
            self.text(after)
            before = after or "x"


def _is_anchor(html: str, found: re.Match[str]) -> bool:
    if (found["name"] or "").lower() != "href":
        return False
    start = html.rfind("<", 0, found.start())
    return bool(_ANCHOR.match(html, start))


def layout_of(html: str) -> Layout:
    """Cuts compiled HTML whose holes are `HOLE.format(index)`."""
    return _Cutter().cut(html)


def tokens_in(html: str) -> set[int]:
    """The indices of the holes that survived."""
    return {int(index) for index in _TOKEN.findall(html)}

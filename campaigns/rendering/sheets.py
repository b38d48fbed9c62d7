"""A layout made ready for filling often: its texts joined, and the checks of its values grouped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

from campaigns.rendering.css_values import safe_css
from campaigns.rendering.layout import Layout, LinkRewriter, plain_addresses, plain_css
from campaigns.rendering.markup import trusted
from campaigns.rendering.urls import safe_url

Filler = Callable[[list[str], LinkRewriter | None, list[str]], str]


class Sheet:
    """Compiled HTML that values are put into; equal to `Layout.fill` with the holes numbered by `place`.

    `fill(values, rewrite, addresses)` is the quick way: it uses the list of values up, and hands the addresses among
    them to `addresses` unchecked. Where one of all is not plain, `fill_carefully` is the way."""

    def __init__(self, layout: Layout, place: Callable[[int], int]) -> None:
        self._layout = layout.renumbered(place)
        self._simple = not layout.stretches
        if self._simple:
            self._prepare(self._layout)
            self._unchecked = self._filler()
        self.fill: Filler = self._unchecked if self._simple and not self._css else self._fill

    def _prepare(self, layout: Layout) -> None:
        taken = {*layout.plain_css, *layout.plain_addresses, *layout.plain_links}
        fixed, picked = list[str](), list[int]()
        row_of: dict[int, int] = {}
        run = ""
        for place, piece in enumerate(layout.pieces):
            hole = layout.indices[place // 2] if place % 2 else -1
            if hole < 0 and place not in taken:
                run += "" if place % 2 else piece
                continue
            if run:
                fixed.append(run)
                picked.append(-len(fixed) - 1)
                run = ""
            row_of[place] = len(picked)
            if hole < 0:
                fixed.append(piece)
            picked.append(hole if hole >= 0 else -len(fixed) - 1)
        fixed.append(run)
        self._fixed = ["", *fixed[::-1], ""]
        self._pick = _picking([*picked, -len(fixed) - 1])
        self._css = tuple(row_of[place] for place in layout.plain_css)
        self._links = tuple(row_of[place] for place in layout.plain_links)
        self._address_places = [row_of[place] for place in (*layout.plain_addresses, *layout.plain_links)]
        self._addresses = _picking(self._address_places)

    def _filler(self) -> Filler:
        fixed, pick, links, picked_addresses = self._fixed, self._pick, self._links, self._addresses
        joined = "".join

        def fill_text(values: list[str], rewrite: LinkRewriter | None, addresses: list[str]) -> str:
            values += fixed
            return joined(pick(values))

        def fill(values: list[str], rewrite: LinkRewriter | None, addresses: list[str]) -> str:
            values += fixed
            row = pick(values)
            addresses += picked_addresses(row)
            if rewrite is None or not links:
                return joined(row)
            out = list(row)
            for place in links:
                out[place] = rewrite(row[place])
            return joined(out)

        return fill if self._address_places else fill_text

    def _fill(self, values: list[str], rewrite: LinkRewriter | None, addresses: list[str]) -> str:
        """With values of CSS among them, which are looked at here."""
        if self._simple:
            row = self._pick([*values, *self._fixed])
            if plain_css("\n".join([row[place] for place in self._css])):
                return self._unchecked(values, rewrite, addresses)
        return self.fill_carefully(values, rewrite)

    def fill_carefully(self, values: list[str], rewrite: LinkRewriter | None) -> str:
        """The same with every value checked here."""
        if not self._simple:
            return self._layout.fill([*values, ""], rewrite)
        return "".join(self._checked(self._pick([*values, *self._fixed]), rewrite))

    def _checked(self, picked: tuple[str, ...], rewrite: LinkRewriter | None) -> list[str]:
        row = list(picked)
        if self._css and not plain_css("\n".join([picked[place] for place in self._css])):
            for place in self._css:
                row[place] = safe_css(trusted(row[place]))
        if self._address_places and not plain_addresses("\n".join(self._addresses(picked))):
            for place in self._address_places:
                row[place] = safe_url(trusted(row[place]))
        if rewrite is not None:
            for place in self._links:
                row[place] = rewrite(row[place])
        return row


def _picking(places: Sequence[int]) -> Callable[[Sequence[str]], tuple[str, ...]]:
    if len(places) > 1:
        return itemgetter(*places)
    if places:
        only = places[0]
        return lambda values: (values[only],)
    return lambda values: ()

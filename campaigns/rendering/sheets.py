"""A layout made ready for filling often: its texts joined, and the checks of its values grouped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

from campaigns.rendering.css_values import safe_css
from campaigns.rendering.layout import Layout, LinkRewriter, plain_addresses, plain_css
from campaigns.rendering.markup import trusted
from campaigns.rendering.urls import safe_url


class Sheet:
    """Compiled HTML that values are put into; equal to `Layout.fill` with the holes numbered by `place`."""

    def __init__(self, layout: Layout, place: Callable[[int], int]) -> None:
        self._layout = layout.renumbered(place)
        self._simple = not layout.stretches
        if self._simple:
            self._prepare(self._layout)

    def _prepare(self, layout: Layout) -> None:
        taken = {*layout.plain_css, *layout.plain_addresses, *layout.plain_links}
        texts, constants = [""], list[str]()
        picked: list[int] = []
        row_of: dict[int, int] = {}
        for place, piece in enumerate(layout.pieces):
            hole = layout.indices[place // 2] if place % 2 else -1
            if hole >= 0 or place in taken:
                row_of[place] = len(picked)
                if hole < 0:
                    constants.append(piece)
                picked.append(hole if hole >= 0 else -len(constants) - 1)
                texts.append("")
            elif not place % 2:
                texts[-1] += piece
        self._constants = ["", *constants[::-1], ""]
        self._texts = [part for text in texts for part in (text, "")][:-1]
        self._pick = _picking(picked)
        self._css = tuple(row_of[place] for place in layout.plain_css)
        self._links = tuple(row_of[place] for place in layout.plain_links)
        self._address_places = [row_of[place] for place in (*layout.plain_addresses, *layout.plain_links)]
        self._addresses = _picking(self._address_places)

    def fill(self, values: list[str], rewrite: LinkRewriter | None, addresses: list[str]) -> str:
        """The HTML for these values, which the list is used up for. Addresses among them are handed to `addresses`
        unchecked: where one of all is not plain, `fill_carefully` is the way."""
        if not self._simple:
            return self.fill_carefully(values, rewrite)
        values += self._constants
        picked = self._pick(values)
        if self._css and not plain_css("\n".join([picked[place] for place in self._css])):
            return self._filled(self._checked(picked, rewrite))
        if self._address_places:
            addresses += self._addresses(picked)
        out = self._texts.copy()
        out[1::2] = picked
        if rewrite is not None:
            for place in self._links:
                out[place + place + 1] = rewrite(picked[place])
        return "".join(out)

    def fill_carefully(self, values: list[str], rewrite: LinkRewriter | None) -> str:
        """The same with every value checked here."""
        if not self._simple:
            return self._layout.fill([*values, ""], rewrite)
        return self._filled(self._checked(self._pick([*values, *self._constants]), rewrite))

    def _filled(self, picked: Sequence[str]) -> str:
        out = self._texts.copy()
        out[1::2] = picked
        return "".join(out)

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

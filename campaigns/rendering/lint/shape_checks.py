"""Values that MJML has to see filled, though they are another for every mail: each mail then is a shape of its own.

A template is rendered for one shopper, and once more for another of whom everything is a little different: as many
lines, as many products, other words and numbers. What MJML saw filled and reads otherwise varies by recipient; a
colour or width of the shop reads the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import copy
from datetime import datetime, timedelta
from typing import Any, Final, cast

from campaigns.rendering.context import RenderContext, Traits
from campaigns.rendering.lint.rules import Finding, finding
from campaigns.rendering.problems import TemplateProblem
from campaigns.rendering.seen import SeenByMjml, SeenValue
from campaigns.rendering.store import EmailTemplate

_PARTS: Final = ("profile", "cart", "order", "session", "slots", "coupon", "links", "message", "now")
_FIXED: Final = frozenset({"locale", "zone", "currency", "source", "rung", "known", "in_stock"})
_LATER: Final = timedelta(days=1, hours=1)
_SHOWN: Final = 40
_ATTRIBUTE: Final = re.compile(r"([\w:-]+)\s*=\s*([\"'])(?:(?!\2)[^<>])*\Z")


def shape_findings(template: EmailTemplate, context: RenderContext) -> Iterator[Finding]:
    """value-in-layout: lines whose value makes MJML run anew for every mail."""
    for traits in (_Traits("one"), context["profile"]["traits"]):
        try:
            own, other = (template.seen_by_mjml(each) for each in _pair(context, traits))
        except TemplateProblem:
            continue  # a trait that is reckoned with; or what the rendering of the personas tells
        yield from _varying(own, other)
        return


def _varying(own: SeenByMjml, other: SeenByMjml) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    places, others = _by_place(own), _by_place(other)
    for place, values in places.items():
        again = others.get(place, [])
        if len(again) != len(values) or [each.text for each in values] == [each.text for each in again]:
            continue
        told.add(place[:2])
        one, another = next((a, b) for a, b in zip(values, again, strict=True) if a.text != b.text)
        said = f"{place[2]} reads '{_short(one.text)}' for one shopper and '{_short(another.text)}' for another"
        said += ": MJML runs for each mail"
        fix = "write it on the components themselves, where colours pass" if one.is_default else ""
        yield finding("value-in-layout", said, file=place[0], line=place[1], fix=fix)
    for file, line in own.differences(other):
        if (file, line) not in told:
            told.add((file, line))
            said = "a value printed inside {% filter %} or | safe is another for every mail: MJML runs for each"
            yield finding("value-in-layout", said, file=file, line=line, fix="print it with {{ }}, outside of that")


def _by_place(seen: SeenByMjml) -> dict[tuple[str, int, str], list[SeenValue]]:
    found: dict[tuple[str, int, str], list[SeenValue]] = {}
    for each in seen.values:
        attribute = _ATTRIBUTE.search(each.before)
        where = f"'{attribute[1]}'" if attribute else "text between tags"
        where += " in mj-attributes" if each.is_default else ""
        found.setdefault((each.file, each.line, where), []).append(each)
    return found


def _pair(context: RenderContext, traits: Mapping[str, Any]) -> tuple[RenderContext, RenderContext]:
    own: dict[str, Any] = {**context, "profile": {**context["profile"], "traits": traits}}
    other = {**own, **{part: _varied(own[part]) for part in _PARTS}}
    return cast(RenderContext, own), cast(RenderContext, other)


def _varied(value: Any, name: str = "") -> Any:
    """The same with other words, numbers and times in it, as many and as true as before."""
    if isinstance(value, _Traits):
        return _Traits("other")
    if isinstance(value, Mapping):
        found = cast(dict[Any, Any], copy(value))  # keeps what kind of mapping it is: slots answer to any name
        found.update({key: part if key in _FIXED else _varied(part, str(key)) for key, part in value.items()})
        return found
    if isinstance(value, list):
        return [_varied(each, name) for each in value]
    if isinstance(value, bool) or not value:
        return value
    if isinstance(value, datetime):
        return value + _LATER
    if isinstance(value, int):
        return value + 100 if name.endswith("_minor") else value + (value > 1)
    return f"{value}7" if isinstance(value, str) else value


class _Traits(Traits):
    """Traits of which every one is there."""

    def __missing__(self, key: str) -> Any:
        return f"{key}-{self._of}"

    def __init__(self, of: str) -> None:
        super().__init__()
        self._of = of


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

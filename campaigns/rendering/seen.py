"""What MJML saw of a mail: the values filled in before it ran, and the lines that printed them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from campaigns.rendering.compiler import compiled_layout
from campaigns.rendering.holes import MARK
from campaigns.rendering.shape import shape_of
from campaigns.rendering.tracing import TracedSource, traced

_AROUND = 400


@dataclass(frozen=True, slots=True)
class SeenValue:
    """One value that was filled before MJML ran; `before` is the MJML in front of it."""

    file: str
    line: int
    text: str
    before: str
    is_default: bool = False  # inside mj-attributes


@dataclass(frozen=True, slots=True)
class SeenByMjml:
    """One mail's shape and the values filled into it."""

    source: TracedSource
    values: Sequence[SeenValue]

    def differences(self, other: SeenByMjml) -> Iterator[tuple[str, int]]:
        """File and line of what the two shapes print differently in the same place; nothing where they were written
        by different lines."""
        if self.source.origins != other.source.origins:
            return
        for index, (own, others) in enumerate(zip(self.source.stretches(), other.source.stretches(), strict=True)):
            if own == others:
                continue
            same = next((at for at, (a, b) in enumerate(zip(own, others, strict=False)) if a != b), 0)
            yield self.source.origin(self.source.starts[index] + same)


def seen_by_mjml(noted: str, values: Sequence[str]) -> SeenByMjml:
    """Of a rendering with notes and marks; raises MjmlProblem. `values` are what the marks stand for."""
    source = traced(noted)
    filling = [traced(value).source for value in values]
    if source.source.count(MARK) != len(filling):
        return SeenByMjml(source, ())  # a construct that printed and threw away
    shape, _ = compiled_layout(shape_of(source.source), filling)
    places = [at for at, sign in enumerate(source.source) if sign == MARK]
    return SeenByMjml(source, [_seen(source, places[index], filling[index]) for index in shape.filled])


def _seen(source: TracedSource, place: int, text: str) -> SeenValue:
    file, line = source.origin(place)
    before = source.source[:place]
    is_default = before.rfind("<mj-attributes") > before.rfind("</mj-attributes")
    return SeenValue(file, line, text, before[-_AROUND:], is_default)

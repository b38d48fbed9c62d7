"""From a place in a mail's MJML back to the file and line that wrote it, through includes, macros and loops."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from jinja2 import BaseLoader, nodes

from campaigns.rendering.holes import MjmlEnvironment

_NOTE = re.compile("\uf8f1(\\d+):(\\d+)\uf8f2")
_FILES: list[str] = []
"""Notes name a file by its place here: digits pass through filters like `upper`."""


class TracingEnvironment(MjmlEnvironment):
    """Renders like MjmlEnvironment, with a note of file and line before every stretch the author wrote."""

    def __init__(self, loader: BaseLoader | None = None) -> None:
        super().__init__(loader)
        self.optimized = False

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        file = _number_of(name or "")
        for data in tree.find_all(nodes.TemplateData):
            data.data = f"\uf8f1{file}:{data.lineno}\uf8f2{data.data}"
        return tree


@dataclass(frozen=True, slots=True)
class TracedSource:
    """MJML with its origins: `starts[i]` is where the stretch from `origins[i]` (file, line) begins."""

    source: str
    starts: tuple[int, ...]
    origins: tuple[tuple[str, int], ...]

    def origin(self, position: int) -> tuple[str, int]:
        """File and line of a character; ("", 0) where nothing is known."""
        index = bisect_right(self.starts, position) - 1
        if index < 0:
            return "", 0
        file, line = self.origins[index]
        return file, line + self.source.count("\n", self.starts[index], position)

    def stretches(self) -> list[str]:
        """The text of every stretch."""
        ends = [*self.starts[1:], len(self.source)]
        return [self.source[start:end] for start, end in zip(self.starts, ends, strict=True)]


def traced(noted: str) -> TracedSource:
    """Takes the notes out of what a TracingEnvironment rendered."""
    parts = _NOTE.split(noted)
    text, starts, origins = [parts[0]], [], []
    at = len(parts[0])
    for file, line, piece in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        starts.append(at)
        origins.append((_FILES[int(file)], int(line)))
        text.append(piece)
        at += len(piece)
    return TracedSource("".join(text), tuple(starts), tuple(origins))


def _number_of(file: str) -> int:
    if file not in _FILES:
        _FILES.append(file)
    return _FILES.index(file)

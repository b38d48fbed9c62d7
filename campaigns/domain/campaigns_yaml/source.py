"""A YAML file with the line of every key, and the problems found in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from campaigns.domain.errors import InvalidInput

MAX_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a file. `key` is the path of the setting: `steps[0].after`."""

    line: int
    key: str
    what: str
    file: str = ""

    def __str__(self) -> str:
        return (
            f"{self.file}:{self.line}: {self.key}: {self.what}" if self.key else f"{self.file}:{self.line}: {self.what}"
        )


class CampaignProblems(InvalidInput):
    """A campaign file that does not pass; `problems` lists everything that is wrong with it, by line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class Source:
    """One file under reading; problems gather here, and advice that stops nothing."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.advice: list[Problem] = []

    def note(self, line: int, key: str, what: str) -> None:
        """Notes a problem."""
        self.problems.append(Problem(line, key, what, self.file))

    def advise(self, line: int, key: str, what: str) -> None:
        """Notes what works and is unwise."""
        self.advice.append(Problem(line, key, what, self.file))


def round_trip_yaml() -> YAML:
    """The reader and writer that keeps comments, order and quotes."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def load(text: str, source: Source) -> CommentedMap | None:
    """The file's top mapping, or None after noting what is wrong with it."""
    if len(text) > MAX_CHARACTERS:
        source.note(1, "", f"the file has more than {MAX_CHARACTERS:,} characters; is it a campaign?")
        return None
    try:
        tree = round_trip_yaml().load(StringIO(text))
    except (YAMLError, ValueError, RecursionError) as error:
        source.note(*_fault(error))
        return None
    if isinstance(tree, CommentedMap):
        return tree
    source.note(1, "", "the file is empty" if tree is None else "the file must be a list of settings, `key: value`")
    return None


def _fault(error: Exception) -> tuple[int, str, str]:
    if isinstance(error, DuplicateKeyError):
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return (
            line,
            "",
            _twice(error.problem or ""),
        )
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return (mark.line + 1 if mark else 1), "", f"this is not YAML: {error.problem or error.context}"
    if isinstance(error, RecursionError):
        return 1, "", "this is not a campaign: it is nested too deeply"
    return 1, "", f"this is not YAML: {str(error).splitlines()[0]}"


def _twice(problem: str) -> str:
    found = re.search(r'duplicate key "(.*?)"', problem)
    return f'"{found[1]}" occurs twice' if found else "a key occurs twice"


def line_of(parent: Any, key: Any) -> int:
    """The line (from 1) at which a key or list item stands."""
    if isinstance(parent, (CommentedMap, CommentedSeq)):
        try:
            position = parent.lc.key(key) if isinstance(parent, CommentedMap) else parent.lc.item(key)
        except (KeyError, TypeError, AttributeError):
            return own_line(parent)
        return int(position[0]) + 1
    return 1


def own_line(node: Any) -> int:
    """The line at which a mapping or list begins."""
    line = getattr(getattr(node, "lc", None), "line", None)
    return 1 if line is None else int(line) + 1


def nearest(name: object, known: Iterable[str]) -> str:
    """` (did you mean ...?)` with the nearest known name, else nothing."""
    near = get_close_matches(str(name), list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""

"""Changes single settings in the text of a YAML file and leaves every other character as it stood.

A form knows values, a file has comments, order, quotes and its author's own spacing. So the text is cut open only where
a value stands, by the marks the YAML reader gives to each node. What comes out is read again and compared with what was
asked for; where cutting went wrong - a value behind an alias, say - the file is written anew with comments and order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from io import StringIO
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from campaigns.domain.campaigns_yaml.source import round_trip_yaml

_PLAIN: Final = re.compile(r"[\w./@%+][\w ./@%+:-]*")
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_WIDEST_FLOW: Final = 90
Path = tuple[str | int, ...]


def edit(text: str, changes: Mapping[str, Any]) -> str:
    """The text with settings changed: `{"name": "Cart", "steps.0.after": "2h", "policy.max_late": None}`.

    None removes a setting; the number after a list's last item appends one; a setting that is missing is added, with
    the sections above it. Raises KeyError for a path that leads through something that is no section or list."""
    for dotted, value in changes.items():
        path: Path = tuple(int(part) if part.isdigit() else part for part in dotted.split("."))
        wanted = _changed(_plain(text), path, value)
        after = _spliced(text, path, value)
        text = after if after is not None and _reads_as(after, wanted) else _written_anew(text, path, value)
    return text


def _plain(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(StringIO(text))


def _reads_as(text: str, wanted: Any) -> bool:
    try:
        return bool(_plain(text) == wanted)
    except Exception:  # whatever the reader says: it is not what was asked for
        return False


def _changed(tree: Any, path: Path, value: Any) -> Any:
    """`tree` with the change made, in place."""
    node = tree
    for part in path[:-1]:
        node = _step_into(node, part, may_make=value is not None)
    last: Any = path[-1]
    if isinstance(node, list) and last == len(node) and value is not None:
        node.append(value)
        return tree
    is_there = isinstance(node, dict) and (value is not None or last in node)
    if not is_there and not (isinstance(node, list) and isinstance(last, int) and last < len(node)):
        raise KeyError(f"there is no {last!r} here")
    if value is None:
        del node[last]
    else:
        node[last] = value
    return tree


def _step_into(node: Any, part: str | int, *, may_make: bool) -> Any:
    if isinstance(node, dict) and part not in node and may_make and isinstance(part, str):
        node[part] = {}
    try:
        return node[part]
    except (KeyError, IndexError, TypeError):
        raise KeyError(f"there is no {part!r} here") from None


def _written_anew(text: str, path: Path, value: Any) -> str:
    yaml, out = round_trip_yaml(), StringIO()
    tree = yaml.load(text)
    yaml.dump(_changed(tree, path, _shielded(value)), out)
    return out.getvalue()


def _spliced(text: str, path: Path, value: Any) -> str | None:
    """The text cut open at one place; None where that cannot be done."""
    root = YAML(typ="rt", pure=True).compose(StringIO(text))
    node: Node = root
    for depth, part in enumerate(path[:-1]):
        child = _child(node, part)
        if child is None:
            below: Any = value
            for name in reversed(path[depth + 1 :]):
                below = {name: below}
            return _Cut(text, node).add(part, below)
        node = child
    there = _child(node, path[-1])
    cut = _Cut(text, node)
    if value is None:
        return cut.remove(path[-1])
    return cut.add(path[-1], value) if there is None else cut.replace(there, value)


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: Node = node.value[part]
        return found
    return None


class _Cut:
    """One mapping or list of a text, to be cut open."""

    def __init__(self, text: str, node: Node) -> None:
        self.text, self.node = text, node
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def replace(self, old: Node, value: Any) -> str | None:
        """Another value in the place of `old`."""
        start, end = old.start_mark.index, _end(old)
        is_inline = isinstance(old, ScalarNode) or _is_flow(old)
        if isinstance(old, ScalarNode) and old.style in ("|", ">"):
            return None
        if is_inline and (_is_flow(self.node) or _is_leaf(value)):
            return self._with(start, end, _flow(value, old.style if isinstance(old, ScalarNode) else None))
        if is_inline:
            return self._with(self._before(start), end, self._block(value, self._column() + 2))
        block = self._block(value, old.start_mark.column).removeprefix(self.newline + " " * old.start_mark.column)
        return self._with(start, end, block)

    def add(self, name: str | int, value: Any) -> str | None:
        """One entry more, behind the last one."""
        if not self.node.value:
            return None
        key = "" if isinstance(self.node, SequenceNode) else f"{_scalar(str(name))}: "
        if _is_flow(self.node):
            at = _end(self._last())
            return self._with(at, at, f", {key}{_flow(value)}")
        column = self._column()
        at = self._line_end(_end(self._last()))
        entry = f"- {_entry(value, column + 2, self.newline)}" if not key else _named(key, value, column, self.newline)
        return self._with(at, at, f"{self.newline}{' ' * column}{entry}")

    def remove(self, name: str | int) -> str | None:
        """Without one entry."""
        entries = [pair if isinstance(pair, tuple) else (pair, pair) for pair in self.node.value]
        names = [key.value for key, _ in entries] if isinstance(self.node, MappingNode) else list(range(len(entries)))
        place = names.index(str(name) if isinstance(self.node, MappingNode) else name)
        start, end = self._start_of(entries[place][0]), _end(entries[place][1])
        if len(entries) == 1:
            return None
        if _is_flow(self.node):
            if place:
                return self._with(_end(entries[place - 1][1]), end, "")
            return self._with(start, self._start_of(entries[1][0]), "")
        line_start = self.text.rfind("\n", 0, start) + 1
        if self.text[line_start:start].strip():  # the first key behind a dash: the next one takes its place
            return self._with(start, self._start_of(entries[place + 1][0]), "")
        line_end = self._line_end(end)
        if line_end < len(self.text):
            return self._with(line_start, line_end + len(self.newline), "")
        return self._with(self._before(line_start), len(self.text), "")

    def _with(self, start: int, end: int, new: str) -> str:
        return self.text[:start] + new + self.text[end:]

    def _last(self) -> Node:
        last = self.node.value[-1]
        found: Node = last[1] if isinstance(last, tuple) else last
        return found

    def _start_of(self, node: Node) -> int:
        """Where an entry begins: at its key, or at the dash before it."""
        start: int = node.start_mark.index
        if isinstance(self.node, SequenceNode) and not _is_flow(self.node):
            return self.text.rfind("-", 0, start)
        return start

    def _column(self) -> int:
        column: int = self.node.start_mark.column
        return column

    def _before(self, at: int) -> int:
        """The end of what stands before `at`, blanks left out."""
        return len(self.text[:at].rstrip())

    def _line_end(self, at: int) -> int:
        found = self.text.find(self.newline, at)
        return len(self.text) if found < 0 else found

    def _block(self, value: Any, column: int) -> str:
        return f"{self.newline}{' ' * column}{_entry(value, column, self.newline)}"


def _is_flow(node: Node) -> bool:
    """Whether a mapping or list stands in braces or brackets."""
    return bool(getattr(node, "flow_style", False))


def _end(node: Node) -> int:
    """Where a node's own text ends; the reader counts blanks and comments behind a block to it."""
    if isinstance(node, ScalarNode) or _is_flow(node) or not node.value:
        end: int = node.end_mark.index
        return end
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _is_leaf(value: Any) -> bool:
    """Whether a value is written on the line of its key."""
    if not isinstance(value, (dict, list)):
        return True
    members = value.values() if isinstance(value, dict) else value
    return all(_is_leaf(one) and not isinstance(one, dict) for one in members) and len(_flow(value)) <= _WIDEST_FLOW


def _named(key: str, value: Any, column: int, newline: str) -> str:
    if _is_leaf(value):
        return f"{key}{_flow(value)}"
    return f"{key.rstrip()}{newline}{' ' * (column + 2)}{_entry(value, column + 2, newline)}"


def _entry(value: Any, column: int, newline: str) -> str:
    """A value as a block that begins at `column` of a line that is already there."""
    indent = newline + " " * column
    if isinstance(value, dict) and value:
        return indent.join(_named(f"{_scalar(str(name))}: ", one, column, newline) for name, one in value.items())
    if isinstance(value, list) and value:
        return indent.join(f"- {_entry(one, column + 2, newline)}" for one in value)
    return _flow(value)


def _flow(value: Any, style: str | None = None) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(str(name))}: {_flow(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return _scalar(value, style)


def _scalar(value: Any, style: str | None = None) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style != '"' and _PLAIN.fullmatch(value) and _reads_as(f"[{value}]", [value]):
        return value
    return _UNPRINTABLE.sub(_escaped, json.dumps(value, ensure_ascii=False))


def _escaped(found: re.Match[str]) -> str:
    """A sign as YAML escapes it: JSON's pairs of surrogates mean nothing there."""
    code = ord(found[0])
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _shielded(value: Any) -> Any:
    """With texts that hold unprintable signs in double quotes, the only style that escapes."""
    if isinstance(value, dict):
        return {_shielded(name): _shielded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shielded(one) for one in value]
    return DoubleQuotedScalarString(value) if isinstance(value, str) and not value.isprintable() else value

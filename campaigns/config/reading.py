"""Reads settings from `rekindle.toml`, overlaid by REKINDLE_* variables, and says in one line what is wrong."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from campaigns.config.settings import Settings
from campaigns.config.workspace import Workspace
from campaigns.domain.errors import UnusableEnvironment

PREFIX = "REKINDLE_"
NOT_SETTINGS = frozenset({"REKINDLE_WORKSPACE", "REKINDLE_DEBUG"})  # read by the command line itself
TEST_PREFIX = "REKINDLE_TEST_"  # switches of the test suite, which also runs the commands

Path_ = tuple[str, ...]


def load_settings(workspace: Workspace, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of `workspace`; a variable wins over the file. Raises UnusableEnvironment with file and line."""
    text = _read_text(workspace)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(workspace, error) from error
    overlay = dict(_overlay(environ))
    for path, value in overlay.items():
        _put(tree, path, value)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise _explain(error, workspace, text, overlay) from None


def setting_names() -> tuple[str, ...]:
    """Dotted names of all settings, such as "shop.brand.dark.text"; `write_keys` is a table, `shop.social` a list."""
    return tuple(".".join(path) for path in _paths(Settings))


def variable_name(dotted: str) -> str:
    """The variable that overrides a setting: `shop.name` is REKINDLE_SHOP_NAME."""
    return PREFIX + dotted.replace(".", "_").upper()


def _read_text(workspace: Workspace) -> str:
    try:
        return workspace.config_file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Workspace.at(workspace.root).config_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UnusableEnvironment(f"cannot be read: {reason}", where=str(workspace.config_file)) from error


def _unreadable(workspace: Workspace, error: tomllib.TOMLDecodeError) -> UnusableEnvironment:
    found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    where = f"{workspace.config_file}:{found[1]}" if found else str(workspace.config_file)
    said = re.sub(r" \(at .*\)", "", str(error))
    return UnusableEnvironment(
        f"not valid TOML: {said}", where=where, fix="text stands in quotes, tables in [brackets]"
    )


def _paths(model: type[BaseModel], above: Path_ = ()) -> Iterator[Path_]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _paths(kind, (*above, name))
        else:
            yield (*above, name)


def _overlay(environ: Mapping[str, str]) -> Iterator[tuple[Path_, str]]:
    known = {
        variable_name(".".join(path)): path for path in _paths(Settings) if path[-1] not in ("social", "write_keys")
    }
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS or name.startswith(TEST_PREFIX):
            continue
        if name.startswith(keys := PREFIX + "WRITE_KEYS_"):
            yield ("write_keys", name.removeprefix(keys).lower()), value
        elif name in known:
            yield known[name], value
        else:
            raise UnusableEnvironment("no setting has this name", where=name, fix=_nearest(name, known))


def _put(tree: dict[str, Any], path: Path_, value: str) -> None:
    for name in path[:-1]:
        below = tree.setdefault(name, {})
        if not isinstance(below, dict):
            return  # the file has a wrong value here, and the check will say so
        tree = below
    tree[path[-1]] = value


def _explain(
    error: ValidationError, workspace: Workspace, text: str, overlay: Mapping[Path_, str]
) -> UnusableEnvironment:
    details = error.errors(include_url=False, include_input=False)
    first = min(details, key=lambda detail: detail["type"] == "missing")  # a misspelt name explains the missing one
    path = tuple(str(part) for part in first["loc"] if part != "[key]")
    where = variable_name(".".join(path)) if path in overlay else f"{workspace.config_file}{_line_of(text, path)}"
    what, fix = _sentence(first, path)
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return UnusableEnvironment(what + more, where=where, fix=fix)


def _sentence(detail: ErrorDetails, path: Path_) -> tuple[str, str]:
    dotted = ".".join(path)
    if detail["type"] == "extra_forbidden":
        return f"`{dotted}` is not a setting", _nearest(dotted, setting_names())
    if detail["type"] == "missing":
        return f"`{dotted}` is missing", f"add it, or set {variable_name(dotted)}"
    if detail["type"] in ("string_too_short", "too_short"):
        return f"`{dotted}` is too short to be safe", "make one with: openssl rand -hex 32"
    message = detail["msg"].removeprefix("Value error, ")
    return f"`{dotted}`: {message[:1].lower() + message[1:]}", ""


def _nearest(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else "docs/configuration.md lists them all"


def _line_of(text: str, path: Path_) -> str:
    """ ":12" where the key stands, else the nearest table above it, else nothing."""
    table: Path_ = ()
    best, depth = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        here = table
        if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
            here = table = _split_key(header[1])
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            here = (*table, *_split_key(key[1]))
        else:
            continue
        if len(here) > depth and here == tuple(part for part in path if not part.isdigit())[: len(here)]:
            best, depth = f":{number}", len(here)
    return best


def _split_key(dotted: str) -> Path_:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))

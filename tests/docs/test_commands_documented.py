"""Every command and every option stands in docs/commands.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from campaigns.cli.main import cli

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")


def commands(group: click.Group, path: str = "rekindle") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


@pytest.mark.parametrize(("path", "command"), list(commands(cli)), ids=str)
def test_every_command_and_option_is_documented(path: str, command: click.Command) -> None:
    [line] = [line for line in PAGE.splitlines() if line.startswith((f"| `{path} ", f"| `{path}`"))] or [""]
    assert line, f"{path} is missing in docs/commands.md"
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    lacking = [option for option in options if option not in line and option not in ("--map", "--rejects")]
    assert not lacking, f"{path}: {', '.join(lacking)} missing in docs/commands.md"
    assert command.help, f"{path} has no help text"


def test_global_options_are_documented() -> None:
    for parameter in cli.params:
        assert any(option in PAGE for option in parameter.opts) or parameter.name == "version"

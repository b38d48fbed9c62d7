"""What a command loads before it does anything: help is there at once, and files are checked without a server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from campaigns.cli.main import COMMANDS, SUMMARIES, cli
from campaigns.config import Workspace

SERVERS = ("sqlalchemy", "psycopg", "redis", "alembic", "celery", "starlette", "uvicorn")
MODELS = ("numpy", "scipy", "pandas", "implicit", "torch")
LOADED = """
import json, sys
from campaigns.cli.main import cli
try:
    cli.main(args=json.loads(sys.argv[1]), standalone_mode=False)
finally:
    sys.stderr.write("\\nloaded " + " ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded(*arguments: str) -> set[str]:
    command = [sys.executable, "-c", LOADED, json.dumps(arguments)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return set(done.stderr.rpartition("loaded ")[2].split())


def test_help_loads_nothing_but_itself() -> None:
    assert loaded("--help").isdisjoint({*SERVERS, *MODELS, "jinja2", "pydantic", "babel"})


@pytest.mark.parametrize("arguments", [("lint", "welcome"), ("preview", "abandoned_cart")])
def test_templates_are_checked_and_shown_without_what_servers_and_models_need(
    workspace: Workspace, arguments: tuple[str, ...]
) -> None:
    assert loaded("-w", str(workspace.root), *arguments).isdisjoint({*SERVERS, *MODELS})


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    assert list(SUMMARIES) == list(COMMANDS)
    for name, said in SUMMARIES.items():
        command = cli.get_command(click.Context(cli), name)
        assert command is not None and said == command.get_short_help_str(88), name

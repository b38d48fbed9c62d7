"""`rekindle`: the group that all commands hang on, and the one place where errors become a line and a status."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Final

import click

from campaigns.cli.output import Output
from campaigns.domain.errors import RekindleError

COMMANDS: Final[dict[str, str]] = {
    "backtest": "campaigns.cli.backtest:backtest",
    "beat": "workers.commands:beat",
    "campaigns": "campaigns.cli.campaigns:campaigns",
    "coupons": "campaigns.cli.coupons:coupons",
    "demo": "campaigns.cli.demo:demo",
    "doctor": "campaigns.cli.doctor:doctor",
    "events": "campaigns.cli.events:events",
    "import": "campaigns.cli.imports:import_",
    "init": "campaigns.cli.init:init",
    "lint": "campaigns.cli.lint:lint",
    "preview": "campaigns.cli.preview:preview",
    "recs": "campaigns.cli.recs:recs",
    "replay": "campaigns.cli.replay:replay",
    "report": "campaigns.cli.report:report",
    "serve": "campaigns.cli.serve:serve",
    "suppress": "campaigns.cli.privacy:suppress",
    "unsuppress": "campaigns.cli.privacy:unsuppress",
    "export": "campaigns.cli.privacy:export",
    "forget": "campaigns.cli.privacy:forget",
    "up": "workers.commands:up",
    "why": "campaigns.cli.why:why",
    "worker": "workers.commands:worker",
}
"""Command -> where it lives; loaded only when called."""

SUMMARIES: Final[dict[str, str]] = {
    "backtest": "Tries CAMPAIGN on recorded history: who would have been mailed when, and what would...",
    "beat": "Runs the clock that wakes the workers.",
    "campaigns": "Rules as files: list, validate, plan, apply, pause, resume, history.",
    "coupons": "Pools of coupon codes: list, make, export.",
    "demo": "Plays one day of a built-in shop through every stage, shows the numbers, then the...",
    "doctor": "Checks servers, settings, folders, mail settings, campaigns and templates, and says...",
    "events": "What the event API refused, and what could not be applied.",
    "import": "Reads a catalog, events, profiles or coupon codes from CSV, NDJSON or Parquet, gzip too.",
    "init": "Makes a workspace in FOLDER: settings with fresh keys, campaigns, folders for templates.",
    "lint": "Checks the templates of CAMPAIGN, or all templates there are.",
    "preview": "Renders the email of CAMPAIGN as it would go out now.",
    "recs": "The recommendations: train, compare, explain, roll back.",
    "replay": "Plays recorded events through every stage on a virtual clock, mail into a Maildir.",
    "report": "Shows CAMPAIGN's funnel, the revenue that followed its mails, and what it really caused.",
    "serve": "Runs the web process: event API, tracking links, unsubscribe pages, and the inbox of...",
    "suppress": "Takes ADDRESS out: no mail goes there any more, from this moment on.",
    "unsuppress": "Lets ADDRESS in again.",
    "export": "Everything known about a shopper as one JSON document: ids, consent, events,...",
    "forget": "Deletes everything that tells who a shopper is or what they did.",
    "up": "Runs web process, worker and beat in one terminal; Ctrl-C ends all of them.",
    "why": "Tells why PROFILE got a mail, or none: events, timers, decisions and messages in...",
    "worker": "Runs the background worker: ingest, decide, deliver, train.",
}
"""Command -> its first sentence, so that `rekindle --help` loads none of them."""


class CommandGroup(click.Group):
    """Loads a command's module when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES[name]) for name in self.list_commands(ctx)])


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--workspace",
    "-w",
    type=click.Path(path_type=Path),
    default=Path(),
    envvar="REKINDLE_WORKSPACE",
    help="The workspace folder (holds rekindle.toml). Default: this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")
@click.option("--debug", is_flag=True, envvar="REKINDLE_DEBUG", help="Show the traceback of an error.")
@click.version_option(package_name="rekindle", prog_name="rekindle")
@click.pass_context
def cli(context: click.Context, workspace: Path, as_json: bool, debug: bool) -> None:
    """Rekindle: triggered email with recommendations, reasons and measured lift."""
    context.obj = Output(workspace=workspace, as_json=as_json, debug=debug)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0 done, 1 the answer is no, 2 wrong use or environment."""
    debug = "--debug" in (sys.argv if arguments is None else arguments)
    try:
        status: Any = cli.main(args=arguments, prog_name="rekindle", standalone_mode=False)
        sys.exit(status if isinstance(status, int) else 0)
    except RekindleError as error:
        _fail(str(error), error.exit_status, error if debug else None)
    except click.exceptions.Abort:
        _fail("interrupted", 130, None)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except OSError as error:
        _fail(_os_error(error), 2, error if debug else None)


def _os_error(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; check that the path exists, is writable and has room"


def _fail(line: str, status: int, error: BaseException | None) -> None:
    if error is not None:
        raise error
    click.echo(f"rekindle: {line}", err=True)
    sys.exit(status)

"""`rekindle replay`: recorded events through every stage on a virtual clock."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from campaigns.cli.output import Output
from campaigns.cli.summary import print_summary
from campaigns.clock import VirtualClock
from campaigns.config import Workspace, scaffold
from campaigns.delivery import maildir_url, mailer_from_url
from campaigns.domain.errors import WrongUsage
from campaigns.pipeline.campaign_files import apply_files, read_campaign_files
from campaigns.pipeline.engine import World, open_engine
from campaigns.pipeline.replay import replay as play
from campaigns.pipeline.summary import summarise
from campaigns.storage.files import open_events
from triggers.events import Event


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "column_map", type=click.Path(path_type=Path), help="Column mapping file (YAML or TOML).")
@click.option("--out", type=click.Path(path_type=Path), help="A new Maildir for the mails.")
@click.option("--until", type=click.DateTime(), help="Stop at this time (UTC) instead of the last event.")
@click.option("--rejects", type=click.Path(path_type=Path), help="Where refused rows go.")
@click.pass_obj
def replay(
    output: Output,
    file: Path,
    column_map: Path | None,
    out: Path | None,
    until: datetime | None,
    rejects: Path | None,
) -> None:
    """Plays recorded events through every stage on a virtual clock, mail into a Maildir.

    The campaigns are those in the workspace's files; without a workspace, the shipped ones. Nothing of the live data is
    touched: a replay has a world of its own, which `why --replay` and `preview --replay` look into afterwards.
    """
    started = time.perf_counter()
    with _workspace(output) as workspace:
        out = out or (Path("replay-mail") if workspace.root != output.workspace.resolve() else None)
        folder = _fresh_maildir(out or workspace.state / "replay-mail", given=out is not None)
        clock = VirtualClock(datetime(1970, 1, 1, tzinfo=UTC))
        with open_engine(workspace.root, world=World.REPLAY, fresh=True, clock=clock) as engine:
            source = open_events(
                file,
                column_map=column_map,
                rejects=rejects or _rejects(workspace, file, output),
                currency=engine.settings.shop.currency,
            )
            output.note(source.note)
            files = read_campaign_files(workspace.campaigns, engine.templates)
            events: list[Event] = source.read_all()
            apply_files(engine, files, by="replay")
            mailer = mailer_from_url(maildir_url(folder.resolve()), clock=clock)
            with output.progress("replay", len(events)) as bar:
                report = play(
                    engine,
                    events,
                    mailer,
                    until=until.replace(tzinfo=UTC) if until else None,
                    on_progress=bar.advance,
                )
            mailer.close()
            summary = summarise(engine)
        rejected = sum(source.rejected.values())
        seconds = time.perf_counter() - started
        if output.as_json:
            document = summary.as_json() | {
                "rejected": {fault.value: count for fault, count in source.rejected.items()},
                "rejects_file": source.rejects_file,
                "timers": dict(report.ingest.counts),
                "maildir": folder,
                "seconds": round(seconds, 1),
            }
            output.document(document)
            return
        print_summary(output, summary, report.ingest, report.decide)
        if rejected:
            reasons = ", ".join(f"{count:,} {fault.value}" for fault, count in source.rejected.most_common())
            output.line(f"{rejected:,} rows were refused ({reasons}): {source.rejects_file}")
        output.line(f"Mails are in {folder}")
        output.line(f"Played {report.ingest.events:,} events in {seconds:.1f} s.")


@contextmanager
def _workspace(output: Output) -> Iterator[Workspace]:
    if (output.workspace / "rekindle.toml").exists():
        yield Workspace.at(output.workspace)
        return
    with tempfile.TemporaryDirectory(prefix="rekindle-replay-") as folder:
        made = scaffold(
            Path(folder) / "shop",
            shop_id="replay",
            shop_name="Replay shop",
            shop_url="https://shop.example",
            currency="EUR",
            zone="UTC",
            locale="en",
        )
        output.note("No workspace here: playing the shipped campaigns in a throw-away one.")
        yield made.workspace


def _rejects(workspace: Workspace, file: Path, output: Output) -> Path:
    here = workspace.root if workspace.root.resolve() == output.workspace.resolve() else Path()
    folder = here / "rejects" if here != workspace.root else workspace.rejects
    return folder / f"{file.name}.rejects.csv"


def _fresh_maildir(folder: Path, *, given: bool) -> Path:
    if given and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WrongUsage("--out is there already and not empty", where=str(folder), fix="name a new folder")
    if not given and folder.exists():
        shutil.rmtree(folder)
    return folder

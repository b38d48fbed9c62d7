"""What a command prints: text for people, one JSON document for programs, progress on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

if TYPE_CHECKING:  # most commands draw neither tables nor bars
    from rich.progress import Progress


@dataclass(slots=True)
class Output:
    """The options every command shares, and the ways to print."""

    workspace: Path
    as_json: bool = False
    debug: bool = False

    def document(self, value: Any) -> None:
        """Prints one JSON document (for `--json`)."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
        click.echo(orjson.dumps(value, option=options, default=str).decode())

    def line(self, text: str = "") -> None:
        """One line for people; silent with `--json`."""
        if not self.as_json:
            click.echo(text)

    def note(self, text: str) -> None:
        """A remark on stderr: progress in words, hints."""
        if not self.as_json:
            click.echo(text, err=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """A table: the first column to the left, numbers to the right."""
        if self.as_json:
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2))
        for i, column in enumerate(columns):
            numeric = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
            table.add_column(column, justify="right" if numeric and i else "left", header_style="dim")
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        Console(highlight=False, width=None if sys.stdout.isatty() else 110).print(table)
        click.echo()

    @contextmanager
    def progress(self, what: str, total: int | None) -> Iterator[ProgressBar]:
        """A progress bar on a terminal; elsewhere a line at every tenth."""
        if self.as_json or not sys.stderr.isatty():
            yield ProgressBar(None, what, total, quiet=self.as_json)
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
            yield ProgressBar(bar, what, total, quiet=False)


class ProgressBar:
    """Moves on by `advance`; without a terminal it prints a line at every tenth of the way."""

    def __init__(self, bar: Progress | None, what: str, total: int | None, *, quiet: bool) -> None:
        self._bar, self._what, self._total, self._quiet = bar, what, total, quiet
        self._task = bar.add_task(what, total=total) if bar else None
        self._done, self._told = 0, 0

    def advance(self, count: int, note: str = "") -> None:
        """`count` more are done; `note` says what is going on now."""
        self._done += count
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=count, description=f"{self._what} {note}".strip())
        elif self._total and not self._quiet and self._done * 10 // self._total > self._told:
            self._told = self._done * 10 // self._total
            click.echo(f"{self._what}: {self._done:,} of {self._total:,} {note}".rstrip(), err=True)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)

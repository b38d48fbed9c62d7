"""A training that is split up, as files: what it learns from, the logs its sources are fitted on, and the fitted parts.

    training/<job>/history/rows/                the history it began with
    training/<job>/logs/<log>/rows/             one log as Parquet, and its catalog
    training/<job>/logs/<log>/fitted/<part>/    what one source learned
    training/<job>/logs/<log>/done/<part>       that it is there whole, and who made it

A mark is written last: what has none is not there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from campaigns.storage.artifacts import ArtifactStore

Save = Callable[[Path], None]
_WHOLE = "whole.json"


class JobShelf:
    """The files of one job in a store."""

    def __init__(self, store: ArtifactStore, folder: str, job: str) -> None:
        self._store, self._jobs, self._job = store, f"{folder}/training", job

    def put_history(self, frames: Mapping[str, pd.DataFrame], facts: Mapping[str, Any]) -> None:
        """Writes what the training learns from, after every other job's files are gone."""
        self.remove_all()

        def save(folder: Path) -> None:
            for name, frame in frames.items():
                frame.to_parquet(folder / f"{name}.parquet")

        self._put("history", save, facts)

    def find_history(self, names: Sequence[str]) -> tuple[dict[str, pd.DataFrame], dict[str, Any]] | None:
        """The frames and facts of the history; None where they are not here whole."""
        facts = self._facts("history")
        if facts is None:
            return None
        with self._store.local_folder(self._name("history/rows")) as folder:
            return {name: pd.read_parquet(folder / f"{name}.parquet") for name in names}, facts

    def put_log(self, log: str, save: Save, program: str) -> None:
        """Writes a log, unless it is there already."""
        if self._facts(f"logs/{log}") is None:
            self._put(f"logs/{log}", save, {"program": program})

    def program_of(self, log: str) -> str | None:
        """The version of the program that wrote a log; None where the log is not here."""
        facts = self._facts(f"logs/{log}")
        return None if facts is None else str(facts.get("program"))

    def log_folder(self, log: str) -> AbstractContextManager[Path]:
        """The files of a log on this machine while the block runs."""
        return self._store.local_folder(self._name(f"logs/{log}/rows"))

    def done(self, log: str) -> list[str]:
        """The parts of a log that are fitted."""
        return self._store.files(self._name(f"logs/{log}/done"))

    def put_part(self, log: str, part: str, save: Save, by: str) -> None:
        """Writes a fitted part."""
        with TemporaryDirectory(prefix="rekindle-part-") as local:
            save(Path(local))
            self._store.put_folder(Path(local), self._name(f"logs/{log}/fitted/{part}"))
        self._store.write(self._name(f"logs/{log}/done/{part}"), by.encode())

    def maker_of(self, log: str, part: str) -> str:
        """Who fitted a part."""
        with self._store.open(self._name(f"logs/{log}/done/{part}")) as file:
            return str(file.read().decode())

    def part_folder(self, log: str, part: str) -> AbstractContextManager[Path]:
        """The files of a fitted part on this machine while the block runs."""
        return self._store.local_folder(self._name(f"logs/{log}/fitted/{part}"))

    def logs(self) -> list[str]:
        """The logs that are here."""
        return self._store.folders(self._name("logs"))

    def remove_all(self) -> None:
        """Removes the files of every job."""
        self._store.remove(self._jobs)

    def _put(self, name: str, save: Save, facts: Mapping[str, Any]) -> None:
        with TemporaryDirectory(prefix="rekindle-training-") as local:
            save(Path(local))
            self._store.put_folder(Path(local), self._name(f"{name}/rows"))
        self._store.write(self._name(f"{name}/{_WHOLE}"), json.dumps(facts).encode())

    def _facts(self, name: str) -> dict[str, Any] | None:
        whole = self._name(f"{name}/{_WHOLE}")
        if not self._store.has(whole):
            return None
        with self._store.open(whole) as file:
            found: dict[str, Any] = json.loads(file.read())
        return found

    def _name(self, name: str) -> str:
        return f"{self._jobs}/{self._job}/{name}"

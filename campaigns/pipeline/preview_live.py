"""Templates and campaigns as they are on disk this moment, for whoever is writing them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment

from campaigns.config import Workspace
from campaigns.pipeline.preview import template_folders
from campaigns.rendering import LinkSigner, TemplateStore, Utm

Stamps = Mapping[str, tuple[int, int]]
"""Path -> time of the last change in ns, and size."""


class LiveTemplates(TemplateStore):
    """A store that reads changed files again; what did not change stays parsed, so that a save shows at once."""

    def __init__(self, folders: Sequence[Path], *, links: LinkSigner | None = None, utm: Utm | None = None) -> None:
        super().__init__(folders, links=links, utm=utm)
        for environment in self._environments():
            environment.auto_reload = True

    def read_again(self, *, moved: bool) -> None:
        """After a save. `moved` says that files came, went or changed places, so that others may shadow them now."""
        if moved:
            self.refresh()
            return
        self._templates.clear()
        self.html_environment.forget_settled()
        self.tracing_environment.forget_settled()
        self.translations.forget()

    def _environments(self) -> tuple[Environment, ...]:
        return self.html_environment, self.tracing_environment, self.text_environment


def watched_folders(workspace: Workspace) -> list[Path]:
    """Where a save may change what a preview shows."""
    return [*template_folders(workspace), workspace.campaigns, workspace.personas]


def stamps(folders: Sequence[Path]) -> dict[str, tuple[int, int]]:
    """What lies in the folders now; editors' own files (hidden, or with a `~`) are left out."""
    return {path: stamp for folder in folders for path, stamp in _below(str(folder))}


def _below(folder: str) -> Iterator[tuple[str, tuple[int, int]]]:
    try:
        entries = list(os.scandir(folder))
    except OSError:  # not there yet, or just gone
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name.endswith("~"):
            continue
        try:
            if entry.is_dir():
                yield from _below(entry.path)
            else:
                found = entry.stat()
                yield entry.path, (found.st_mtime_ns, found.st_size)
        except OSError:
            continue

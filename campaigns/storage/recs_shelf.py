"""The shelf of model versions: what each published version was, and its cache records, to go back to by one command."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from campaigns.domain.errors import WrongUsage

KEPT = 5
"""How many versions stay on the shelf."""

_LENGTHS = struct.Struct("<HI")
_MANIFEST, _RECORDS = "manifest.json", "records.bin"


class Shelf:
    """Versions in a folder, one folder each: `manifest.json` and the packed records as they went into the cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, version: str, manifest: Mapping[str, Any], records: Iterable[tuple[str, bytes]]) -> None:
        """Writes a version; it is there whole or not at all."""
        part = self.folder / f".{version}.{os.getpid()}"
        part.mkdir(parents=True, exist_ok=True)
        with (part / _RECORDS).open("wb") as file:
            for key, value in records:
                name = key.encode()
                file.write(_LENGTHS.pack(len(name), len(value)) + name + value)
        (part / _MANIFEST).write_bytes(orjson.dumps(dict(manifest), option=orjson.OPT_INDENT_2, default=str))
        shutil.rmtree(self.folder / version, ignore_errors=True)
        part.replace(self.folder / version)

    def manifest(self, version: str) -> dict[str, Any]:
        """What a version was made from and measured at. Raises WrongUsage where it is not on this machine."""
        try:
            found: dict[str, Any] = orjson.loads((self.folder / version / _MANIFEST).read_bytes())
        except (OSError, ValueError) as error:
            raise WrongUsage(
                f"model version {version} is not readable here", where=str(self.folder), fix="run `rekindle recs train`"
            ) from error
        return found

    def has(self, version: str) -> bool:
        return bool(version) and (self.folder / version / _RECORDS).is_file()

    def records(self, version: str) -> Iterator[tuple[str, bytes]]:
        """The packed records of a version. Raises WrongUsage where the file is cut off or gone."""
        path = self.folder / version / _RECORDS
        try:
            with path.open("rb") as file:
                while head := file.read(_LENGTHS.size):
                    name_length, length = _LENGTHS.unpack(head)
                    yield file.read(name_length).decode(), file.read(length)
        except (OSError, struct.error, UnicodeDecodeError) as error:
            raise WrongUsage(
                "the records of a model version are damaged", where=str(path), fix="train again"
            ) from error

    def versions(self) -> list[str]:
        """All versions here, newest first."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if (path / _MANIFEST).is_file() and path.name[0] != "."]
        return [path.name for path in sorted(found, key=lambda p: (p / _MANIFEST).stat().st_mtime, reverse=True)]

    def tidy(self, keep: Iterable[str]) -> None:
        """Drops all but the newest versions and those in `keep`."""
        spared = {*keep, *self.versions()[:KEPT]}
        for version in self.versions():
            if version not in spared:
                shutil.rmtree(self.folder / version, ignore_errors=True)

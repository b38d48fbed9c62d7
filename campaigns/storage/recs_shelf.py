"""The shelf of model versions: what each published version was, its cache records, and the model, to ask it again."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from campaigns.domain.errors import WrongUsage
from campaigns.storage.artifacts import ArtifactStore

KEPT = 5
"""How many versions stay on the shelf."""

_LENGTHS = struct.Struct("<HI")
_MANIFEST, _RECORDS, _MODEL, _SLATES = "manifest.json", "records.bin", "model", "slates"


class Shelf:
    """Versions in a store, one folder each: the packed records as they went into the cache, the model, and last of all
    `manifest.json`: a version without one is not there yet."""

    def __init__(self, store: ArtifactStore, folder: str = "") -> None:
        self._store, self._folder = store, folder

    @property
    def where(self) -> str:
        """The place, without secrets."""
        return f"{self._store.where}/{self._folder}".rstrip("/")

    def put(
        self,
        version: str,
        manifest: Mapping[str, Any],
        records: Iterable[tuple[str, bytes]],
        save_model: Callable[[Path], None] | None = None,
    ) -> None:
        """Writes a version; it is there whole or not at all."""
        self._store.remove(self._name(version, _MANIFEST))
        self.put_records(self._name(version, _RECORDS), records)
        if save_model is not None:
            with TemporaryDirectory(prefix="rekindle-model-") as folder:
                save_model(Path(folder))
                self._store.put_folder(Path(folder), self._name(version, _MODEL))
        number = 1 + max((self._number(one) for one in self.versions()), default=0)
        data = {**manifest, "number": number, "has_model": save_model is not None}
        self._store.write(self._name(version, _MANIFEST), orjson.dumps(data, option=orjson.OPT_INDENT_2, default=str))

    def manifest(self, version: str) -> dict[str, Any]:
        """What a version was made from and measured at. Raises WrongUsage where it is not there."""
        try:
            with self._store.open(self._name(version, _MANIFEST)) as file:
                found: dict[str, Any] = orjson.loads(file.read())
        except (FileNotFoundError, ValueError) as error:
            raise WrongUsage(
                f"model version {version} is not readable here", where=self.where, fix="run `rekindle recs train`"
            ) from error
        return found

    def has(self, version: str) -> bool:
        return bool(version) and self._store.has(self._name(version, _MANIFEST))

    def has_model(self, version: str) -> bool:
        """Whether the version can be asked again."""
        return self.has(version) and bool(self.manifest(version).get("has_model"))

    def model_folder(self, version: str) -> AbstractContextManager[Path]:
        """The files of the model on this machine while the block runs."""
        return self._store.local_folder(self._name(version, _MODEL))

    def records(self, version: str) -> Iterator[tuple[str, bytes]]:
        """The packed records of a version, slates last. Raises WrongUsage where a file is cut off or gone."""
        yield from self.read_records(self._name(version, _RECORDS))
        for name in self._store.files(self._name(version, _SLATES)):
            yield from self.read_records(self._name(version, f"{_SLATES}/{name}"))

    def put_slates(self, version: str, name: str, records: Iterable[tuple[str, bytes]]) -> int:
        """Files the slates of some profiles with a version; the same name again takes their place."""
        return self.put_records(self._name(version, f"{_SLATES}/{name}.bin"), records)

    def put_records(self, name: str, records: Iterable[tuple[str, bytes]]) -> int:
        """Writes packed records into one file; returns how many."""
        count = 0
        with self._store.open(name, "wb") as file:
            for key, value in records:
                encoded = key.encode()
                file.write(_LENGTHS.pack(len(encoded), len(value)) + encoded + value)
                count += 1
        return count

    def read_records(self, name: str) -> Iterator[tuple[str, bytes]]:
        """The records of one file. Raises WrongUsage where it is cut off or gone."""
        try:
            with self._store.open(name) as file:
                while head := file.read(_LENGTHS.size):
                    name_length, length = _LENGTHS.unpack(head)
                    yield file.read(name_length).decode(), file.read(length)
        except (OSError, struct.error, UnicodeDecodeError) as error:
            raise WrongUsage(
                "the records of a model version are damaged", where=f"{self.where}/{name}", fix="train again"
            ) from error

    def versions(self) -> list[str]:
        """All versions here, newest first."""
        found = [name for name in self._store.folders(self._folder) if self.has(name)]
        return sorted(found, key=self._number, reverse=True)

    def tidy(self, keep: Iterable[str]) -> None:
        """Drops all but the newest versions and those in `keep`."""
        spared = {*keep, *self.versions()[:KEPT]}
        for version in self.versions():
            if version not in spared:
                self._store.remove(self._name(version))

    def _name(self, version: str, file: str = "") -> str:
        return "/".join(part for part in (self._folder, version, file) if part)

    def _number(self, version: str) -> int:
        try:
            return int(self.manifest(version).get("number") or 0)
        except WrongUsage:
            return 0

"""Artifacts of training: files under a folder, or under any address that fsspec reaches (`s3://`, `gs://`, `memory://`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.parse import urlsplit

import fsspec

from campaigns.domain.errors import UnusableEnvironment

OWNER = "owner.json"
"""The mark at the top of a place that several shops could reach: whose artifacts these are."""


class ArtifactStore:
    """A tree of files. Names are relative, with slashes; a folder is there as soon as a file is in it.

    With an `owner` (the shop's id) the place is marked as theirs by the first writing, and nobody else writes or
    removes there. Errors name the address without what stands before its `@`, where passwords are."""

    def __init__(self, address: str, owner: str = "") -> None:
        self.where, self._owner, self._is_claimed = without_secrets(address), owner, not owner
        try:
            self._files, root = fsspec.core.url_to_fs(address)
        except (ValueError, ImportError, OSError) as error:
            raise UnusableEnvironment(
                f"no artifacts can be kept at {self.where}: {type(error).__name__}",
                where="recs.artifacts_url",
                fix="give a folder or an address fsspec knows, and install its package, such as s3fs for s3://",
            ) from None
        self._root = str(root).rstrip("/")

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def open(self, name: str, mode: str = "rb") -> Iterator[IO[Any]]:
        """Opens a file; missing folders are made. Raises UnusableEnvironment where it cannot be read or written."""
        if "w" in mode:
            self.claim()
        with self._reached():
            if "w" in mode:
                self._files.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)
            with self._files.open(self._path(name), mode) as file:
                yield file

    def claim(self) -> None:
        """Marks a place that nobody owns as the owner's. Raises UnusableEnvironment where it is another shop's."""
        if self._is_claimed:
            return
        is_marked = self.check_owner()
        self._is_claimed = True
        if not is_marked:
            self.write(OWNER, json.dumps({"shop": self._owner}).encode())

    def check_owner(self) -> bool:
        """Whether the place is marked as the owner's. Raises UnusableEnvironment where it is another shop's."""
        found = self._find_owner()
        if found and self._owner and found != self._owner:
            raise UnusableEnvironment(
                f"the artifacts at {self.where} are those of the shop {found!r}, and this is {self._owner!r}",
                where="recs.artifacts_url",
                fix=f"give each shop a place of its own; if this shop was renamed, delete {OWNER} there",
            )
        return bool(found)

    def _find_owner(self) -> str:
        """The id of the shop whose artifacts these are; "" where no mark is there, or none that was written whole."""
        if not self.has(OWNER):
            return ""
        with self.open(OWNER) as file:
            try:
                return str(json.loads(file.read())["shop"])
            except (ValueError, KeyError, TypeError):
                return ""

    def write(self, name: str, data: bytes) -> None:
        """Writes a small file at once."""
        with self.open(name, "wb") as file:
            file.write(data)

    def has(self, name: str) -> bool:
        with self._reached():
            self._files.invalidate_cache()  # others write here too
            return bool(self._files.exists(self._path(name)))

    def folders(self, name: str = "") -> list[str]:
        """The names of the folders in a folder; [] where it is not there."""
        return self._list(name, "directory")

    def files(self, name: str = "") -> list[str]:
        """The names of the files in a folder; [] where it is not there."""
        return self._list(name, "file")

    def _list(self, name: str, kind: str) -> list[str]:
        with self._reached():
            path = self._path(name).rstrip("/")
            self._files.invalidate_cache()  # others write here too
            if not self._files.isdir(path):
                return []
            found = self._files.ls(path, detail=True)
        return sorted(one["name"].rstrip("/").rpartition("/")[2] for one in found if one["type"] == kind)

    def put_folder(self, local: Path, name: str) -> None:
        """Copies the files below a local folder."""
        for path in sorted(local.rglob("*")):
            if path.is_file():
                with self.open(f"{name}/{path.relative_to(local).as_posix()}", "wb") as file, path.open("rb") as source:
                    while block := source.read(1 << 22):
                        file.write(block)

    @contextmanager
    def local_folder(self, name: str) -> Iterator[Path]:
        """The files of a folder on this machine while the block runs: where they are, else a copy."""
        if type(self._files).__name__ == "LocalFileSystem":
            yield Path(self._path(name))
            return
        with TemporaryDirectory(prefix="rekindle-artifacts-") as copy:
            with self._reached():
                for path in self._files.find(self._path(name)):
                    target = Path(copy) / str(path)[len(self._path(name)) + 1 :]
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._files.get_file(path, str(target))
            yield Path(copy)

    def remove(self, name: str) -> None:
        """Removes a file or a folder; what is not there counts as removed."""
        self.claim()
        with self._reached():
            if self._files.exists(self._path(name)):
                self._files.rm(self._path(name), recursive=True)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise UnusableEnvironment(
                f"the artifacts at {self.where} cannot be reached: {type(error).__name__} {error.strerror or ''}".rstrip(),
                where="recs.artifacts_url",
                fix="see that the address is right and may be read and written from here",
            ) from None


def without_secrets(address: str) -> str:
    """An address as it may be shown: without name, password and parameters."""
    parts = urlsplit(address)
    if not parts.scheme:
        return address
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

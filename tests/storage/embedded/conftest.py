"""Folders for servers that run as root."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder outside pytest's own, which every starting pytest closes again to the database's account."""
    folder = Path(tempfile.mkdtemp(prefix="rekindle-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)

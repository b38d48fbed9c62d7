"""A small shop on real servers for the tests of the stages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipeline.small_shop import Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path, environ: dict[str, str]) -> Iterator[Shop]:
    with open_shop(tmp_path / "shop", environ) as found:
        yield found

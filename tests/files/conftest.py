"""What tests of files share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.files.old_shop import MAP


@pytest.fixture
def shop_map(tmp_path: Path) -> Path:
    path = tmp_path / "map.yaml"
    path.write_text(MAP)
    return path

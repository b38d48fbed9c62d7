"""The wheel holds everything the product needs outside its repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked as an installation would."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    return folder / "site"


def run(unpacked: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REKINDLE_")}
    command = [sys.executable, "-m", "campaigns.cli", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**kept, "PYTHONPATH": str(unpacked)}, capture_output=True, text=True, check=False
    )


def test_it_runs_outside_the_repository(unpacked: Path, tmp_path: Path) -> None:
    where = [sys.executable, "-c", "import campaigns; print(campaigns.__file__)"]
    found = subprocess.run(
        where, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(unpacked)}, capture_output=True, check=True
    )
    assert str(unpacked) in found.stdout.decode()
    made = run(unpacked, tmp_path, "init", "shop")
    assert made.returncode == 0, made.stderr
    assert sorted(path.name for path in (tmp_path / "shop" / "campaigns").glob("*.yaml"))
    shown = run(unpacked, tmp_path, "-w", "shop", "preview", "abandoned_cart")
    assert shown.returncode == 0, shown.stderr
    assert "Subject:" in shown.stdout
    assert run(unpacked, tmp_path, "-w", "shop", "campaigns", "validate").returncode == 0


def test_it_carries_templates_migrations_and_campaigns_and_no_tests(unpacked: Path) -> None:
    files = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert "campaigns/shipped_templates/emails/abandoned_cart/body.mjml" in files
    assert "campaigns/shipped_templates/console/layout.html" in files or any("console/" in file for file in files)
    assert any(file.startswith("campaigns/storage/migrations/versions/") for file in files)
    assert "campaigns/library/campaign.schema.json" in files
    assert all((package + "/py.typed") in files for package in ("campaigns", "triggers", "recsys", "workers"))
    assert not any(file.startswith(("tests/", "benchmarks/")) for file in files)

"""`init`: a workspace is whole or not there, and nothing of a person's is ever overwritten."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from campaigns.config import Workspace, load_settings, scaffold
from campaigns.config.scaffold import library_campaigns, library_drafts
from campaigns.domain.errors import UnusableEnvironment, WrongUsage


def test_a_new_workspace_has_all_it_needs(tmp_path: Path) -> None:
    made = scaffold(tmp_path / "shop")
    workspace = made.workspace
    assert made.kept == ()
    assert {path.name for path in workspace.campaigns.iterdir()} == {*library_campaigns(), "drafts"}
    drafts = {path.name for path in (workspace.campaigns / "drafts").iterdir()}
    assert drafts == {*library_drafts(), "campaign.schema.json"}
    assert (workspace.templates / "README.md").exists()
    assert (workspace.personas / "README.md").exists()
    assert ".rekindle/" in (workspace.root / ".gitignore").read_text()
    assert stat.S_IMODE(workspace.config_file.stat().st_mode) == 0o600, "it holds the keys"
    assert not [path for path in workspace.root.rglob("*") if path.name.startswith(".rekindle.toml")]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    scaffold(tmp_path)
    assert load_settings(Workspace.at(tmp_path), {})


def test_a_fresh_repository_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert scaffold(tmp_path).workspace.exists


def test_a_second_time_only_adds_what_is_missing(tmp_path: Path) -> None:
    workspace = scaffold(tmp_path).workspace
    before = workspace.config_file.read_text()
    note = workspace.templates / "README.md"
    note.write_text("mine")
    (workspace.personas / "README.md").unlink()
    again = scaffold(tmp_path)
    assert [path.name for path in again.created] == ["README.md"]
    assert workspace.config_file.read_text() == before
    assert note.read_text() == "mine"


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(WrongUsage, match="holds other things"):
        scaffold(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("")
    with pytest.raises(WrongUsage, match="a file, not a folder"):
        scaffold(tmp_path / "shop")


def test_a_name_with_quotes_and_backslashes_survives(tmp_path: Path) -> None:
    name = 'Anna\'s "best" \\ shop'
    assert load_settings(scaffold(tmp_path, shop_name=name).workspace, {}).shop.name == name


def test_a_disk_without_space_leaves_nothing(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    options = ["-t", "tmpfs", "-o", "size=8k,nr_inodes=8", "tmpfs", str(small)]
    if subprocess.run(["mount", *options], check=False, stderr=subprocess.PIPE).returncode:
        pytest.skip("may not mount a small file system here")
    try:
        with pytest.raises(UnusableEnvironment, match="no space left on device; free space") as caught:
            scaffold(small / "shop")
        assert "\n" not in str(caught.value)
        assert list(small.iterdir()) == []
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)

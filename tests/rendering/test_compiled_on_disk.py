"""The folder of compiled templates stays bounded, however many kinds of mail a shop sends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from campaigns.rendering import RenderContext, TemplateStore, shipped_templates
from campaigns.rendering.disk import tidy


def stored(folder: Path, count: int) -> list[Path]:
    """Files of different age, the oldest first."""
    made = []
    for number in range(count):
        path = folder / f"{number % 7:02d}" / f"{number:04d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"{}")
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
        made.append(path)
    return made


def test_the_longest_unused_go_first(tmp_path: Path) -> None:
    made = stored(tmp_path, 30)
    assert tidy(tmp_path, keep=20) == 12
    assert [path.exists() for path in made] == [False] * 12 + [True] * 18


def test_nothing_goes_while_there_is_room(tmp_path: Path) -> None:
    stored(tmp_path, 20)
    assert tidy(tmp_path, keep=20) == 0


def test_what_a_killed_process_left_behind_goes_but_not_what_is_being_written(tmp_path: Path) -> None:
    stored(tmp_path, 2)
    for name, age in (("old.part", 10_000), ("new.part", 10)):
        path = tmp_path / "00" / name
        path.write_bytes(b"{")
        os.utime(path, (1_000_001 - age, 1_000_001 - age))
    assert tidy(tmp_path) == 1
    assert (tmp_path / "00" / "new.part").exists()


def test_reading_counts_as_use(tmp_path: Path, context: RenderContext) -> None:
    TemplateStore([shipped_templates()], cache=tmp_path).get("welcome").render(context)
    (path,) = tmp_path.rglob("*.json")
    os.utime(path, (1_000_000, 1_000_000))
    TemplateStore([shipped_templates()], cache=tmp_path).get("welcome").render(context)
    assert path.stat().st_mtime > 1_000_000


def test_a_folder_that_cannot_be_written_loses_no_mail(
    tmp_path: Path, context_with: Callable[..., RenderContext]
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    email = TemplateStore([shipped_templates()], cache=blocked).get("welcome").render(context_with())
    assert "</html>" in email.html

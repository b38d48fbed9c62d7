"""The folder of compiled templates stays bounded, however many kinds of mail a shop sends."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.rendering import RenderContext, TemplateStore, disk, shipped_templates
from campaigns.rendering.disk import tidy

ROOT = Path(__file__).parents[2]


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


WORKER = """
import sys
from pathlib import Path
from campaigns.rendering import TemplateStore
from campaigns.rendering.lint import full_context

folder, cache = map(Path, sys.argv[1:])
store = TemplateStore([folder], cache=cache)
template, context = store.get("mail"), full_context()
print("ready", flush=True)
sys.stdin.readline()
html = template.render(context).html
print(store.compiler.compiled, len(html), flush=True)
"""
LOST = '<mj-section><mj-column><mj-text alt="{{ campaign.name }}">x</mj-text></mj-column></mj-section>'


@pytest.mark.slow
@pytest.mark.parametrize("more", ["", LOST], ids=["passing", "lost"])
def test_workers_that_need_the_same_shape_at_once_compile_it_once(tmp_path: Path, more: str) -> None:
    column = "<mj-column><mj-text>{{ profile.first_name }}</mj-text></mj-column>"
    section = f"<mj-section>{column * 4}</mj-section>"
    mail = tmp_path / "templates" / "mail"
    mail.mkdir(parents=True)
    for name in ("subject.txt", "preheader.txt", "body.txt"):
        (mail / name).write_text("x")
    (mail / "body.mjml").write_text(f"<mjml><mj-body>{section * 150}{more}</mj-body></mjml>")  # takes a while
    command = [sys.executable, "-c", WORKER, str(mail.parent), str(tmp_path / "cache")]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)
    ]
    for process in processes:
        assert process.stdout and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].split() for process in processes]
    assert sorted(compiled for compiled, _ in said) == ["0", "0", "1"]
    assert len({length for _, length in said}) == 1


def test_a_worker_that_stands_still_with_a_shape_does_not_stop_the_others(
    tmp_path: Path, context: RenderContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_PATIENCE", 3)
    for number in range(256):
        folder = tmp_path / f"{number:02x}"
        folder.mkdir()
    held = [os.open(folder / "lock", os.O_RDWR | os.O_CREAT) for folder in tmp_path.iterdir()]
    for descriptor in held:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        email = TemplateStore([shipped_templates()], cache=tmp_path).get("welcome").render(context)
    finally:
        for descriptor in held:
            os.close(descriptor)
    assert "</html>" in email.html

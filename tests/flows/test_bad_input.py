"""Bad input gets one clear line that says what, where and what to do; nothing half-done stays."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Run = Callable[..., Any]


@pytest.fixture
def shop(tmp_path: Path, rekindle: Run) -> Path:
    folder = tmp_path / "shop"
    assert rekindle("init", folder).returncode == 0
    return folder


def one_line(done: Any, status: int, *words: str) -> str:
    lines = [line for line in done.stderr.strip().splitlines() if line.startswith("rekindle:")]
    assert done.returncode == status, done.stderr
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0], f"{word!r} is not in {lines[0]!r}"
    return lines[0]


def test_malformed_yaml_names_file_and_line(shop: Path, rekindle: Run) -> None:
    (shop / "campaigns" / "abandoned_cart.yaml").write_text("id: abandoned_cart\nsteps: [\n", encoding="utf-8")
    one_line(rekindle("-w", shop, "campaigns", "validate"), 1, "abandoned_cart.yaml:")


def test_an_unknown_key_names_the_nearest_one(shop: Path, rekindle: Run) -> None:
    file = shop / "campaigns" / "abandoned_cart.yaml"
    text = file.read_text(encoding="utf-8").replace("priority: cart", "priorty: cart")
    file.write_text(text, encoding="utf-8")
    line = one_line(rekindle("-w", shop, "campaigns", "validate"), 1, "priorty", "priority")
    number = next(i for i, row in enumerate(text.splitlines(), 1) if "priorty" in row)
    assert f"abandoned_cart.yaml:{number}:" in line


def test_an_unknown_trigger_says_which_there_are(shop: Path, rekindle: Run) -> None:
    file = shop / "campaigns" / "abandoned_cart.yaml"
    text = file.read_text(encoding="utf-8").replace("type: abandoned_cart", "type: abandoned_card")
    file.write_text(text, encoding="utf-8")
    one_line(rekindle("-w", shop, "campaigns", "validate"), 1, "abandoned_card", "abandoned_cart")


def test_a_missing_template_is_named_with_its_campaign(shop: Path, rekindle: Run) -> None:
    file = shop / "campaigns" / "abandoned_cart.yaml"
    text = file.read_text(encoding="utf-8").replace("template: abandoned_cart\n", "template: abandoned_kart\n")
    file.write_text(text, encoding="utf-8")
    one_line(rekindle("-w", shop, "campaigns", "validate"), 1, "abandoned_cart.yaml", "abandoned_kart")


def test_every_problem_is_told_at_once(shop: Path, rekindle: Run) -> None:
    for name in ("abandoned_cart", "post_purchase"):
        file = shop / "campaigns" / f"{name}.yaml"
        file.write_text(file.read_text(encoding="utf-8") + "colour: red\n", encoding="utf-8")
    done = rekindle("-w", shop, "campaigns", "validate")
    assert done.returncode == 1
    assert "abandoned_cart.yaml" in done.stderr and "post_purchase.yaml" in done.stderr


@pytest.mark.servers
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing.csv", None, ("missing.csv",)),
        ("empty.csv", b"", ("empty.csv", "empty")),
        ("cut.csv.gz", gzip.compress(b"user_id,item_id\n1,2\n" * 500, mtime=0)[:60], ("cut.csv.gz",)),
        ("other.csv", b"colour,size\nred,3\n", ("other.csv",)),
        ("binary.csv", b"\xff\xfe\x00\x01" * 40, ("binary.csv",)),
    ],
)
def test_a_file_that_cannot_be_played(
    shop: Path, rekindle: Run, tmp_path: Path, name: str, content: bytes | None, words: tuple[str, ...]
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    done = rekindle("-w", shop, "replay", file)
    assert done.returncode in (1, 2)
    one_line(done, done.returncode, *words)
    assert not list((shop / "rejects").glob("*")) if (shop / "rejects").exists() else True


@pytest.mark.servers
def test_a_maildir_that_is_not_empty_is_left_alone(shop: Path, rekindle: Run, tmp_path: Path) -> None:
    kept = tmp_path / "mine" / "letter.txt"
    kept.parent.mkdir()
    kept.write_text("keep me", encoding="utf-8")
    one_line(rekindle("-w", shop, "replay", tmp_path / "x.csv", "--out", kept.parent), 2, "--out", str(kept.parent))
    assert kept.read_text(encoding="utf-8") == "keep me"


@pytest.mark.servers
def test_a_port_in_use_names_host_port_and_setting(shop: Path, rekindle: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        one_line(rekindle("-w", shop, "serve", "--port", port), 2, str(port), "127.0.0.1")
        one_line(rekindle("-w", shop, "up", REKINDLE_HTTP_PORT=str(port)), 2, str(port))


@pytest.mark.parametrize("command", ["why someone", "campaigns list", "up", "serve --port 0", "worker", "beat"])
def test_a_missing_server_names_the_variable_and_the_host(shop: Path, rekindle: Run, command: str) -> None:
    unreachable = {
        "REKINDLE_DATABASE_URL": "postgresql://rekindle:hush@127.0.0.1:9/shop",
        "REKINDLE_REDIS_URL": "redis://127.0.0.1:9/0",
    }
    line = one_line(rekindle("-w", shop, *command.split(), **unreachable), 2, "127.0.0.1:9", "REKINDLE_")
    assert "hush" not in line


def test_a_folder_that_is_no_workspace_says_how_to_make_one(tmp_path: Path, rekindle: Run) -> None:
    one_line(rekindle("-w", tmp_path, "campaigns", "validate"), 2, "rekindle init")


def test_init_leaves_a_folder_with_other_things_alone(tmp_path: Path, rekindle: Run) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    one_line(rekindle("init", tmp_path), 2, str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_an_unknown_setting_names_file_line_and_the_nearest(shop: Path, rekindle: Run) -> None:
    settings = shop / "rekindle.toml"
    text = settings.read_text(encoding="utf-8").replace("frequency_cap", "frequency_cup")
    settings.write_text(text, encoding="utf-8")
    one_line(rekindle("-w", shop, "campaigns", "list"), 2, "rekindle.toml:", "frequency_cup", "frequency_cap")


def test_a_campaign_that_the_shops_own_limits_rule_out_is_refused_with_its_line(shop: Path, rekindle: Run) -> None:
    file = shop / "campaigns" / "abandoned_cart.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("after: 24h", "after: 9h"), encoding="utf-8")
    one_line(
        rekindle("-w", shop, "campaigns", "validate"), 1, "abandoned_cart.yaml:16: steps[1]:", "frequency cap is 16h"
    )
    other = shop / "campaigns" / "browse_abandonment.yaml"
    assert rekindle("-w", shop, "campaigns", "validate", other).returncode == 0


def test_a_workspace_that_cannot_be_written_is_one_line(tmp_path: Path, rekindle: Run) -> None:
    one_line(rekindle("init", "/proc/rekindle-shop"), 2, "/proc/rekindle-shop")

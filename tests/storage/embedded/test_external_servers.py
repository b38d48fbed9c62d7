"""Servers named by address: one line when they do not answer, and never the password."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaigns.config import Workspace, load_settings, scaffold
from campaigns.domain.errors import UnusableEnvironment
from campaigns.storage.embedded import ensure_servers


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return scaffold(tmp_path / "w").workspace


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])  # bound, but nobody listens


def refusal(workspace: Workspace, variables: dict[str, str]) -> str:
    with pytest.raises(UnusableEnvironment) as caught:
        ensure_servers(workspace, load_settings(workspace, variables))
    assert caught.value.exit_status == 2
    return str(caught.value)


def test_a_database_that_does_not_answer(workspace: Workspace, closed_port: int) -> None:
    url = f"postgresql+psycopg://shop:hunter2@127.0.0.1:{closed_port}/shop"
    said = refusal(workspace, {"REKINDLE_DATABASE_URL": url})
    assert said == (
        f"REKINDLE_DATABASE_URL: no PostgreSQL for us at 127.0.0.1:{closed_port} (connection refused); "
        "start the server or correct the address"
    )


def test_a_redis_that_does_not_answer(workspace: Workspace, closed_port: int) -> None:
    said = refusal(workspace, {"REKINDLE_REDIS_URL": f"redis://:hunter2@127.0.0.1:{closed_port}/0"})
    assert said.startswith(f"REKINDLE_REDIS_URL: no Redis for us at 127.0.0.1:{closed_port} (connection refused)")


@pytest.mark.parametrize(
    "variables",
    [
        {"REKINDLE_DATABASE_URL": "postgresql://shop:hunter2@no-such-host.invalid/shop"},
        {"REKINDLE_REDIS_URL": "redis://:hunter2@no-such-host.invalid/0"},
        {"REKINDLE_REDIS_URL": "http://hunter2/"},
        {"REKINDLE_DATABASE_URL": "postgresql://shop:hunter2@host:port/shop"},
    ],
)
def test_no_refusal_tells_the_password_or_takes_more_than_a_line(
    workspace: Workspace, variables: dict[str, str]
) -> None:
    said = refusal(workspace, variables)
    assert next(iter(variables)) in said
    assert "hunter2" not in said
    assert "\n" not in said


@pytest.mark.servers
def test_a_running_server_may_refuse_or_be_shared(workspace: Workspace, tmp_path: Path) -> None:
    other = scaffold(tmp_path / "other").workspace
    with ensure_servers(other, load_settings(other, {})) as servers:
        missing = servers.database_url.replace("/rekindle?", "/nothing?")
        said = refusal(workspace, {"REKINDLE_DATABASE_URL": missing})
        assert 'database "nothing" does not exist' in said
        shared = ensure_servers(workspace, load_settings(workspace, {"REKINDLE_REDIS_URL": servers.redis_url}))
        with shared:
            assert shared.redis_url == servers.redis_url
            assert not (workspace.state / "servers/redis").exists()

"""The checks behind `doctor`: one line each, and a way out of every problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.config import Workspace, load_settings, scaffold
from campaigns.storage.checks import (
    check_folder,
    check_mail_settings,
    check_programs,
    check_workspace,
)
from campaigns.storage.findings import Finding, Verdict

PUBLIC = {"REKINDLE_MAILER": "smtp://mail.shop.com", "REKINDLE_BASE_URL": "https://mail.shop.com"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return scaffold(tmp_path / "w").workspace


def mail_findings(workspace: Workspace, **variables: str) -> dict[str, Finding]:
    return {found.check: found for found in check_mail_settings(load_settings(workspace, {**PUBLIC, **variables}))}


@pytest.mark.servers
def test_a_fresh_workspace_has_no_problem_and_is_left_with_nothing_running(workspace: Workspace) -> None:
    findings = list(check_workspace(workspace, {}))
    assert [found for found in findings if found.verdict is Verdict.PROBLEM] == []
    assert {"python", "workspace", "disk", "settings", "postgresql", "redis", "servers", "database"} <= {
        found.check for found in findings
    }
    assert all("\n" not in found.line + found.fix for found in findings)
    assert not (workspace.state / "servers/run").exists()


def test_broken_settings_are_a_finding_not_a_crash(workspace: Workspace) -> None:
    findings = list(check_workspace(workspace, {"REKINDLE_HTTP_PROT": "1"}))
    assert findings[-1].check == "settings"
    assert findings[-1].verdict is Verdict.PROBLEM
    assert findings[-1].fix == "did you mean REKINDLE_HTTP_PORT?"


def test_a_server_that_does_not_answer_is_a_problem_with_its_variable(workspace: Workspace) -> None:
    variables = {
        "REKINDLE_DATABASE_URL": "postgresql://a:hunter2@127.0.0.1:1/x",
        "REKINDLE_REDIS_URL": "redis://127.0.0.1:1",
    }
    last = list(check_workspace(workspace, variables))[-1]
    assert (last.check, last.verdict) == ("servers", Verdict.PROBLEM)
    assert "REKINDLE_DATABASE_URL" in last.line
    assert "hunter2" not in last.line + last.fix


def test_keys_that_others_may_read(workspace: Workspace) -> None:
    assert check_folder(workspace).verdict is Verdict.FINE
    workspace.config_file.chmod(0o644)
    found = check_folder(workspace)
    assert found.verdict is Verdict.ADVICE
    assert found.fix == f"chmod go-rw {workspace.config_file}"


def test_mail_that_stays_here_needs_no_sender(workspace: Workspace) -> None:
    findings = list(check_mail_settings(load_settings(workspace, {})))
    assert [found.verdict for found in findings] == [Verdict.FINE]


def test_a_provider_whose_webhook_nobody_hears_is_told(workspace: Workspace) -> None:
    by_provider = {"REKINDLE_MAILER": "postmark://token@"}
    assert mail_findings(workspace, **by_provider)["webhooks"].verdict is Verdict.ADVICE
    assert "webhooks" not in mail_findings(workspace, **by_provider, REKINDLE_WEBHOOKS_POSTMARK="hook:secret")
    assert "webhooks" not in mail_findings(workspace)


@pytest.mark.parametrize(
    ("address", "verdict", "said"),
    [
        ("", Verdict.PROBLEM, "sender.address is empty"),
        ("shop@gmail.com", Verdict.PROBLEM, "DMARC"),
        ("shop@localhost", Verdict.PROBLEM, "no domain of the internet"),
        ("hello@shop.example", Verdict.PROBLEM, "no domain of the internet"),
        ("no-reply@shop.com", Verdict.ADVICE, "shoppers cannot answer"),
        ("hello@shop.com", Verdict.FINE, "mail comes from hello@shop.com"),
    ],
)
def test_the_sender(workspace: Workspace, address: str, verdict: Verdict, said: str) -> None:
    found = mail_findings(workspace, REKINDLE_SENDER_ADDRESS=address)["sender"]
    assert found.verdict is verdict
    assert said in found.line


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("", Verdict.PROBLEM),
        ("http://localhost:8000", Verdict.PROBLEM),
        ("https://10.0.0.5", Verdict.PROBLEM),
        ("http://mail.shop.com", Verdict.PROBLEM),
        ("https://mail.shop.com", Verdict.FINE),
    ],
)
def test_links_that_shoppers_can_follow(workspace: Workspace, url: str, verdict: Verdict) -> None:
    assert mail_findings(workspace, REKINDLE_BASE_URL=url)["links"].verdict is verdict


def test_a_footer_without_an_address_is_a_problem(workspace: Workspace) -> None:
    assert mail_findings(workspace)["postal address"].verdict is Verdict.PROBLEM
    given = mail_findings(workspace, REKINDLE_SHOP_POSTAL_ADDRESS="1 High Street")
    assert given["postal address"].verdict is Verdict.FINE


def test_programs_tell_their_version(workspace: Workspace) -> None:
    lines = [found.line for found in check_programs(load_settings(workspace, {}))]
    assert lines[0].startswith("postgres (PostgreSQL) 18")
    assert "v=" in lines[1]

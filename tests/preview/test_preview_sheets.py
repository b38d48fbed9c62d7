"""Contact sheets of everything a campaign can send, and snapshots that notice a change."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from campaigns.cli.main import cli
from campaigns.config import Workspace
from campaigns.rendering import shipped_templates

pytestmark = pytest.mark.slow

BODY = "emails/abandoned_cart/body.mjml"


def preview(workspace: Workspace, *arguments: object) -> Result:
    given = ["-w", str(workspace.root), "preview", *map(str, arguments)]
    return CliRunner().invoke(cli, given, standalone_mode=False)


def edit(workspace: Workspace, old: str, new: str) -> None:
    text = (shipped_templates() / "abandoned_cart" / "body.mjml").read_text(encoding="utf-8")
    assert old in text
    path = workspace.templates / BODY
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_sheet_holds_every_step_person_and_locale(workspace: Workspace, tmp_path: Path) -> None:
    chosen = ("--persona", "everything", "--persona", "no name", "--locale", "en", "--locale", "de")
    preview(workspace, "abandoned_cart", "--all", "--format", "html", "--out", tmp_path, *chosen)
    page = (tmp_path / "abandoned_cart-sheet.html").read_text(encoding="utf-8")
    assert page.count("<iframe") == 3 * 2 * 2
    assert "Warenkorb" in page and "http://samples" not in page
    assert re.findall("<h2>(.*?)</h2>", page) == ["1. Reminder", "2. Second reminder", "3. Last call"]
    preview(workspace, "abandoned_cart", "--all", "--format", "html", "--out", tmp_path)
    assert "<h2>" not in (tmp_path / "abandoned_cart-sheet.html").read_text(encoding="utf-8"), "one of each needs none"


def test_a_sheet_shows_what_fails_and_ends_with_the_problem(workspace: Workspace, tmp_path: Path) -> None:
    edit(workspace, "ui.help_line()", "ui.help_lin()")
    done = preview(workspace, "abandoned_cart", "--all", "--format", "html", "--out", tmp_path)
    page = (tmp_path / "abandoned_cart-sheet.html").read_text(encoding="utf-8")
    assert "abandoned_cart/body.mjml:15" in str(done.exception)
    assert page.count("<iframe") == 2 and page.count('class="problem"') == 1


def test_json_of_all_campaigns(workspace: Workspace) -> None:
    told = json.loads(preview(workspace, "--all", "--format", "json").output)
    assert {each["campaign"] for each in told} == {"abandoned_cart", "browse_abandonment", "post_purchase"}
    assert all(each["subject"] and each["problem"] is None for each in told)


def test_without_snapshots_a_check_says_so(workspace: Workspace) -> None:
    done = preview(workspace, "--all", "--check")
    assert done.return_value == 1 and "has no snapshot yet" in done.output


def test_nothing_changed(workspace: Workspace) -> None:
    preview(workspace, "--all", "--update", "--persona", "everything", "--persona", "no name")
    done = preview(workspace, "--all", "--check")
    assert done.return_value == 0, done.output
    assert (workspace.root / "snapshots/abandoned_cart/1-reminder.no-name.html").is_file()


def test_snapshots_hold_whatever_the_secret_and_the_address(workspace: Workspace) -> None:
    preview(workspace, "--all", "--update")
    text = workspace.config_file.read_text(encoding="utf-8")
    lines = [f'secret = "{"7" * 64}"' if line.startswith("secret") else line for line in text.splitlines()]
    workspace.config_file.write_text("\n".join(['base_url = "https://mail.shop.example"', *lines]), encoding="utf-8")
    assert preview(workspace, "--all", "--check").return_value == 0


def test_a_change_is_shown_as_a_diff_and_can_be_taken_for_right(workspace: Workspace) -> None:
    preview(workspace, "--all", "--update")
    edit(workspace, "Return to your cart", "Take me back")
    done = preview(workspace, "--all", "--check")
    assert done.return_value == 1
    assert "-Return to your cart" in done.output and "+Take me back" in done.output
    assert "abandoned_cart/2-second_reminder" not in done.output
    preview(workspace, "abandoned_cart", "--update")
    assert preview(workspace, "--all", "--check").return_value == 0


def test_a_mail_that_is_gone_is_noticed(workspace: Workspace) -> None:
    preview(workspace, "--all", "--update")
    (workspace.root / "snapshots/abandoned_cart/4-late.html").write_text("<p>old</p>", encoding="utf-8")
    done = preview(workspace, "--all", "--check")
    assert done.return_value == 1 and "abandoned_cart/4-late is not sent any more" in done.output


def test_made_up_slots_look_like_real_ones(workspace: Workspace) -> None:
    done = preview(workspace, "browse_abandonment", "--format", "json", "--locale", "de")
    slates = json.loads(done.output)["slates"]
    ids = [item["product_id"] for slot in slates.values() for item in slot["items"]]
    assert len(ids) == 10 and len(set(ids)) == 10
    assert {item["reason"] for item in slates["viewed"]["items"]} == {"Hast du dir vor Kurzem angesehen"}
    reasons = {item["reason"] for item in slates["recommendations"]["items"]}
    assert all("Ähnlich wie " in reason or "angesehen" in reason for reason in reasons), reasons
    assert len(reasons) == 4, "not every product for the same reason"


def test_one_change_in_many_mails_is_told_once_as_what_became_what(workspace: Workspace) -> None:
    preview(workspace, "--all", "--update", "--persona", "everything", "--persona", "no name")
    text = workspace.config_file.read_text(encoding="utf-8")
    workspace.config_file.write_text(text.replace("#1d4ed8", "#b0306a"), encoding="utf-8")
    done = preview(workspace, "--all", "--check")
    assert done.return_value == 1
    assert len(re.findall(r"#\w+ became #b0306a 4 times\n", done.output)) == 1
    assert done.output.count("the same as in abandoned_cart/1-reminder\n") == 13
    assert "14 mails changed" in done.output and "@@" not in done.output


def test_other_words_are_told_as_a_diff(workspace: Workspace) -> None:
    preview(workspace, "--all", "--update")
    edit(workspace, "Return to your cart", "Onwards")
    done = preview(workspace, "--all", "--check")
    assert "    -Return to your cart" in done.output and "    +Onwards" in done.output
    [told] = json.loads(preview(workspace, "--all", "--check", "--format", "json").output)
    assert told["mail"] == "abandoned_cart/1-reminder" and "+Onwards" in told["diff"]

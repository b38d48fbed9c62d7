"""`rekindle lint` as its callers meet it: lines, JSON, SARIF and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from campaigns.cli.main import cli
from campaigns.config import Workspace
from campaigns.rendering import shipped_templates

pytestmark = pytest.mark.slow

ADDRESS = 'postal_address = "Am Hafen 1, 20457 Hamburg"'


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A workspace that may mail: it has a postal address."""
    text = workspace.config_file.read_text(encoding="utf-8")
    workspace.config_file.write_text(text.replace('postal_address = ""', ADDRESS), encoding="utf-8")
    return workspace


def lint(workspace: Workspace, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["-w", str(workspace.root), "lint", *arguments], standalone_mode=False)


def spoil(workspace: Workspace, text: str) -> None:
    body = workspace.templates / "emails" / "abandoned_cart" / "body.mjml"
    body.parent.mkdir(parents=True)
    body.write_text(text, encoding="utf-8")


def test_the_shipped_campaign_passes(shop: Workspace) -> None:
    done = lint(shop, "abandoned_cart")
    assert done.return_value == 0, done.output
    assert "3 templates checked: 0 errors" in done.output


def test_an_error_names_file_line_rule_and_fix_and_ends_with_1(shop: Workspace) -> None:
    spoil(shop, "<mjml><mj-body><mj-section><mj-column>\n<mj-text>{{ profile.frist_name }}</mj-text>"
                "</mj-column></mj-section></mj-body></mjml>")  # fmt: skip
    done = lint(shop, "abandoned_cart")
    assert done.return_value == 1
    assert "abandoned_cart/body.mjml:2: error undefined-variable:" in done.output
    assert "first_name" in done.output


def test_json_and_sarif_tell_the_same(shop: Workspace, tmp_path: Path) -> None:
    spoil(shop, "<mjml><mj-body><mj-section><mj-column><mj-image src='https://x.example/a.png' />"
                "</mj-column></mj-section></mj-body></mjml>")  # fmt: skip
    log = tmp_path / "lint.sarif"
    done = lint(shop, "abandoned_cart", "--json", "--sarif", str(log))
    told, sarif = json.loads(done.output), json.loads(log.read_text())
    assert done.return_value == 1 and not told["passed"]
    rules = {each["rule"] for each in told["findings"]}
    assert {"image-alt", "unsubscribe-missing"} <= rules
    assert {each["ruleId"] for each in sarif["runs"][0]["results"]} == rules


def test_a_shop_without_an_address_is_told_once_and_where_to_write_it(workspace: Workspace, tmp_path: Path) -> None:
    done = lint(workspace, "post_purchase", "--sarif", str(tmp_path / "lint.sarif"))
    assert done.return_value == 1
    [line] = [line for line in done.output.splitlines() if "postal-address-missing" in line]
    assert line.startswith("rekindle.toml: error") and "postal_address under [shop]" in line
    assert '"uri": "rekindle.toml"' in (tmp_path / "lint.sarif").read_text(encoding="utf-8")


def test_advice_is_about_files_of_the_workspace_alone(shop: Workspace) -> None:
    assert "css-support" not in lint(shop, "abandoned_cart").output
    own = shop.templates / "emails" / "_base" / "styles.mjml"
    own.parent.mkdir(parents=True)
    own.write_text((shipped_templates() / "_base" / "styles.mjml").read_text(encoding="utf-8"), encoding="utf-8")
    assert "_base/styles.mjml" in lint(shop, "abandoned_cart").output


def test_an_unknown_campaign_says_which_there_are(shop: Workspace) -> None:
    done = lint(shop, "abandoned_card")
    assert "abandoned_cart" in str(done.exception)


def with_coupon(workspace: Workspace, template: str) -> None:
    file = workspace.campaigns / "abandoned_cart.yaml"
    text = file.read_text(encoding="utf-8")
    step = f"template: {template}\n    coupon: {{pool: spring}}\n"
    file.write_text(text.replace("template: abandoned_cart_reminder\n", step), encoding="utf-8")


@pytest.mark.parametrize(("template", "told"), [("abandoned_cart_reminder", 2), ("abandoned_cart_last_call", 0)])
def test_a_coupon_that_its_template_never_shows_is_told(shop: Workspace, template: str, told: int) -> None:
    with_coupon(shop, template)
    done = lint(shop, "abandoned_cart")
    lines = [line for line in done.output.splitlines() if "coupon-unshown" in line]
    assert len(lines) == told, done.output
    assert all("warning coupon-unshown: abandoned_cart gives second_reminder a coupon" in line for line in lines)


@pytest.mark.servers
def test_apply_refuses_templates_with_errors_and_shows_warnings(shop: Workspace, environ: dict[str, str]) -> None:
    with_coupon(shop, "abandoned_cart_reminder")
    runner = CliRunner(env=environ)

    def apply(*options: str) -> Result:
        return runner.invoke(cli, ["-w", str(shop.root), "campaigns", "apply", *options], standalone_mode=False)

    done = apply()
    assert done.exception is None, done.output
    assert "warning coupon-unshown" in done.output and "added: abandoned_cart" in done.output
    spoil(shop, "<mjml><mj-body><mj-section><mj-column><mj-image src='https://x.example/a.png' />"
                "</mj-column></mj-section></mj-body></mjml>")  # fmt: skip
    done = apply()
    assert "abandoned_cart/body.mjml:1: error image-alt:" in str(done.exception)
    assert "nothing was put in force" in str(done.exception) and "--no-lint" in str(done.exception)
    done = apply("--no-lint")
    assert done.exception is None and "unchanged: abandoned_cart" in done.output

"""Settings: read from file and variables, documented, and never telling a secret."""

from __future__ import annotations

import re
from datetime import time, timedelta
from pathlib import Path

import pytest

from campaigns.config import QuietHours, Workspace, load_settings, parse_duration, scaffold, setting_names
from campaigns.config.settings import ShopSettings
from campaigns.domain.errors import UnusableEnvironment, WrongUsage

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return scaffold(tmp_path / "w", shop_name="Candle & Cup", currency="GBP", zone="Europe/London").workspace


def change(workspace: Workspace, old: str, new: str) -> None:
    text = workspace.config_file.read_text()
    assert old in text
    workspace.config_file.write_text(text.replace(old, new, 1))


def refusal(workspace: Workspace, **variables: str) -> str:
    with pytest.raises(UnusableEnvironment) as caught:
        load_settings(workspace, variables)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_fresh_workspace_has_the_defaults_of_the_field(workspace: Workspace) -> None:
    settings = load_settings(workspace, {})
    assert settings.shop.name == "Candle & Cup"
    assert settings.shop.currency == "GBP"
    assert settings.policy.quiet_hours == QuietHours(time(21), time(8))
    assert settings.policy.frequency_cap == timedelta(hours=16)
    assert settings.policy.holdout_share == 0.10
    assert settings.events.max_event_age == timedelta(hours=1)
    assert settings.attribution.click_window == timedelta(days=5)
    assert settings.attribution.open_window is None
    assert settings.database_url is None
    assert settings.public_url == "http://127.0.0.1:8000"
    assert list(settings.write_keys) == ["website"]


def test_two_workspaces_never_share_keys(tmp_path: Path) -> None:
    one, two = (load_settings(scaffold(tmp_path / name).workspace, {}) for name in ("one", "two"))
    assert one.secret != two.secret
    assert one.write_keys != two.write_keys


def test_a_variable_wins_over_the_file(workspace: Workspace) -> None:
    variables = {
        "REKINDLE_DATABASE_URL": "postgres://shop:pw@db/shop",
        "REKINDLE_HTTP_PORT": "9000",
        "REKINDLE_SHOP_BRAND_DARK_TEXT": "#FFF",
        "REKINDLE_POLICY_FREQUENCY_CAP": "off",
        "REKINDLE_WRITE_KEYS_APP": "a-key-of-enough-length",
        "REKINDLE_REDIS_URL": "",
        "REKINDLE_WORKSPACE": "/elsewhere",
        "REKINDLE_TEST_ANYTHING": "1",
        "OTHER": "ignored",
    }
    settings = load_settings(workspace, variables)
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql+psycopg://shop:pw@db/shop"
    assert settings.public_url == "http://127.0.0.1:9000"
    assert settings.shop.brand.dark.text == "#fff"
    assert settings.policy.frequency_cap is None
    assert sorted(settings.write_keys) == ["app", "website"]
    assert settings.redis_url is None


def test_secrets_never_show(workspace: Workspace) -> None:
    variables = {
        "REKINDLE_DATABASE_URL": "postgresql://shop:hunter2@db/shop",
        "REKINDLE_MAILER": "smtp://a:hunter2@mail",
    }
    settings = load_settings(workspace, variables)
    shown = repr(settings) + str(settings) + settings.model_dump_json()
    assert "hunter2" not in shown
    assert settings.secret.get_secret_value() not in shown
    assert settings.write_keys["website"].get_secret_value() not in shown


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('currency = "GBP"', 'curency = "GBP"', ": `shop.curency` is not a setting; did you mean shop.currency?"),
        ('secret = "', 'secrt = "', ": `secrt` is not a setting (and 1 more); did you mean secret?"),
        ('zone = "Europe/London"', 'zone = "Europe/Londn"', "(did you mean Europe/London?)"),
        ('currency = "GBP"', 'currency = "POUNDS"', '"POUNDS" is not a currency code'),
        ('frequency_cap = "16h"', "frequency_cap = 16", '"16" is not a length of time'),
        ('frequency_cap = "16h"', 'frequency_cap = "0h"', 'switched off by "off", not by zero'),
        ('quiet_hours = "21:00-08:00"', 'quiet_hours = "at night"', 'write for example "21:00-08:00" or "off"'),
        ("holdout_share = 0.10", "holdout_share = 10", "`policy.holdout_share`: input should be less than 1"),
        ('primary = "#1d4ed8"', 'primary = "blue"', '"blue" is not a colour'),
        ('support_email = ""', 'support_email = "nobody"', '"nobody" is not an email address'),
    ],
)
def test_a_mistake_is_one_line_with_its_place(workspace: Workspace, old: str, new: str, said: str) -> None:
    change(workspace, old, new)
    line = next(n for n, text in enumerate(workspace.config_file.read_text().splitlines(), 1) if new in text)
    refused = refusal(workspace)
    assert refused.startswith(f"{workspace.config_file}:{line}: ")
    assert said in refused


def test_broken_toml_names_the_line(workspace: Workspace) -> None:
    change(workspace, "[policy]", "[policy")
    assert re.match(rf"{re.escape(str(workspace.config_file))}:\d+: not valid TOML", refusal(workspace))


def test_a_missing_secret_says_how_to_give_it(workspace: Workspace) -> None:
    workspace.config_file.write_text("")
    assert refusal(workspace).endswith("`secret` is missing; add it, or set REKINDLE_SECRET")
    assert "too short to be safe" in refusal(workspace, REKINDLE_SECRET="short")


def test_a_misspelt_variable_is_refused_with_the_nearest(workspace: Workspace) -> None:
    said = refusal(workspace, REKINDLE_DATABSE_URL="postgresql://db/shop")
    assert said == "REKINDLE_DATABSE_URL: no setting has this name; did you mean REKINDLE_DATABASE_URL?"


def test_a_wrong_value_in_a_variable_names_the_variable_not_its_secret(workspace: Workspace) -> None:
    said = refusal(workspace, REKINDLE_DATABASE_URL="mysql://shop:hunter2@db/shop")
    assert said.startswith("REKINDLE_DATABASE_URL: ")
    assert "only PostgreSQL is understood" in said
    assert "hunter2" not in said


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="rekindle init"):
        Workspace.at(tmp_path)
    with pytest.raises(WrongUsage, match="rekindle init"):
        load_settings(Workspace(tmp_path), {})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("90 min", 5400),
        ("1h 30m", 5400),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("5 days", 432000),
        ("2w", 1209600),
    ],
)
def test_lengths_of_time(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "soon", "5", "-5h", "5x", "h", "5h or so", "2 months", "5hello"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="write for example"):
        parse_duration(text)


def test_every_setting_is_documented() -> None:
    page = (REPOSITORY / "docs/configuration.md").read_text()
    missing = [name for name in setting_names() if f"`{name}`" not in page]
    assert missing == []


def test_the_page_documents_no_setting_that_is_gone() -> None:
    page = (REPOSITORY / "docs/configuration.md").read_text()
    tables = {name.split(".")[0] for name in setting_names() if "." in name}
    named = {name for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", page) if name.split(".")[0] in tables}
    assert sorted(named - set(setting_names()) - {"shop.curency", "shop.brand.dark", "shop.brand"}) == []


def test_an_address_of_the_cart_names_only_what_can_be_filled() -> None:
    assert ShopSettings(cart_url="https://x.example/c?id={cart_id}&l={items}").cart_url.endswith("{items}")
    for wrong in ("https://x.example/{cart}", "https://x.example/{", "javascript:{cart_id}"):
        with pytest.raises(ValueError, match=r"cannot be filled|must begin with"):
            ShopSettings(cart_url=wrong)

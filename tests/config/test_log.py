"""Log lines: quiet, one line each, and nobody's address or password in them."""

from __future__ import annotations

import io
import json
import logging

import pytest

from campaigns.config import load_settings, scaffold
from campaigns.log import configure, redact


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("sent to anna.smith+cart@shop.example", "sent to ***@shop.example"),
        ("postgresql+psycopg://shop:hunter2@db:5432/shop", "postgresql+psycopg://shop:***@db:5432/shop"),
        ("redis://:p@ss:w@cache:6379/0", "redis://:***@cache:6379/0"),
        ("smtp://me@shop.example:hunter2@mail:587", "smtp://***@shop.example:***@mail:587"),
        ("resend://re_abc123@", "resend://***@"),
        ("mailgun://key-abc@mg.shop.example", "mailgun://***@mg.shop.example"),
        ("Authorization: Basic aHVudGVyMg==", "Authorization: ***"),
        ('{"api_key": "hunter2", "n": 1}', '{"api_key": ***, "n": 1}'),
        ("REKINDLE_SECRET=hunter2 rest", "REKINDLE_SECRET=*** rest"),
        ("writeKey=hunter2&x=1", "writeKey=***&x=1"),
        ("nothing to hide: 12 events at 10:00", "nothing to hide: 12 events at 10:00"),
    ],
)
def test_what_is_hidden_and_what_stays(said: str, shown: str) -> None:
    assert redact(said) == shown


@pytest.fixture
def lines() -> io.StringIO:
    return io.StringIO()


def test_a_line_has_its_fields_and_stays_one_line(lines: io.StringIO) -> None:
    configure(level="info", stream=lines)
    logging.getLogger("campaigns.pipeline").info("batch\ningested", extra={"events": 12, "took": "5 ms"})
    (line,) = lines.getvalue().splitlines()
    assert line.endswith(' info campaigns.pipeline batch\\ningested events=12 took="5 ms"')


def test_quiet_by_default_and_others_only_when_it_matters(lines: io.StringIO) -> None:
    configure(stream=lines)
    logging.getLogger("campaigns.pipeline").info("not shown")
    logging.getLogger("sqlalchemy").info("not shown")
    logging.getLogger("sqlalchemy").warning("shown")
    assert [line.split()[-1] for line in lines.getvalue().splitlines()] == ["shown"]


def test_a_second_call_replaces_the_first(lines: io.StringIO) -> None:
    configure(stream=io.StringIO())
    configure(stream=lines)
    logging.getLogger("campaigns").warning("once")
    assert lines.getvalue().count("once") == 1


def test_json_lines_parse_and_tracebacks_are_redacted_too(lines: io.StringIO) -> None:
    configure(as_json=True, secrets=["sesame-open"], stream=lines)
    try:
        raise ValueError("cannot reach sesame-open for anna@shop.example")
    except ValueError:
        logging.getLogger("campaigns").exception("failed", extra={"to": "anna@shop.example"})
    line = json.loads(lines.getvalue())
    assert (line["level"], line["message"], line["to"]) == ("error", "failed", "***@shop.example")
    assert "sesame-open" not in line["trace"]
    assert "anna@" not in line["trace"]


def test_settings_name_every_secret_they_hold(tmp_path: object) -> None:
    workspace = scaffold(f"{tmp_path}/w").workspace
    settings = load_settings(workspace, {"REKINDLE_REDIS_URL": "redis://:a%40b-pass@h/0"})
    assert settings.secret.get_secret_value() in settings.secrets
    assert settings.write_keys["website"].get_secret_value() in settings.secrets
    assert {"a%40b-pass", "a@b-pass"} <= set(settings.secrets)

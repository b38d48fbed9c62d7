"""What lint found, as JSON and as SARIF for code hosts."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft4Validator, FormatChecker

from campaigns.rendering import TemplateStore, shipped_templates
from campaigns.rendering.lint import RULES, Finding, finding, findings_json, findings_sarif, lint_template, personas

SCHEMA = Path(__file__).parent / "sarif" / "sarif-2.1.0-rtm.4.json"
IMAGE = """<mjml><mj-body><mj-section><mj-column>
<mj-image src="{{ shop.logo_url }}" width="120px" />
</mj-column></mj-section></mj-body></mjml>
"""


@pytest.fixture
def found(tmp_path: Path) -> list[Finding]:
    """Of a template with a picture that says nothing to those who do not see it."""
    folder = tmp_path / "mail"
    folder.mkdir()
    for name, text in {"subject.txt": "Hi", "preheader.txt": "p", "body.txt": "t", "body.mjml": IMAGE}.items():
        (folder / name).write_text(text)
    store = TemplateStore([tmp_path, shipped_templates()])
    return list(lint_template(store, "mail", {"everything": personas()["everything"]}))


def test_json_counts_by_severity(found: list[Finding]) -> None:
    report = findings_json([each for each in found if each.rule == "image-alt"])
    assert report["counts"]["error"] == 1
    assert report["passed"] is False
    json.dumps(report)


def test_sarif_names_rule_level_and_place(found: list[Finding]) -> None:
    log = findings_sarif([each for each in found if each.rule == "image-alt"], version="1.0")
    result = log["runs"][0]["results"][0]
    assert (result["ruleId"], result["level"]) == ("image-alt", "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "templates/emails/mail/body.mjml"
    assert {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]} == set(RULES)


def test_sarif_is_what_its_schema_asks_for(found: list[Finding]) -> None:
    validator = Draft4Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), format_checker=FormatChecker())
    all_rules = [finding(rule, "said", file="mail/body.mjml", line=3) for rule in RULES]
    odd = finding("image-alt", "“quoted” <b> \U0001f338", file="a b/größe & co.mjml", line=0)
    log = json.loads(orjson.dumps(findings_sarif([*found, *all_rules, odd], version="1.0")))
    assert [error.message for error in validator.iter_errors(log)] == []
    results = log["runs"][0]["results"]
    assert results[-1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].isascii()
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in results)
    results[0]["level"] = "catastrophe"
    assert not validator.is_valid(log), "the schema is asked at all"

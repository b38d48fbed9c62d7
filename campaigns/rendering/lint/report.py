"""Findings as lines for people, as JSON and as SARIF 2.1.0 for code hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from campaigns.rendering.lint.rules import RULES, Finding, Severity

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.ADVICE: "note"}
_HELP = "docs/lint-rules.md"


def finding_lines(found: Sequence[Finding]) -> list[str]:
    """`file:line: error rule: what; how to fix`, one line a finding."""
    return [f"{_place(each)}: {each.severity} {each.rule}: {each.message}; {each.fix}" for each in found]


def findings_json(found: Sequence[Finding]) -> dict[str, Any]:
    """Findings and their counts by severity, ready for a JSON writer."""
    counts = {severity.value: sum(each.severity is severity for each in found) for severity in Severity}
    return {"findings": [asdict(each) for each in found], "counts": counts, "passed": not counts["error"]}


def findings_sarif(found: Sequence[Finding], *, version: str, root: str = "templates/emails/") -> dict[str, Any]:
    """A SARIF 2.1.0 log; `root` is put before the files' paths."""
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "help": {"text": f"{rule.fix} ({_HELP}#{rule.id})"},
            "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        }
        for rule in RULES.values()
    ]
    driver = {"name": "rekindle lint", "version": version, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(each, root) for each in found]}],
    }


def _result(each: Finding, root: str) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(each.file if each.file == "rekindle.toml" else f"{root}{each.file}")},
        "region": {"startLine": max(each.line, 1)},
    }
    return {
        "ruleId": each.rule,
        "ruleIndex": list(RULES).index(each.rule),
        "level": _LEVELS[each.severity],
        "message": {"text": f"{each.message}; {each.fix}"},
        "locations": [{"physicalLocation": place}],
    }


def _place(each: Finding) -> str:
    return f"{each.file}:{each.line}" if each.line else each.file

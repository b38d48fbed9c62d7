"""Checks of templates before anybody gets them: rules with places, reasons and fixes."""

from campaigns.rendering.lint.checks import lint_template
from campaigns.rendering.lint.personas import RECOMMENDED, full_context, personas
from campaigns.rendering.lint.report import finding_lines, findings_json, findings_sarif
from campaigns.rendering.lint.rules import RULES, Finding, Rule, Severity, finding

__all__ = [
    "RECOMMENDED",
    "RULES",
    "Finding",
    "Rule",
    "Severity",
    "finding",
    "finding_lines",
    "findings_json",
    "findings_sarif",
    "full_context",
    "lint_template",
    "personas",
]

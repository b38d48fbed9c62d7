"""Lint: every template of the campaigns checked with the shop's own look, before anybody gets a mail of it."""

from __future__ import annotations

from collections.abc import Iterable

from campaigns.domain.campaign import Campaign
from campaigns.rendering import TemplateStore
from campaigns.rendering.context import ShopContext
from campaigns.rendering.lint import Finding, Severity, lint_template, personas

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.ADVICE: 2}


def lint_campaigns(templates: TemplateStore, campaigns: Iterable[Campaign], shop: ShopContext) -> list[Finding]:
    """All findings in the templates these campaigns may send, worst first; empty where nothing is to be said."""
    names = set[str]().union(*(campaign.templates for campaign in campaigns))
    return lint_templates(templates, names, shop)


def lint_templates(templates: TemplateStore, names: Iterable[str], shop: ShopContext) -> list[Finding]:
    """The same for templates by name. What several of them share is reported once."""
    contexts = personas(shop)
    unique: dict[tuple[str, str, int, str], Finding] = {}
    for name in sorted(names):
        for found in lint_template(templates, name, contexts):
            unique.setdefault((found.rule, found.file, found.line, found.message), found)
    return sorted(unique.values(), key=lambda each: (_ORDER[each.severity], each.file, each.line, each.rule))

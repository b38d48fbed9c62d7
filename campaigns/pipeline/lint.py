"""Lint: every template of the campaigns checked with the shop's own look, before anybody gets a mail of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from campaigns.config import Settings
from campaigns.domain.campaign import Campaign
from campaigns.rendering import TemplateProblem, TemplateStore, shipped_templates
from campaigns.rendering.context import ShopContext
from campaigns.rendering.lint import Finding, Severity, finding, full_context, lint_template, personas

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.ADVICE: 2}


def lint_campaigns(templates: TemplateStore, campaigns: Iterable[Campaign], shop: ShopContext) -> list[Finding]:
    """All findings in the templates these campaigns may send, worst first; empty where nothing is to be said."""
    known = list(campaigns)
    names = set[str]().union(*(campaign.templates for campaign in known))
    return worst_first([*lint_templates(templates, names, shop), *lint_coupons(templates, known, shop)])


def lint_templates(templates: TemplateStore, names: Iterable[str], shop: ShopContext) -> list[Finding]:
    """The same for templates by name. What several of them share is reported once."""
    contexts = personas(shop)
    unique: dict[tuple[str, str, int, str], Finding] = {}
    for name in sorted(names):
        for found in lint_template(templates, name, contexts):
            if found.rule == "css-support" and _is_shipped(templates, found.file):
                continue  # ours to look after, and looked after
            line = 0 if found.rule == "css-support" else found.line
            unique.setdefault((found.rule, found.file, line, found.message), found)
    return worst_first(unique.values())


def _is_shipped(templates: TemplateStore, file: str) -> bool:
    return next((folder for folder in templates.folders if (folder / file).is_file()), None) == shipped_templates()


def lint_coupons(templates: TemplateStore, campaigns: Iterable[Campaign], shop: ShopContext) -> Iterator[Finding]:
    """coupon-unshown: codes that are taken out of their pool for mails that never say them."""
    context = full_context(shop)
    code = (context["coupon"] or {"code": ""})["code"]
    for campaign in campaigns:
        for step in campaign.steps:
            variants = [step.template_for(variant) for variant in (None, *campaign.variants)]
            for name in dict.fromkeys(variants) if step.coupon else ():
                try:
                    email = templates.get(name).render(context)
                except TemplateProblem:
                    continue  # the template's own findings tell
                for part, file in ((email.html, "body.mjml"), (email.text, "body.txt")):
                    if code not in part:
                        said = f"{campaign.campaign_id} gives {step.name} a coupon, and {file} never says its code"
                        yield finding("coupon-unshown", said, file=f"{name}/{file}", line=1)


def refusals(found: Iterable[Finding], settings: Settings) -> list[Finding]:
    """The findings that keep a campaign from being put in force: errors. A shop whose mail stays on this machine may
    still lack its postal address, which `doctor` asks for once mail goes out."""
    mailer = settings.mailer.get_secret_value() if settings.mailer else "catcher:"
    stays = mailer.startswith(("catcher:", "maildir:"))
    lenient = ("postal-address-missing",) if stays else ()
    return [one for one in found if one.severity is Severity.ERROR and one.rule not in lenient]


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """Findings in the order they are shown."""
    kept: Sequence[Finding] = list(found)
    return sorted(kept, key=lambda each: (_ORDER[each.severity], each.file, each.line, each.rule))

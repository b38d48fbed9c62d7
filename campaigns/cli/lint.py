"""`rekindle lint`: template, deliverability and accessibility checks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import click
import orjson

from campaigns.cli.output import Output
from campaigns.config import Workspace, load_settings
from campaigns.pipeline.lint import lint_coupons, lint_templates, worst_first
from campaigns.pipeline.preview_files import find_campaign, read_campaigns
from campaigns.pipeline.render import shop_of
from campaigns.rendering import TemplateStore, shipped_templates
from campaigns.rendering.lint import Finding, finding_lines, findings_json, findings_sarif


@click.command()
@click.argument("campaign", default="")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as one JSON document.")
@click.option("--sarif", type=click.Path(path_type=Path), help="Write the findings as SARIF 2.1.0 for a code host.")
@click.pass_obj
def lint(output: Output, campaign: str, as_json: bool, sarif: Path | None) -> int:
    """Checks the templates of CAMPAIGN, or all templates there are. Ends with 1 where a finding is an error.

    Each template is rendered for made-up shoppers with holes in their data, with this shop's name, colours and address.
    """
    workspace = Workspace.at(output.workspace)
    settings = load_settings(workspace, os.environ)
    templates = TemplateStore([workspace.templates / "emails", shipped_templates()])
    read, shop = read_campaigns(workspace.campaigns), shop_of(settings)
    chosen = [find_campaign(read, campaign)] if campaign else list(read.by_id.values())
    names = chosen[0].templates if campaign else set(templates.names())
    found = worst_first([*lint_templates(templates, names, shop), *lint_coupons(templates, chosen, shop)])
    if sarif is not None:
        log = findings_sarif(found, version=version("rekindle"))
        sarif.write_bytes(orjson.dumps(log, option=orjson.OPT_INDENT_2) + b"\n")
    told = findings_json(found)
    if as_json or output.as_json:
        output.as_json = True
        output.document(told)
    else:
        _print(output, found, told["counts"], len(names))
    return 0 if told["passed"] else 1


def _print(output: Output, found: Sequence[Finding], counts: dict[str, int], templates: int) -> None:
    for line in finding_lines(found):
        output.line(line)
    said = ", ".join(
        f"{count} {name}{'s' if count != 1 and name != 'advice' else ''}" for name, count in counts.items()
    )
    output.line(f"{templates} template{'s' if templates != 1 else ''} checked: {said}.")

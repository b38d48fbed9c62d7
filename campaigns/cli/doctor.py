"""`rekindle doctor`: is everything there, and what to do where it is not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import click

from campaigns.cli.output import Output
from campaigns.config import Workspace, load_settings
from campaigns.domain.errors import RekindleError
from campaigns.pipeline.alarms import read_alarms
from campaigns.pipeline.campaign_files import read_campaign_files
from campaigns.pipeline.engine import Engine, assemble_engine
from campaigns.rendering import TemplateProblem, TemplateStore, shipped_templates
from campaigns.storage.checks import check_workspace
from campaigns.storage.embedded import ensure_servers
from campaigns.storage.findings import Finding, Verdict

_SIGNS = {Verdict.FINE: "ok     ", Verdict.ADVICE: "advice ", Verdict.PROBLEM: "PROBLEM"}


@click.command()
@click.pass_obj
def doctor(output: Output) -> None:
    """Checks servers, settings, folders, mail settings, campaigns and templates, and says what to fix.

    Ends with 1 where there is a problem; advice alone is no problem.
    """
    workspace = Workspace.at(output.workspace)
    with _engine(workspace) as engine:
        findings = [*check_workspace(workspace, os.environ), *_check_files(workspace)]
        if engine and any(f.check == "database" and f.verdict is Verdict.FINE for f in findings):
            findings += _check_alarms(engine)
    if output.as_json:
        output.document(
            [{"check": f.check, "verdict": f.verdict.value, "line": f.line, "fix": f.fix} for f in findings]
        )
    for finding in findings:
        output.line(f"{_SIGNS[finding.verdict]}  {finding.check}: {finding.line}")
        if finding.fix and finding.verdict is not Verdict.FINE:
            output.line(f"         → {finding.fix}")
    if any(finding.verdict is Verdict.PROBLEM for finding in findings):
        sys.exit(1)


@contextmanager
def _engine(workspace: Workspace) -> Iterator[Engine | None]:
    """The workspace's servers, kept up between the checks; None where they do not start, which a check tells."""
    with ExitStack() as stack:
        engine = None
        with suppress(RekindleError):
            settings = load_settings(workspace, os.environ)
            servers = stack.enter_context(ensure_servers(workspace, settings))
            engine = assemble_engine(workspace, settings, servers)
            stack.callback(engine.database.dispose)
            stack.callback(engine.cache.close)
        yield engine


def _check_alarms(engine: Engine) -> Iterator[Finding]:
    """What goes wrong in the shop right now."""
    alarms = read_alarms(engine)
    for alarm in alarms:
        yield Finding(alarm.about, Verdict.PROBLEM if alarm.is_urgent else Verdict.ADVICE, alarm.line, alarm.fix)
    if not alarms:
        yield Finding("alarms", Verdict.FINE, "no mail failed to be made in the last 24 h, no coupon pool runs dry")


def _check_files(workspace: Workspace) -> Iterator[Finding]:
    templates = TemplateStore([workspace.templates / "emails", shipped_templates()])
    try:
        files = read_campaign_files(workspace.campaigns, templates)
        yield Finding("campaigns", Verdict.FINE, f"{len(files)} files, all valid: {', '.join(sorted(files))}")
    except RekindleError as error:
        for line in str(error).splitlines():
            yield Finding("campaigns", Verdict.PROBLEM, line, "see `rekindle campaigns validate`")
    broken = list(_broken_templates(templates))
    if not broken:
        yield Finding("templates", Verdict.FINE, f"{len(templates.names())} templates, all complete")
    yield from broken


def _broken_templates(templates: TemplateStore) -> Iterator[Finding]:
    for name in templates.names():
        try:
            templates.get(name)
        except TemplateProblem as problem:
            yield Finding("templates", Verdict.PROBLEM, str(problem), "correct the template")

"""`lint_template`: every rule over one template, rendered for every persona."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, nodes

from campaigns.rendering.context import RenderContext
from campaigns.rendering.failures import rendering_errors
from campaigns.rendering.lint.attribute_checks import attribute_findings
from campaigns.rendering.lint.css_checks import css_findings
from campaigns.rendering.lint.mail import Mail
from campaigns.rendering.lint.markup_checks import active_findings, heading_findings, link_findings, picture_findings
from campaigns.rendering.lint.personas import OPTIONAL_PARTS, personas
from campaigns.rendering.lint.reading_checks import (
    contrast_findings,
    header_findings,
    legal_findings,
    size_findings,
    touch_findings,
    word_findings,
)
from campaigns.rendering.lint.rules import Finding, Severity, finding
from campaigns.rendering.lint.shape_checks import shape_findings
from campaigns.rendering.lint.static_checks import component_findings, field_findings, passed_fields, raw_findings
from campaigns.rendering.lint.variables import undefined_names
from campaigns.rendering.problems import TemplateProblem
from campaigns.rendering.store import BODY, PREHEADER, SUBJECT, TEXT, EmailTemplate, TemplateStore
from campaigns.rendering.undefined import nearest

CHECKS: tuple[Callable[[Mail], Iterator[Finding]], ...] = (
    link_findings,
    picture_findings,
    heading_findings,
    active_findings,
    attribute_findings,
    contrast_findings,
    touch_findings,
    size_findings,
    legal_findings,
    header_findings,
    word_findings,
    css_findings,
)
_OF_A_TAG = ("image-alt", "image-size")
_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.ADVICE: 2}


def lint_template(
    store: TemplateStore, name: str, contexts: Mapping[str, RenderContext] | None = None
) -> list[Finding]:
    """All findings of one template, worst first, each place once. `contexts` are the personas to render for, by
    name.
    """
    try:
        template = store.get(name)
    except TemplateProblem as problem:
        return [_problem("template-error", problem, f"{name}/{BODY}")]
    found = _translation_findings(store, name)
    try:
        for each in _static_findings(store, name):
            found.append(each)  # those before a file that cannot be read too
    except TemplateProblem as problem:
        found.append(_problem("template-error", problem, f"{name}/{BODY}"))
    shoppers = contexts or personas()
    found += shape_findings(template, next(iter(shoppers.values())))
    for persona, context in shoppers.items():
        found += _persona_findings(template, persona, context)
    return _sorted(found)


def _persona_findings(template: EmailTemplate, persona: str, context: RenderContext) -> Iterator[Finding]:
    try:
        email = template.render(context)
        traced = template.traced(context)
    except TemplateProblem as problem:
        rule = "template-error" if persona == "everything" else "persona-holes"
        found = _problem(rule, problem, f"{template.name}/{BODY}", persona)
        lacks = persona.removeprefix("no ") in OPTIONAL_PARTS
        yield replace(found, severity=Severity.WARNING) if lacks else found
        return
    mail = Mail(template.name, persona, context, email, traced)
    for check in CHECKS:
        yield from check(mail)


def _static_findings(store: TemplateStore, name: str) -> Iterator[Finding]:
    passed: dict[str, frozenset[str] | None] = {}
    missing: list[Finding] = []
    for file, tree in _files(store, [f"{name}/{part}" for part in (SUBJECT, PREHEADER, TEXT, BODY)], missing):
        yield from component_findings(tree, file)
        yield from undefined_names(tree, store.html_environment, file)
        yield from raw_findings(tree, file)
        for key, names in passed_fields(tree):  # what one call lacks, its own rendering tells
            known = passed.get(key, frozenset())
            passed[key] = None if names is None or known is None else known | names
        for use in tree.find_all(nodes.Filter):
            if use.name == "safe" and use.node is not None and not isinstance(use.node, nodes.Const):
                yield finding("safe-filter", "| safe prints data as it came", file=file, line=use.lineno)
    yield from missing
    yield from field_findings(store, name, passed)


def _files(store: TemplateStore, wanted: list[str], missing: list[Finding]) -> Iterator[tuple[str, nodes.Template]]:
    """The files of a template and all they include, import or extend, parsed; what is `missing` is told by the line
    that asks for it."""
    environment, seen = store.html_environment, set[str]()
    while wanted:
        file = wanted.pop()
        if file in seen or environment.loader is None:
            continue
        seen.add(file)
        with rendering_errors(file):
            tree = environment.parse(environment.loader.get_source(environment, file)[0], file)
        yield file, tree
        for load in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            named = getattr(load, "template", None)
            if isinstance(named, nodes.Const) and isinstance(named.value, str):
                asked = environment.join_path(named.value, file)
                if _is_there(environment.loader, asked):
                    wanted.append(asked)
                elif not getattr(load, "ignore_missing", False):
                    near = nearest(asked, environment.loader.list_templates())
                    fix = f"did you mean '{near}'?" if near else "add the file or correct the name"
                    said = f"there is no template file '{asked}'"
                    missing.append(finding("template-error", said, file=file, line=load.lineno, fix=fix))


def _is_there(loader: BaseLoader, name: str) -> bool:
    return any((Path(folder) / name).is_file() for folder in getattr(loader, "searchpath", ()))


def _translation_findings(store: TemplateStore, name: str) -> list[Finding]:
    """Keys that one locale of a template has and another lacks."""
    found = []
    locales = store.translations.locales(name)
    keys = {locale: set(store.translations.texts(name, locale)) for locale in locales}
    everything = set[str]().union(*keys.values())
    for locale, known in keys.items():
        for key in sorted(everything - known) if "_" not in locale.replace("-", "_") else ():
            file = f"{name}/locale/{locale}.yaml"
            found.append(finding("translation-missing", f"'{key}' has no text", file=file, line=1))
    return found


def _problem(rule: str, problem: TemplateProblem, file: str, persona: str = "") -> Finding:
    said = f"{problem.what}" + (f" (persona: {persona})" if persona else "")
    return finding(rule, said, file=problem.file or file, line=problem.line, persona=persona, fix=problem.fix)


def _sorted(found: Sequence[Finding]) -> list[Finding]:
    """Worst first; the same finding for several personas is shown for the first of them, and what fails for the one
    of whom everything is known is no hole in the data of the others.
    """
    unique: dict[tuple[Any, ...], Finding] = {}
    named = {(each.file, each.line) for each in found if each.rule == "undefined-variable"}
    for each in found:
        if (
            each.message.startswith("there is no '")
            and each.rule != "undefined-variable"
            and (each.file, each.line) in named
        ):
            continue  # the rendering failed at the name that was found without one
        rule = "template-error" if each.rule == "persona-holes" else each.rule
        place = (each.file, 0) if rule == "css-support" else (each.file, each.line)
        said = each.message.partition(" (persona")[0]
        if each.rule in _OF_A_TAG:  # every turn of a loop has another picture
            said = said.partition(" ")[0]
        unique.setdefault((rule, *place, said), each)
    return sorted(unique.values(), key=lambda each: (_ORDER[each.severity], each.file, each.line, each.rule))

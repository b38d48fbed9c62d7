"""Checks that read templates without rendering them: values printed raw, and fields of translations nobody passes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Final

from jinja2 import nodes

from campaigns.rendering.lint.rules import Finding, finding
from campaigns.rendering.store import TemplateStore
from campaigns.rendering.structure import element_fault
from campaigns.rendering.translations import SHARED
from campaigns.rendering.undefined import nearest

_SHAPED: Final = frozenset(
    {"money", "discount", "date", "time", "datetime", "relative_time", "duration", "length", "count", "tojson"}
)
_ELEMENT: Final = re.compile(r"<(mj-[a-z-]+)")
_TIMES: Final = frozenset({"completed_at", "expires_at"})
_TRANSLATING: Final = frozenset({"t", "_"})


def component_findings(tree: nodes.Template, file: str) -> Iterator[Finding]:
    """template-error: components that MJML does not have, in every branch and before the first rendering fails."""
    for data in tree.find_all(nodes.TemplateData):
        for found in _ELEMENT.finditer(data.data):
            fault = element_fault(found[1], found.start())
            if fault is not None:
                line = data.lineno + data.data.count("\n", 0, found.start())
                said = f"{fault.what} (at {fault.tag})"
                yield finding("template-error", said, file=file, line=line, fix=fault.fix)


def raw_findings(tree: nodes.Template, file: str) -> Iterator[Finding]:
    """raw-value: cents and times as the machine writes them."""
    for output in tree.find_all(nodes.Output):
        for printed in output.nodes:
            for reach in _raw(printed):
                what = "an amount in minor units" if reach.attr.endswith("_minor") else "a time in UTC"
                by = "money" if reach.attr.endswith("_minor") else "date"
                said = f"'{reach.attr}' is printed as it is, {what}"
                yield finding("raw-value", said, file=file, line=reach.lineno, fix=f"write | {by}")


def _raw(node: nodes.Node) -> Iterator[nodes.Getattr]:
    """The amounts and times of an expression that no filter gives a form."""
    if isinstance(node, nodes.Getattr) and (node.attr.endswith("_minor") or node.attr in _TIMES):
        yield node
    elif isinstance(node, nodes.Filter) and node.node is not None and node.name not in _SHAPED:
        yield from _raw(node.node)
    elif isinstance(node, nodes.CondExpr):
        for branch in (node.expr1, node.expr2):
            if branch is not None:
                yield from _raw(branch)
    elif isinstance(node, nodes.Or | nodes.Add | nodes.Sub | nodes.Mul | nodes.Div | nodes.FloorDiv):
        yield from _raw(node.left)
        yield from _raw(node.right)
    elif isinstance(node, nodes.Concat):
        for part in node.nodes:
            yield from _raw(part)


def passed_fields(tree: nodes.Template) -> Iterator[tuple[str, frozenset[str] | None]]:
    """(key, names passed) of every `t("...")` and `_("...")`; None where the names are made while rendering."""
    for call in tree.find_all(nodes.Call):
        if not (isinstance(call.node, nodes.Name) and call.node.name in _TRANSLATING and call.args):
            continue
        key = call.args[0]
        if isinstance(key, nodes.MarkSafeIfAutoescape):  # of a {% trans %}
            key = key.expr
        if isinstance(key, nodes.Const) and isinstance(key.value, str):
            yield key.value, None if call.dyn_kwargs else frozenset(each.key for each in call.kwargs)


def field_findings(store: TemplateStore, name: str, passed: Mapping[str, frozenset[str] | None]) -> Iterator[Finding]:
    """translation-field: texts that ask for a value the template does not pass; they would fail in their language
    alone."""
    for part in (name, SHARED):
        for locale in store.translations.locales(part):
            for key, entry in store.translations.texts(part, locale.replace("-", "_")).items():
                given = passed.get(key)
                if given is None:
                    continue
                for text in entry.values() if isinstance(entry, Mapping) else [entry]:
                    for lacking in sorted(_fields(text) - given):
                        near = nearest(lacking, given)
                        fix = f"did you mean '{{{near}}}'?" if near else f"pass {lacking}=... or leave it out"
                        file = f"{part}/locale/{locale}.yaml"
                        said = f"the text for '{key[:60]}' asks for '{{{lacking}}}', which the template does not pass"
                        line = line_of(store, file, f"{{{lacking}}}")
                        yield finding("translation-field", said, file=file, line=line, fix=fix)


def _fields(text: str) -> set[str]:
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name and name.isidentifier()}
    except ValueError:  # a lone brace: rendering tells
        return set()


def line_of(store: TemplateStore, file: str, words: str) -> int:
    """The first line of a template's file that holds the words, else 1."""
    for folder in store.folders:
        path = folder / file
        if path.is_file():
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            return next((number for number, line in enumerate(lines, 1) if words in line), 1)
    return 1

"""CSS and HTML that well-known mail clients ignore, by the data of caniemail.com.

Read findings as advice, not as law: each feature was tested by hand in the year named, and how many of a shop's readers
use a client only its own reports tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from campaigns.rendering.lint.client_support import Feature, client_support
from campaigns.rendering.lint.mail import Mail
from campaigns.rendering.lint.rules import Finding
from campaigns.rendering.scanner import Tag, tags

HARMLESS: Final = frozenset(
    {
        *("border-radius", "border-spacing", "cursor", "height", "hyphens", "orphans", "outline", "overflow-wrap"),
        *("table-layout", "text-decoration-skip-ink", "text-underline-offset", "transition", "white-space", "widows"),
        *("word-break", "word-wrap", ":hover", ":active", ":focus", ":focus-visible", ":link", ":visited"),
        *("aria-describedby", "aria-hidden", "aria-label", "aria-labelledby", "aria-live", "dir", "lang", "loading"),
        *("role", "target", "body", "style", "wbr", "display:none", "clear", "min-width", "overflow"),
    }
)
"""What only looks or reads a little plainer where it is ignored: no word about it. The same goes for `@media`."""

_NAMES_SHOWN: Final = 4
_COMMENT = re.compile(r"<!--.*?-->|/\*.*?\*/", re.DOTALL)
_DECLARATION = re.compile(r"(?<![\w-])([a-z-]+)\s*:\s*([^;{}\"]+)", re.IGNORECASE)
_FUNCTION = re.compile(r"(?<![\w-])([a-z-]+)\(", re.IGNORECASE)
_UNIT = re.compile(r"\d(rem|ch|vh|vw|vmin|vmax)\b", re.IGNORECASE)
_SELECTOR = re.compile(r"(?:^|[}\s,>])[^{};]*?(::?[a-z-]+)[^{};]*\{", re.IGNORECASE)
_AT_RULE = re.compile(r"@([a-z-]+)", re.IGNORECASE)

Found = tuple[Feature, str, int]


def css_findings(mail: Mail) -> Iterator[Finding]:
    """css-support: one finding a feature, where the mail first uses it."""
    source = _COMMENT.sub(lambda found: " " * len(found[0]), mail.traced.source)
    seen: set[str] = set()
    for feature, said, position in _used(source):
        if feature.url in seen or not feature.is_well_known:
            continue
        seen.add(feature.url)
        yield mail.at("css-support", _message(feature, said), position)


def _message(feature: Feature, said: str) -> str:
    shown = ", ".join(feature.clients[:_NAMES_SHOWN]) + (" and others" if len(feature.clients) > _NAMES_SHOWN else "")
    share = f"{feature.ignored_by} of {feature.tested_with} clients tested, in {feature.tested}"
    return f"{said} does nothing in {shown} ({share}: {feature.url})"


def _used(source: str) -> Iterator[Found]:
    for tag in tags(source):
        if tag.closes:
            continue
        if not tag.name.startswith("mj"):
            yield from _look("element", tag.name, f"<{tag.name}>", tag.start)
            for name in tag.attributes():
                yield from _look("attribute", name, f"{name}=", tag.start)
        yield from _styles(tag, source)


def _styles(tag: Tag, source: str) -> Iterator[Found]:
    if style := tag.attributes().get("style", ""):
        yield from _declarations(style, tag.start)
    if tag.name in ("mj-style", "style"):
        end = source.find("</", tag.end)
        sheet = source[tag.end : end if end > 0 else len(source)]
        yield from _declarations(sheet, tag.end)
        for found in _AT_RULE.finditer(sheet):
            yield from _look("at-rule", found[1].lower(), f"@{found[1]}", tag.end + found.start())
        for found in _SELECTOR.finditer(sheet):
            yield from _look("pseudo", found[1].lower(), found[1], tag.end + found.start(1))


def _declarations(css: str, start: int) -> Iterator[Found]:
    for found in _DECLARATION.finditer(css):
        name, value, at = found[1].lower(), found[2].strip().lower(), start + found.start()
        yield from _look("property", name, name, at)
        yield from _look("declaration", f"{name}:{value.removeprefix('inline-')}", f"{name}: {value}", at)
        for function in _FUNCTION.finditer(value):
            yield from _look("function", function[1], f"{function[1]}()", at)
        for unit in _UNIT.finditer(value):
            yield from _look("unit", unit[1], f"the unit {unit[1]}", at)


def _look(kind: str, name: str, said: str, position: int) -> Iterator[Found]:
    feature = client_support()[kind].get(name)
    if feature is not None and name not in HARMLESS and not (kind == "at-rule" and name.startswith("media")):
        yield feature, said, position

"""What MJML may not look like, told with the place: mrml itself says little, or says nothing and renders nonsense."""

from __future__ import annotations

import re
from dataclasses import dataclass

from campaigns.rendering.scanner import first_imbalance, tags
from campaigns.rendering.undefined import nearest

COMPONENTS = frozenset(
    [
        "mjml",
        "mj-head",
        "mj-body",
        "mj-attributes",
        "mj-all",
        "mj-class",
        "mj-breakpoint",
        "mj-font",
        "mj-preview",
        "mj-style",
        "mj-title",
        "mj-include",
        "mj-accordion",
        "mj-accordion-element",
        "mj-accordion-title",
        "mj-accordion-text",
        "mj-button",
        "mj-carousel",
        "mj-carousel-image",
        "mj-column",
        "mj-divider",
        "mj-group",
        "mj-hero",
        "mj-image",
        "mj-navbar",
        "mj-navbar-link",
        "mj-raw",
        "mj-section",
        "mj-social",
        "mj-social-element",
        "mj-spacer",
        "mj-table",
        "mj-text",
        "mj-wrapper",
    ]
)
_UNSUPPORTED = {
    "mj-html-attributes": "write the attributes on the HTML inside mj-text or mj-raw",
    "mj-selector": "write the attributes on the HTML inside mj-text or mj-raw",
    "mj-html-attribute": "write the attributes on the HTML inside mj-text or mj-raw",
    "mj-include": "use {% include %} or {% import %}",
}


_ELEMENT = re.compile(r"<(mj[a-z-]+)")
_BARE = re.compile(r"<(?![A-Za-z/!?])")
_ATTRIBUTES = re.compile(r"(?:\s+[A-Za-z_:][\w:.-]*(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'))?)*\s*/?")
_COMMENT = re.compile(r"<!--.*?-->|<style\b.*?</style>|<mj-style\b.*?</mj-style>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at `position` of the MJML: the tag, what is wrong with it and what to do."""

    position: int
    tag: str
    what: str
    fix: str


def looks_sound(source: str) -> bool:
    """A quick look: only elements that exist, and none that mrml misreads in silence; bad nesting it finds itself."""
    names = set(_ELEMENT.findall(source))
    return names <= COMPONENTS and "mjml" in names and "file-start" not in source


def first_fault(source: str) -> Fault | None:
    """The first thing that cannot be MJML, or None."""
    imbalance = first_imbalance(source)
    if imbalance is not None:
        return Fault(imbalance.position, imbalance.tag, imbalance.what, "open and close every tag in the same place")
    bare = _BARE.search(_COMMENT.sub(lambda found: " " * len(found[0]), source))
    if bare is not None:
        return Fault(bare.start(), source[bare.start() : bare.start() + 20], "a bare <", "write &lt;")
    cdata = source.find("<![CDATA[")
    if cdata >= 0:
        return Fault(cdata, "<![CDATA[", "CDATA is not understood", "write the text itself, with &lt; for <")
    found_root = False
    for tag in tags(source):
        found_root = found_root or tag.name == "mjml"
        fault = _tag_fault(tag.name, tag.start, tag.rest)
        if fault is not None and not tag.closes:
            return fault
        if not _ATTRIBUTES.fullmatch(tag.rest):
            fix = 'write name="value", quotes included'
            return Fault(tag.start, source[tag.start : tag.end], "attributes are not written like this", fix)
    return None if found_root else Fault(0, "", "there is no <mjml> element", "start from {% extends %} a base layout")


def element_fault(name: str, position: int) -> Fault | None:
    """What is wrong with an element of that name; None for one that MJML has, and for HTML."""
    if name in _UNSUPPORTED and name != "mj-include":  # which the environment reads as an include where it can
        return Fault(position, f"<{name}>", "this element is not supported", _UNSUPPORTED[name])
    if not name.startswith("mj-") or name in COMPONENTS:
        return None
    near = nearest(name, COMPONENTS)
    fix = f"did you mean <{near}>?" if near else "remove it"
    return Fault(position, f"<{name}>", "there is no such MJML element", fix)


def _tag_fault(name: str, position: int, rest: str) -> Fault | None:
    if name in _UNSUPPORTED:
        return Fault(position, f"<{name}>", "this element is not supported", _UNSUPPORTED[name])
    if name == "mj-raw" and "file-start" in rest:
        return Fault(position, "<mj-raw>", 'position="file-start" is not supported', "leave the attribute out")
    return element_fault(name, position)

"""Checks of the MJML with its places: links, pictures, headings, active content, language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from campaigns.rendering.lint.mail import Mail
from campaigns.rendering.lint.rules import Finding
from campaigns.rendering.scanner import Tag, tags

_LINKED = frozenset({"a", "area", "mj-button", "mj-image", "mj-navbar-link", "mj-social-element", "mj-carousel-image"})
_MUST_LINK = frozenset({"a", "mj-button", "mj-navbar-link"})
_PICTURES = frozenset({"img", "mj-image", "mj-carousel-image"})
_ACTIVE = frozenset({"script", "form", "iframe", "object", "embed", "input", "select", "textarea", "video", "audio"})
_ADDRESS = re.compile(
    r"(?:https?://[^\s/?#]+\.[^\s]+|https?://localhost[^\s]*|mailto:[^\s@]+@[^\s]+|tel:\+?[\d\- ]+|sms:.+)\Z"
)
_SCHEME = re.compile(r"\s*([a-z][a-z0-9+.\-]*):", re.IGNORECASE)
_HOST = re.compile(r"//[^\s/]+\.")
_ALLOWED = frozenset({"http", "https", "mailto", "tel", "sms", "cid"})
_HEADING = re.compile(r"h([1-6])\Z")


def _shown_tags(mail: Mail) -> Iterator[Tag]:
    """All tags but the defaults inside mj-attributes."""
    inside = False
    for tag in tags(mail.traced.source):
        if tag.name == "mj-attributes":
            inside = not tag.closes and not tag.empty
        elif not inside:
            yield tag


def link_findings(mail: Mail) -> Iterator[Finding]:
    """link-target, link-insecure and unsafe-address."""
    for tag in _shown_tags(mail):
        attributes = tag.attributes()
        for name in ("href", "src", "background-url", "background"):
            scheme = _SCHEME.match(unescape(attributes.get(name, "")))
            if scheme and scheme[1].lower() not in _ALLOWED:
                yield mail.at("unsafe-address", f"<{tag.name}> with a {scheme[1]}: address", tag.start)
        if tag.closes or tag.name not in _LINKED or ("href" not in attributes and tag.name not in _MUST_LINK):
            continue
        if tag.name == "a" and "href" not in attributes and ("name" in attributes or "id" in attributes):
            continue
        yield from _target_findings(mail, tag.name, unescape(attributes.get("href", "")).strip(), tag.start)


def _target_findings(mail: Mail, name: str, href: str, position: int) -> Iterator[Finding]:
    scheme = _SCHEME.match(href)
    if scheme and scheme[1].lower() not in _ALLOWED:
        return
    if name == "mj-navbar-link" and href.startswith("/"):
        return
    if not _ADDRESS.match(href):
        yield mail.at("link-target", f"<{name}> leads to {href!r}" if href else f"<{name}> leads nowhere", position)
    elif href.startswith("http://") and "localhost" not in href and "127.0.0.1" not in href:
        yield mail.at("link-insecure", f"<{name}> leads to {href[:60]}", position)


def picture_findings(mail: Mail) -> Iterator[Finding]:
    """image-alt, image-size and image-address."""
    for tag in _shown_tags(mail):
        if tag.closes or tag.name not in _PICTURES:
            continue
        attributes = tag.attributes()
        source = attributes.get("src", "")[:60]
        address = unescape(attributes.get("src", "")).strip()
        if address and not _SCHEME.match(address) and not _HOST.match(address):
            yield mail.at("image-address", f"<{tag.name}> has the address {source!r}", tag.start)
        if "alt" not in attributes:
            yield mail.at("image-alt", f"<{tag.name}> {source} has no alt", tag.start)
        if tag.name == "img" and not attributes.get("width"):
            yield mail.at("image-size", f"<img> {source} has no width", tag.start)


def heading_findings(mail: Mail) -> Iterator[Finding]:
    """heading-order."""
    before = 0
    for tag in _shown_tags(mail):
        found = _HEADING.match(tag.name)
        if found is None or tag.closes:
            continue
        level = int(found[1])
        if level > before + 1:
            after = f"<h{before}>" if before else "no heading"
            yield mail.at("heading-order", f"<h{level}> follows {after}", tag.start)
        before = level


def active_findings(mail: Mail) -> Iterator[Finding]:
    """active-content and language-missing."""
    for tag in _shown_tags(mail):
        if tag.closes:
            continue
        handler = next((name for name in tag.attributes() if name.startswith("on") and len(name) > 3), "")
        if tag.name in _ACTIVE or handler:
            yield mail.at("active-content", f"<{tag.name}>" + (f" with {handler}" if handler else ""), tag.start)
        if tag.name == "mjml" and not tag.attributes().get("lang"):
            yield mail.at("language-missing", "<mjml> names no language", tag.start)

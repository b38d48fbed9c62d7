"""Checks of what the recipient gets: contrast, thumbs, size, the law, subject and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from campaigns.rendering.lint.colours import contrast
from campaigns.rendering.lint.document import Element, pixels
from campaigns.rendering.lint.mail import Mail
from campaigns.rendering.lint.rules import Finding, finding

CLIPPED_BYTES, LARGE_BYTES = 102 * 1024, 90 * 1024
THUMB = 44
_LINE_HEIGHT = re.compile(r"([\d.]+)(px|%|)\Z")
_HOLLOW = re.compile(
    r"\bNone\b|\bundefined\b|\bnan\b|\{\{|\}\}|\{%|%\}|\b(?:Hi|Hello|Hey|Dear)\s*[,!](?=\s|$)|\s,|\(\s*\)|  +,",
    re.IGNORECASE,
)
_SHOUTING = re.compile(r"[!?]{2,}|\${2,}|€{2,}")
_SPAM = re.compile(
    r"\b(?:100 ?% free|act now|click here|risk[- ]free|no obligation|cash bonus|winner|urgent|earn money|guaranteed"
    r"|limited time only|buy now|order now|dear friend|this is not spam|cheap|cialis|viagra|lottery|miracle)\b",
    re.IGNORECASE,
)
_FAKE_REPLY = re.compile(r"\s*(?:re|fwd?|aw|wg)\s*:", re.IGNORECASE)


def contrast_findings(mail: Mail) -> Iterator[Finding]:
    """contrast: 4.5, or 3 for text of 24 px, or 18.66 px in bold."""
    seen: set[tuple[object, object]] = set()
    for text in mail.document.texts:
        style = text.style
        if style.colour is None or style.background is None or (style.colour, style.background) in seen:
            continue
        large = style.size >= 24 or (style.bold and style.size >= 18.66)
        ratio = contrast(style.colour, style.background)
        if style.size > 1 and ratio < (3 if large else 4.5):
            seen.add((style.colour, style.background))
            shown = f"{_hex(style.colour)} on {_hex(style.background)}"
            yield mail.near("contrast", f"{text.words[:40]!r} is {shown}, contrast {ratio:.1f}", text.words)


def _hex(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def touch_findings(mail: Mail) -> Iterator[Finding]:
    """touch-target: links drawn as buttons."""
    for element in mail.document.elements:
        if element.name != "a" or element.declarations.get("display") != "inline-block":
            continue
        if not (element.declarations.get("background") or element.declarations.get("background-color")):
            continue
        height = _button_height(element)
        if height < THUMB:
            href = element.attributes.get("href", "")
            yield mail.near("touch-target", f"a button {height:.0f} px high", href.replace("&", "&amp;"))


def _button_height(element: Element) -> float:
    own = element.declarations
    size = pixels(own.get("font-size", ""), 13)
    found = _LINE_HEIGHT.match(own.get("line-height", "120%"))
    factor = {"px": 1.0, "%": size / 100, "": size}[found[2]] if found else 1.2 * size
    line = float(found[1]) * factor if found else factor
    sides = own.get("padding", "0").split()
    top = own.get("padding-top", sides[0])
    bottom = own.get("padding-bottom", sides[2] if len(sides) > 2 else sides[0])
    return line + pixels(top, 0) + pixels(bottom, 0)


def size_findings(mail: Mail) -> Iterator[Finding]:
    """html-clipped and html-size."""
    size = len(mail.email.html.encode())
    if size > CLIPPED_BYTES:
        yield mail.whole("html-clipped", f"the HTML has {size / 1024:.0f} KB")
    elif size > LARGE_BYTES:
        yield mail.whole("html-size", f"the HTML has {size / 1024:.0f} KB")


def legal_findings(mail: Mail) -> Iterator[Finding]:
    """unsubscribe-missing, postal-address-missing, text-part-missing and text-unsubscribe."""
    unsubscribe = str(mail.context["links"]["unsubscribe"])
    address = " ".join(str(mail.context["shop"]["postal_address"]).split())
    shown = " ".join(text.words for text in mail.document.texts)
    if not any(element.attributes.get("href") == unsubscribe for element in mail.document.elements):
        yield mail.whole("unsubscribe-missing", "no link leads to the unsubscribe page")
    if not address:
        fix = "write it as postal_address under [shop]"
        yield finding("postal-address-missing", "the shop has no postal address", file="rekindle.toml", fix=fix)
    elif "".join(address.split()) not in "".join(shown.split()):
        yield mail.whole("postal-address-missing", "the shop's postal address is not shown")
    if not mail.email.text.strip():
        yield mail.whole("text-part-missing", "the text part is empty", "body.txt")
    elif unsubscribe not in mail.email.text:
        yield mail.whole("text-unsubscribe", "the text part has no unsubscribe link", "body.txt")


def header_findings(mail: Mail) -> Iterator[Finding]:
    """subject-empty, subject-length and preheader-length."""
    subject, preheader = mail.email.subject, mail.email.preheader
    if not subject:
        yield mail.whole("subject-empty", "the subject is empty", "subject.txt")
    if len(subject) > 60 and mail.persona != "long name":
        yield mail.whole("subject-length", f"the subject has {len(subject)} characters", "subject.txt")
    if not 30 <= len(preheader) <= 140 and mail.persona != "long name":
        yield mail.whole("preheader-length", f"the preheader has {len(preheader)} characters", "preheader.txt")


def word_findings(mail: Mail) -> Iterator[Finding]:
    """hollow-words and spam-words."""
    shown = [("subject.txt", mail.email.subject), ("preheader.txt", mail.email.preheader)]
    shown += [("body.txt", line) for line in mail.email.text.splitlines()]
    for part, words in shown:
        if found := _HOLLOW.search(words):
            yield mail.whole("hollow-words", f"{words.strip()[:60]!r} shows {found[0].strip()!r}", part)
    for text in mail.document.texts:
        if found := _HOLLOW.search(unescape(text.words)):
            yield mail.near("hollow-words", f"{text.words[:60]!r} shows {found[0].strip()!r}", text.words)
    yield from _spam_findings(mail)


def _spam_findings(mail: Mail) -> Iterator[Finding]:
    subject = mail.email.subject
    letters = [each for each in subject if each.isalpha()]
    if len(letters) > 5 and all(each.isupper() for each in letters):
        yield mail.whole("spam-words", "the subject is all capitals", "subject.txt")
    for name, words in (("subject.txt", subject), ("preheader.txt", mail.email.preheader)):
        for found in (_SPAM.search(words), _SHOUTING.search(words)):
            if found:
                yield mail.whole("spam-words", f"{found[0]!r} in {name}", name)
    if _FAKE_REPLY.match(subject):
        yield mail.whole("spam-words", "the subject pretends to be a reply", "subject.txt")
    for text in mail.document.texts:
        if found := _SPAM.search(text.words):
            yield mail.near("spam-words", f"{found[0]!r} in {text.words[:40]!r}", text.words)

"""Values of personal data inside `style`: words, numbers and colours, never a new declaration."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from campaigns.rendering.markup import trusted, unescaped

_PLAIN = re.compile(r"[A-Za-z0-9#%.,\- ]*\Z")
_SAFE = re.compile(r"[A-Za-z0-9#%.,\-+*/ ()'\"_!:&=?@~]*\Z")
_DANGEROUS = re.compile(
    r"expression|javascript|vbscript|(?:data|file|blob):|@import|behaviou?r|-moz-binding|url\(", re.IGNORECASE
)


def safe_css(value: Any) -> Markup:
    """A CSS value, escaped; "" for anything that could end the declaration, load or run something."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if _PLAIN.match(text) and not _DANGEROUS.search(text):
        return trusted(text)
    bare = unescaped(text) if isinstance(value, Markup) else text
    if ":" in bare or not _SAFE.match(bare) or _DANGEROUS.search(bare) or bare.count("(") != bare.count(")"):
        return Markup("")
    return escape(bare)


def safe_declarations(value: Any) -> Markup:
    """Whole declarations (`color:red;padding:2px`), where the author put a value instead of a declaration."""
    text = unescaped(value) if isinstance(value, Markup) else str(value if value is not None else "")
    parts = [part.partition(":") for part in text.split(";") if part.strip()]
    if _DANGEROUS.search(text) or "//" in text:
        return Markup("")
    if any((not safe_css(after) and after.strip()) or not _PLAIN.match(name) for name, _, after in parts):
        return Markup("")
    return value if isinstance(value, Markup) else escape(text)

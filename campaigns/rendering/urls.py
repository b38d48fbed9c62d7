"""Addresses in a mail: only those a mail client may follow, whatever the data says."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from campaigns.rendering.markup import trusted, unescaped

_PLAIN = re.compile(r"(?:https?://|mailto:|tel:|sms:|cid:)[A-Za-z0-9\-._~:/?#\[\]@!$()*+,;=%]*\Z")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_SAFE_SCHEMES = frozenset({"http", "https", "mailto", "tel", "sms", "cid", "geo", "webcal", "whatsapp"})
_RUNNING_SCHEMES = frozenset(
    [
        "about",
        "blob",
        "chrome",
        "data",
        "feed",
        "file",
        "filesystem",
        "intent",
        "jar",
        "javascript",
        "livescript",
        "mhtml",
        "mk",
        "mocha",
        "ms-its",
        "ms-msdt",
        "res",
        "resource",
        "search-ms",
        "vbscript",
        "view-source",
        "wyciwyg",
    ]
)
_DROPPED = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\\]")
REFUSED = Markup("#")


def safe_url(value: Any) -> Markup:
    """The address, escaped for an attribute; `#` for `javascript:`, `data:` and every other scheme that can run or show
    content. Schemes are judged after dropping what browsers ignore (tabs, newlines, zero-width signs)."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if _PLAIN.match(text):
        return trusted(text)
    bare = unescaped(text) if isinstance(value, Markup) else text
    cleaned = _DROPPED.sub(_dropped, bare.strip())
    scheme = _SCHEME.match(cleaned)
    if scheme and scheme[1].lower() not in _SAFE_SCHEMES:
        return REFUSED
    return value if isinstance(value, Markup) and cleaned == bare else escape(cleaned)


def followed(address: str) -> str:
    """The address without what browsers ignore; "" where its scheme may run or show content."""
    cleaned = _DROPPED.sub(_dropped, address.strip())
    scheme = _SCHEME.match(cleaned)
    return "" if scheme and scheme[1].lower() not in _SAFE_SCHEMES else cleaned


def is_own_scheme(address: str) -> bool:
    """Whether an address the author wrote out opens an app (`myshop://offers`): left alone, as it is no data."""
    cleaned = _DROPPED.sub(_dropped, unescaped(address).strip())
    scheme = _SCHEME.match(cleaned)
    return scheme is not None and scheme[1].lower() not in _RUNNING_SCHEMES | {"http", "https"}


def escaped_url(value: Any) -> Markup:
    """A value inside an address whose beginning the author wrote: escaped, without line breaks."""
    text = value if isinstance(value, Markup) else escape("" if value is None else value)
    return text if text.isprintable() else trusted(_DROPPED.sub(_dropped, text))


def _dropped(found: re.Match[str]) -> str:
    return "%20" if found[0] == " " else ""


def safe_path_part(value: Any) -> str:
    """One value inside an address (`?q={{ name }}`), percent-encoded so that it cannot become another parameter."""
    return quote("" if value is None else str(value), safe="")

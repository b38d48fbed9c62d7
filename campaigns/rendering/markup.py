"""The one place that calls text safe HTML: only for text this package has escaped or checked itself."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup, escape

try:
    from markupsafe._speedups import _escape_inner
except ImportError:  # a pure-Python install

    def _escape_inner(text: str, /) -> str:
        return str(escape(text))


quick_escape: Callable[[str], str] = _escape_inner  # for exactly `str`, without making it a Markup


def trusted(text: str) -> Markup:
    """Text that is HTML already."""
    return Markup(text)  # noqa: S704  (callers have escaped or checked it)


def unescaped(text: str) -> str:
    """What escaped text says: `&amp;` becomes `&`."""
    if "&" not in text:
        return str(text)
    if text.count("&") == text.count("&amp;"):
        return str(text).replace("&amp;", "&")
    return Markup(text).unescape()  # noqa: S704  (goes back to plain text)

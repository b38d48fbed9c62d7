"""MJML to HTML by mrml, with what mrml leaves out: inline styles, and errors that name a line."""

from __future__ import annotations

import re
from functools import lru_cache

from css_inline import CSSInliner
from mjml import mjml2html

from campaigns.rendering.problems import TemplateProblem

_INLINE_STYLE = re.compile(r"<mj-style\b[^>]*\binline\s*=\s*[\"']inline[\"'][^>]*>(.*?)</mj-style>", re.DOTALL)
_POSITION = re.compile(r"position (\d+)")


class MjmlProblem(TemplateProblem):
    """mrml refused the MJML; `position` is the character it stumbled over, or -1."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(what)
        self.position = position


def html_from_mjml(source: str) -> str:
    """The HTML of an MJML document; `<mj-style inline="inline">` is moved into the elements' own `style`."""
    css = "\n".join(_INLINE_STYLE.findall(source))
    try:
        html = mjml2html(_INLINE_STYLE.sub("", source) if css else source)
    except ValueError as refusal:
        raise _problem(str(refusal)) from refusal
    return inlined(html, css) if css else html


def inlined(html: str, css: str) -> str:
    """The document with `css` written into the `style` attributes it applies to."""
    return _inliner(css).inline(html)


@lru_cache(maxsize=64)
def _inliner(css: str) -> CSSInliner:
    return CSSInliner(
        inline_style_tags=False,
        keep_style_tags=True,
        keep_link_tags=True,
        load_remote_stylesheets=False,
        extra_css=css,
    )


def _problem(refusal: str) -> MjmlProblem:
    found = _POSITION.search(refusal)
    return MjmlProblem(f"invalid MJML: {refusal.removesuffix(' in root template')}", int(found[1]) if found else -1)

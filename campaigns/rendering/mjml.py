"""MJML to HTML by mrml, with what mrml leaves out: inline styles, and errors that name a line."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from css_inline import CSSInliner
from mjml import mjml2html

from campaigns.rendering.problems import TemplateProblem
from campaigns.rendering.structure import first_fault

_INLINE_STYLE = re.compile(r"<mj-style\b[^>]*\binline\s*=\s*[\"']inline[\"'][^>]*>(.*?)</mj-style>", re.DOTALL)
_TAG = re.compile(r"<[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.DOTALL)
_ATTRIBUTE = re.compile(r"(?P<before>\s[\w:.-]+\s*=\s*)(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')")
_TITLE = re.compile(r"(<mj-title\b[^>]*>)([^<]*)")
_AWKWARD = re.compile(r"[\"\\]|[^\x20-\x7e]")
_ESCAPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Mc", "Me"})
_EXTENDING = frozenset("\u115f\u1160\u3164\uffa0\uff9e\uff9f")  # letters that Rust takes for signs
_LARGE = re.compile(r"</?[A-Z][A-Za-z0-9]*(?=[\s/>])")  # HTML does not mind, mrml does
_DASHED = re.compile(r"<!--(?P<said>.*?)-->", re.DOTALL)
_POSITION = re.compile(r"position (\d+)")


class MjmlProblem(TemplateProblem):
    """This is not MJML; `position` is the character where it goes wrong, or -1."""

    def __init__(self, what: str, position: int, *, tag: str = "", fix: str = "") -> None:
        super().__init__(what, tag=tag, fix=fix)
        self.position, self.fault = position, what


def check_structure(source: str) -> None:
    """Raises MjmlProblem for what mrml would refuse without a word, or accept and render as nonsense."""
    fault = first_fault(source)
    if fault is not None:
        raise MjmlProblem(fault.what, fault.position, tag=fault.tag, fix=fault.fix)


def html_from_mjml(source: str) -> str:
    """The HTML of an MJML document; `<mj-style inline="inline">` is moved into the elements' own `style`."""
    css = "\n".join(_INLINE_STYLE.findall(source)) if "inline" in source else ""
    try:
        source = _LARGE.sub(lambda found: found[0].lower(), with_plain_comments(source))
        html = mjml2html(encoded_attributes(_INLINE_STYLE.sub("", source) if css else source), fonts={})
    except ValueError as refusal:
        raise _problem(str(refusal), source) from refusal
    except BaseException as panic:  # mrml panics on some input; the panic is no Exception
        if type(panic).__name__ != "PanicException":
            raise
        raise MjmlProblem("the MJML compiler gave up", -1, fix="look for wrong units or values") from panic
    return inlined(html, css) if css else html


def styles_inline(source: str) -> bool:
    """Whether the MJML moves a style sheet into the elements, so that everything depends on everything."""
    return "inline" in source and _INLINE_STYLE.search(source) is not None


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


def _problem(refusal: str, source: str) -> MjmlProblem:
    found = _POSITION.search(refusal)
    position = len(source.encode()[: int(found[1])].decode(errors="ignore")) if found else -1
    tag = source[position : position + 40].partition("\n")[0] if found else ""
    return MjmlProblem(f"invalid MJML: {refusal.partition(' in root template')[0]}", position, tag=tag)


def encoded_attributes(source: str) -> str:
    """The MJML with every character in an attribute that mrml would garble as a numeric reference.

    mrml writes some attributes as Rust does (`\\u{200d}` for a joiner), and a double quote between single ones ends its
    attribute. The title is an attribute too: it comes out once more as the label of the mail.
    """
    source = _TITLE.sub(lambda found: found[1] + _AWKWARD.sub(_reference, found[2]), source)
    return _TAG.sub(lambda tag: _ATTRIBUTE.sub(_encoded_value, tag[0]), source)


def with_plain_comments(source: str) -> str:
    """The MJML with comments as XML wants them: HTML allows two dashes inside, mrml does not."""
    return _DASHED.sub(_plain_comment, source) if "<!--" in source else source


def _plain_comment(found: re.Match[str]) -> str:
    said = re.sub("-(?=-)", " ", found["said"])  # as long as before, so that what is wrong further on keeps its place
    said = f" {said[1:]}" if said.startswith("-") else said
    return f"<!--{said[:-1]} -->" if said.endswith("-") else f"<!--{said}-->"


def _encoded_value(found: re.Match[str]) -> str:
    value = found["double"] if found["double"] is not None else found["single"]
    if not _AWKWARD.search(value):
        return found[0]
    return f'{found["before"]}"{_AWKWARD.sub(_reference, value)}"'


def _reference(found: re.Match[str]) -> str:
    return found[0] if _is_plain(found[0]) else f"&#{ord(found[0])};"


def _is_plain(character: str) -> bool:
    """Whether Rust's `escape_debug` leaves the character alone."""
    return (
        character not in _EXTENDING
        and character not in '"\\'
        and unicodedata.category(character) not in _ESCAPED_CATEGORIES
    )

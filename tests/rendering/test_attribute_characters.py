"""Characters that an MJML compiler garbles in attributes come out as what they are."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from campaigns.rendering import EmailTemplate, RenderContext
from campaigns.rendering.mjml import html_from_mjml

CHARACTERS = {
    "newline": "\n",
    "tab": "\t",
    "double quote": '"',
    "single quote": "'",
    "backslash": "\\",
    "no-break space": "\u00a0",
    "zero-width joiner": "\u200d",
    "zero-width space": "\u200b",
    "emoji selector": "\ufe0f",
    "combining accent": "e\u0301",
    "soft hyphen": "\u00ad",
    "right-to-left mark": "\u200f",
    "line separator": "\u2028",
    "private use": "\ue000",
    "emoji": "👩‍👧",
    "accent": "é",
    "less": "<",
    "ampersand": "&",
    "Arabic": "ليلى",
    "Arabic vowel sign": "\u0628\u064b",
    "Bengali vowel sign": "\u0995\u09be",
    "Tamil vowel sign": "\u0b95\u0bbe",
    "enclosing circle": "a\u20dd",
    "Hangul filler": "\u3164",
    "halfwidth voiced mark": "\uff76\uff9e",
}


class Alts(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name == "alt"]


def _body(alt: str) -> str:
    return (
        f'<mjml><mj-body><mj-section><mj-column><mj-image src="https://x.example/i.png" alt="{alt}" />'
        f'<mj-text><img src="https://x.example/i.png" alt="{alt}" width="1" /></mj-text></mj-column></mj-section></mj-body></mjml>'  # noqa: E501
    )


@pytest.mark.parametrize("name", CHARACTERS)
def test_in_the_template_itself(name: str) -> None:
    sign = CHARACTERS[name]
    written = {'"': "&quot;", "<": "&lt;", "&": "&amp;"}.get(sign, sign)
    assert Alts(html_from_mjml(_body(f"a{written}b"))).found == [f"a{sign}b"] * 2


@pytest.mark.parametrize("name", CHARACTERS)
def test_in_the_data(name: str, write: Callable[..., EmailTemplate], context: RenderContext) -> None:
    sign = CHARACTERS[name]
    changed: Any = {**context, "coupon": {**(context["coupon"] or {}), "code": f"a{sign}b"}}
    template = write(_body("{{ coupon.code }}"))
    assert Alts(template.render(changed).html).found == [f"a{sign}b"] * 2
    if name != "less":  # MJML takes a reference for the sign it stands for
        assert Alts(template.render_uncompiled(changed)).found == [f"a{sign}b"] * 2


def test_a_double_quote_between_single_ones_does_not_end_the_attribute() -> None:
    html = html_from_mjml(_body("x").replace('alt="x"', "alt='say \"hi\"'"))
    assert Alts(html).found == ['say "hi"'] * 2

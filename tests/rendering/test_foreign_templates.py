"""Templates in strangers' manner, and ones written by a grammar, come out as plain Jinja and then MJML would have them.

Unlike the other comparisons this one shares no line with the renderer: Jinja's own environment, then mjml-python.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import jinja2
import mjml
import pytest

from campaigns.rendering import EmailTemplate, TemplateProblem
from tests.rendering.foreign_data import SHOPPERS
from tests.rendering.template_grammar import TemplateGrammar

pytestmark = pytest.mark.slow

FOREIGN = Path(__file__).parent / "samples" / "foreign"
SEEDS = range(16)
IN_TURN = ("plain", "other", "quotes", "markup", "plain", "empty", "plain", "other")
_PLAIN = jinja2.Environment(autoescape=True, undefined=jinja2.ChainableUndefined)


@pytest.fixture(autouse=True)
def soon_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates run as they are for two mails and written out flat from the third, so that all ways are met."""
    monkeypatch.setattr("campaigns.rendering.store.FLATTEN_AFTER", 2)


def by_the_plain_way(source: str, data: dict[str, Any]) -> str:
    """What Jinja and mjml-python make of it; raises what they raise."""
    return mjml.mjml2html(_PLAIN.from_string(source).render(**data), fonts={})


def as_read(html: str) -> str:
    """What a mail client reads: references resolved, and MJML's Rust spelling of rare characters in attributes too."""
    html = re.sub(r"(<[A-Za-z][^\s<>/]*)\s+(?=[A-Za-z:@_])", r"\1 ", html).replace("\nstyle=", " style=")  # our lines
    html = re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), unescape(unescape(html)))
    for spelled, meant in (("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t")):
        html = html.replace(spelled, meant)
    blank = re.sub(r">\s+</(div|p)>", r"></\1>", html)  # MJML drops a text of white space, and we may keep it
    return blank.replace("<!DOCTYPE html>", "<!doctype html>")


@pytest.mark.parametrize("name", sorted(path.stem for path in FOREIGN.glob("*.mjml")))
def test_a_strangers_template_reads_as_by_the_plain_way(name: str, write: Callable[..., EmailTemplate]) -> None:
    source = (FOREIGN / f"{name}.mjml").read_text()
    template = write(source)
    for shopper in [*SHOPPERS, "plain", "other"]:
        data = SHOPPERS[shopper]
        assert as_read(template.render_html(data)) == as_read(by_the_plain_way(source, data)), shopper


@pytest.mark.parametrize("seed", SEEDS)
def test_a_template_by_grammar_reads_as_by_the_plain_way(seed: int, write: Callable[..., EmailTemplate]) -> None:
    source = TemplateGrammar(seed).template()
    template = write(source)
    for shopper in IN_TURN:
        expected, found = outcomes(source, template, SHOPPERS[shopper])
        assert found == expected, f"{shopper}: {source}"


def outcomes(source: str, template: EmailTemplate, data: dict[str, Any]) -> tuple[str, str]:
    """What the plain way makes of it and what we do, each as a client reads it, "refused" where it is none."""
    try:
        expected = as_read(by_the_plain_way(source, data))
    except (jinja2.TemplateError, ValueError, OSError):
        expected = "refused"
    try:
        return expected, as_read(template.render_html(data))
    except TemplateProblem:
        return expected, "refused"


def test_tags_of_extensions_we_do_not_have_are_refused_with_their_place(write: Callable[..., EmailTemplate]) -> None:
    with pytest.raises(TemplateProblem, match=r"mail/body\.mjml:2: Encountered unknown tag 'cache'"):
        write("<mjml><mj-body>\n{% cache 60 %}Hello{% endcache %}</mj-body></mjml>").render_html(SHOPPERS["plain"])

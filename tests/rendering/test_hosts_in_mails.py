"""Opening a mail tells nobody but the shop: no host in it that the shop did not name."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from campaigns.rendering import EmailTemplate, LinkSigner, RenderContext, TemplateStore, shipped_templates

pytestmark = pytest.mark.slow

FONT = '<mj-font name="Inter" href="https://fonts.example/inter.css" />'
BODY = (
    "<mjml><mj-head>{head}</mj-head><mj-body><mj-section><mj-column>"
    '<mj-text font-family="Inter, Ubuntu, Roboto">x</mj-text></mj-column></mj-section></mj-body></mjml>'
)
OWN = {"nordsee.example", "links.nordsee.example"}
NAMED = {"instagram.com"}  # the shop's own account: a link, never loaded
SCHEMA = {"www.w3.org"}  # names of XML vocabularies


def hosts(html: str) -> set[str]:
    return {urlsplit(url).hostname or "" for url in re.findall(r"(?:https?:)?//[A-Za-z0-9.-]+\.[a-z]+", html)}


@pytest.mark.parametrize("name", TemplateStore([shipped_templates()]).names())
def test_shipped_templates_name_no_stranger(
    name: str, context_with: Callable[..., RenderContext], signer: LinkSigner
) -> None:
    template = TemplateStore([shipped_templates()], links=signer).get(name)
    for lines in (1, 3, 12):
        html = template.render(context_with(lines=lines)).html
        assert hosts(html) <= OWN | NAMED | SCHEMA
        assert "@import" not in html


def test_a_font_is_loaded_only_where_the_template_asks_for_it(
    write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    assert hosts(write(BODY.format(head="")).render(context).html) <= SCHEMA


def test_a_font_the_template_asks_for_is_loaded(write: Callable[..., EmailTemplate], context: RenderContext) -> None:
    html = write(BODY.format(head=FONT)).render(context).html
    assert html.count("https://fonts.example/inter.css") == 2
    assert "googleapis" not in html

"""Line breaks inside tags: a browser reads the same document, and a mail needs no transfer encoding."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from campaigns.delivery.inbox import parse_mail
from campaigns.delivery.mime import compose
from campaigns.domain.message import Address, OutboundMail, RenderedEmail
from campaigns.rendering import RenderContext, TemplateStore, profile_context, shipped_templates
from campaigns.rendering.folding import folded

pytestmark = pytest.mark.slow

STAYING = [
    "<!-- <td class='x'> --><b>x</b>",
    "<textarea><td class='x'></textarea>",
    "<title>a <b class='x'></title>",
    "<script>if (a <b && c) d()</script>",
    "a <b and c",
    "<td>x</td></td >",
    "<p <q class='x'",
    "<style>a > b { top: 1px } @media (width <= 9px) {}</style>",
]


class Document(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[object] = []
        self.feed(html.replace("\r\n", "\n").rstrip("\n"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.seen.append(data)

    def handle_comment(self, data: str) -> None:
        self.seen.append(f"!{data}")


@pytest.mark.parametrize("html", STAYING)
def test_what_is_no_tag_with_attributes_stays_as_it_is(html: str) -> None:
    assert folded(html) == html


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<td style="a < b">x</td>', '<td\nstyle="a < b">x</td>'),
        ("<a  \n title='a\"><b c'>", "<a\ntitle='a\"><b c'>"),
        ("<STYLE type='text/css'>/* <b> */</STYLE><p id=x>", "<STYLE type='text/css'>/* \\3c b> */</STYLE><p\nid=x>"),
        ('<b title=" style=" STYLE="x" id=y>', '<b\ntitle=" style="\nSTYLE="x" id=y>'),
        ("<v:rect href='x'/>", "<v:rect\nhref='x'/>"),
    ],
)
def test_a_line_breaks_after_the_name_of_a_tag(html: str, expected: str) -> None:
    assert folded(html) == expected
    assert folded(expected) == expected


@pytest.mark.parametrize("locale", ["en", "de", "fr"])
@pytest.mark.parametrize("name", TemplateStore([shipped_templates()]).names())
def test_shipped_mails_travel_as_they_are_written(
    name: str, locale: str, context_with: Callable[..., RenderContext]
) -> None:
    reader = profile_context(profile_id="1", first_name="Zoë", locale=locale)
    context = context_with(profile=reader, lines=12)
    context["links"]["cart"] = f"https://links.nordsee.example/r/1-1/AAAA?u={'https%3A%2F%2Fnordsee.example' * 22}"
    email = TemplateStore([shipped_templates()]).get(name).render(context)
    mail = OutboundMail(
        message_ref="1-1",
        sender=Address("news@shop.example"),
        recipient=Address("zoe@mail.example"),
        email=RenderedEmail(email.subject, email.preheader, email.html, ""),
        campaign_id=name,
        shop_id="shop",
    )

    message = parse_mail(compose(mail, datetime(2026, 3, 1, tzinfo=UTC)).content)

    assert message["content-transfer-encoding"] == "7bit"
    assert not email.html.isascii()
    assert Document(message.get_content()).seen == Document(email.html).seen

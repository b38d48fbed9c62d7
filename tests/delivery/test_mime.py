"""Our MIME bytes say the same to the standard library's parser as what went in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.delivery.headers import UnsafeMail, address_spec
from campaigns.delivery.inbox import parse_mail
from campaigns.delivery.mime import compose, find_message_ref, message_id
from campaigns.domain.message import Address, OutboundMail, RenderedEmail

AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
MAIL = OutboundMail(
    message_ref="1234-1",
    sender=Address("news@shop.example", "The Tea Shop"),
    recipient=Address("ann@mail.example", "Ann"),
    email=RenderedEmail("Still thinking about it?", "", "<p>Your cart</p>\n", "Your cart\n"),
    campaign_id="abandoned_cart",
    shop_id="tea",
    unsubscribe_url="https://shop.example/u/abc",
    unsubscribe_mailto="unsubscribe+abc@shop.example",
)

visible_text = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)
names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=11)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=500)
local_parts = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\.[a-z0-9-]{1,20}){0,2}", fullmatch=True)


def parsed(mail: OutboundMail) -> EmailMessage:
    message = parse_mail(compose(mail, AT).content)
    assert [part.defects for part in message.walk()] == [[] for _ in message.walk()]
    return message


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return part.get_content()


def unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(subject=visible_text, sender_name=names, recipient_name=names, html=any_text, text=any_text)
def test_what_goes_in_is_what_a_mail_client_reads(
    subject: str, sender_name: str, recipient_name: str, html: str, text: str
) -> None:
    mail = replace(
        MAIL,
        sender=Address("news@shop.example", sender_name),
        recipient=Address("ann@mail.example", recipient_name),
        email=RenderedEmail(subject, "", "<p>" + html, "." + text),
    )

    message = parsed(mail)

    assert message["subject"] == subject
    assert message["from"].addresses[0].display_name == " ".join(sender_name.split())
    assert message["to"].addresses[0].display_name == " ".join(recipient_name.split())
    assert message["to"].addresses[0].addr_spec == "ann@mail.example"
    assert read_by_a_browser(body(message, "html")) == read_by_a_browser("<p>" + html)
    assert unix_lines(body(message, "plain")) == unix_lines("." + text)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(local=local_parts, ref=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
def test_addresses_and_references_survive(local: str, ref: str) -> None:
    mail = replace(MAIL, recipient=Address(f"{local}@mail.example"), message_ref=ref)

    message = parsed(mail)

    assert message["to"].addresses[0].addr_spec == f"{local}@mail.example"
    assert find_message_ref(message["message-id"]) == ref
    assert find_message_ref(message_id(mail)) == ref


@settings(deadline=None, max_examples=60)
@given(html=st.text(max_size=1000), subject=visible_text)
def test_lines_stay_within_the_limits_of_every_server(html: str, subject: str) -> None:
    content = compose(replace(MAIL, email=RenderedEmail(subject, "", html, html)), AT).content

    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r")


PIECES = st.lists(
    st.sampled_from(
        [
            *('<a\nhref="', '">', "<br />", "</td><td\nstyle='", "'>", "<title>", "</title>", "<p>", "</p>"),
            *("<style>", "</style>", "<STYLE>", "<noscript>", "</noscript>", "<!--[if mso]><td>", "<![endif]-->"),
            *("<!--", "-->", "€", "é 🎁", "\x85", "\ufffe", "&#8364;", "&", "<", "x" * 700, " ", "\r\n", "\n", "."),
        ]
    ),
    max_size=40,
)


class Browser(HTMLParser):
    """What a browser makes of HTML: tags, texts and style sheets; what is in comments only Outlook reads, as HTML.
    Attributes with names outside ASCII do nothing anywhere."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[object] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, [(unescape(name), value) for name, value in attrs]))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        self.seen.append(data)

    def handle_comment(self, data: str) -> None:
        self.seen.append(unescape(data))

    handle_decl = unknown_decl = handle_pi = handle_comment


def read_by_a_browser(html: str) -> list[object]:
    browser = Browser()
    browser.feed(unix_lines(html))
    browser.close()
    return browser.seen


@pytest.mark.slow
@settings(deadline=None, max_examples=600)
@example(pieces=["<style>", '<a\nhref="', "€", "</style>"])
@given(pieces=PIECES)
def test_signs_that_become_references_are_read_as_themselves(pieces: list[str]) -> None:
    html = "<p>" + "".join(pieces)
    content = compose(replace(MAIL, email=RenderedEmail("Hi", "", html, "Hi")), AT).content

    assert read_by_a_browser(body(parse_mail(content), "html")) == read_by_a_browser(html)
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 998


@pytest.mark.parametrize(
    ("html", "encoding"),
    [
        ('<p\ntitle="é">12 €</p>', "7bit"),
        ("<style>p::after { content: '€' }</style><p>x</p>", "quoted-printable"),
        ("<!-- é --><p>x</p>", "quoted-printable"),
        ("<style>\n.a { color: red } <a\nhref='€'></style><p>x</p>", "quoted-printable"),
        ("<STYLE>\n<p>é</p></style><p>x</p>", "quoted-printable"),
        ("<style>a > b { color: red }</style><p>é</p><style>p { margin: 0 }</style>", "7bit"),
        ("<p>\x85</p>", "quoted-printable"),
        ("<p>\0</p>", "quoted-printable"),
        (f"<p>{'x' * 991}</p>", "quoted-printable"),
        (f"<p>{'x' * 500}\n€ {'x' * 500}</p>", "7bit"),
        (f"<p>{'шапка ' * 50}</p>", "base64"),
        (f"<p>{'x' * 400}{'é' * 90}</p>", "quoted-printable"),
    ],
)
def test_html_is_7bit_where_nothing_is_lost_by_it(html: str, encoding: str) -> None:
    message = parsed(replace(MAIL, email=RenderedEmail("Hi", "", html, "")))

    assert message["content-transfer-encoding"] == encoding
    assert read_by_a_browser(message.get_content().strip()) == read_by_a_browser(html)


@pytest.mark.parametrize(
    ("text", "encoding"), [("a\nb", "7bit"), ("12 € for all", "quoted-printable"), ("x" * 991, "quoted-printable")]
)
def test_text_is_7bit_where_it_is_ascii(text: str, encoding: str) -> None:
    message = parsed(replace(MAIL, email=RenderedEmail("Hi", "", "", text)))

    assert message["content-transfer-encoding"] == encoding
    assert unix_lines(message.get_content()).rstrip("\n") == text


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@evil.example", "a\nb", "a\rb", "a\0b"])
def test_a_line_break_in_any_header_value_is_refused(bad: str) -> None:
    for mail in (
        replace(MAIL, email=replace(MAIL.email, subject=bad)),
        replace(MAIL, sender=Address("news@shop.example", bad)),
        replace(MAIL, recipient=Address("ann@mail.example", bad)),
        replace(MAIL, recipient=Address(f"{bad}@mail.example")),
        replace(MAIL, recipient=Address(f"ann@{bad}")),
        replace(MAIL, reply_to=Address("a@b.example", bad)),
        replace(MAIL, unsubscribe_url=f"https://shop.example/{bad}"),
        replace(MAIL, unsubscribe_mailto=bad),
        replace(MAIL, message_ref=bad),
    ):
        with pytest.raises(UnsafeMail):
            compose(mail, AT)


def test_identifiers_cannot_break_out_of_their_header() -> None:
    message = parsed(replace(MAIL, campaign_id="a\r\nb: c", shop_id="x>,<y"))

    assert message["feedback-id"] == "a-b-c:x-y:triggered:rekindle"
    assert message["list-id"] == "<a-b-c.x-y.shop.example>"


@pytest.mark.parametrize(
    "address",
    ["", "ann", "ann@", "@b.example", "a b@c.example", "a@b@c.example", "<a@b.example>", "a,b@c.example", "a@b..c",
     "a..b@c.example", ".a@c.example", "a@-b.example", f"{'a' * 65}@b.example", "a@b.example, c@d", "a\u2028@b.c"],
)  # fmt: skip
def test_what_is_not_one_mailbox_is_refused(address: str) -> None:
    with pytest.raises(UnsafeMail, match="is not a mail"):
        address_spec(address)


def test_a_long_name_is_cut_between_characters() -> None:
    name = "Gräfin Ottilie von Löwenstein-Wertheim-Freudenberg zu Großbüllesheim"
    head = compose(replace(MAIL, recipient=Address("ann@mail.example", name)), AT).content.partition(b"\r\nSubject")[0]
    value = head.decode("ascii").partition("\r\nTo: ")[2]

    assert str(make_header(decode_header(value))) == f"{name} <ann@mail.example>"
    assert max(len(line) for line in value.split("\r\n")) <= 100


def test_an_international_domain_needs_no_special_server() -> None:
    composed = compose(replace(MAIL, recipient=Address("ann@bücher.example", "Ann Müller")), AT)

    assert composed.envelope_to == "ann@xn--bcher-kva.example"
    assert not composed.needs_smtputf8
    assert composed.content.isascii()


def test_only_an_international_local_part_needs_smtputf8() -> None:
    mail = replace(MAIL, recipient=Address("żółw@mail.example"))

    assert compose(mail, AT).needs_smtputf8
    assert parsed(mail)["to"].addresses[0].addr_spec == "żółw@mail.example"


def test_the_headers_of_a_triggered_mail() -> None:
    message = parsed(MAIL)

    assert message["date"].datetime == AT
    assert message["message-id"] == "<rekindle.1234-1@shop.example>"
    assert message["list-unsubscribe"] == "<https://shop.example/u/abc>, <mailto:unsubscribe+abc@shop.example>"
    assert message["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert message["list-id"] == "<abandoned_cart.tea.shop.example>"
    assert message["feedback-id"] == "abandoned_cart:tea:triggered:rekindle"
    assert message["auto-submitted"] == "auto-generated"
    assert message["x-rekindle-message"] == "1234-1"
    assert message["x-rekindle-test"] is None
    assert [part.get_content_type() for part in message.walk()] == ["multipart/alternative", "text/plain", "text/html"]


def test_one_click_is_promised_over_https_only() -> None:
    message = parsed(replace(MAIL, unsubscribe_url="http://localhost:8025/u/abc", unsubscribe_mailto=""))

    assert message["list-unsubscribe"] == "<http://localhost:8025/u/abc>"
    assert message["list-unsubscribe-post"] is None


def test_a_test_mail_says_so() -> None:
    message = parsed(replace(MAIL, is_test=True))

    assert message["subject"] == "[Test] Still thinking about it?"
    assert message["x-rekindle-test"] == "yes"
    assert message["feedback-id"] == "abandoned_cart:tea:test:rekindle"


def test_the_same_mail_gives_the_same_bytes_but_for_its_date() -> None:
    later = datetime(2026, 3, 2, tzinfo=UTC)

    assert compose(MAIL, AT) == compose(MAIL, AT)
    assert compose(MAIL, AT).message_id == compose(MAIL, later).message_id


@pytest.mark.parametrize("email", [RenderedEmail("S", "", "<p>only</p>", ""), RenderedEmail("S", "", "", "only")])
def test_a_mail_with_one_body_has_one_part(email: RenderedEmail) -> None:
    message = parsed(replace(MAIL, email=email))

    assert not message.is_multipart()
    assert "only" in message.get_content()


@pytest.mark.parametrize("foreign", ["", "<>", "<abc@shop.example>", "<rekindle.@x>", "<rekindle64.%%%@x>", "rekindle"])
def test_a_message_id_of_somebody_else_has_no_reference(foreign: str) -> None:
    assert find_message_ref(foreign) is None

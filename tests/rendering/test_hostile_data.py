"""What hostile data must not do in a mail: be a template, markup, a script, a style, a header."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from campaigns.domain.product import Product
from campaigns.rendering import (
    EmailTemplate,
    RenderContext,
    cart_context,
    line_context,
    product_context,
    profile_context,
    slot_item,
)


@pytest.mark.parametrize(
    "name",
    [
        "{{ 7 * 7 }}",
        "{% for x in range(9) %}x{% endfor %}",
        "<script>alert(1)</script>",
        "RKHOLE00000X",
        "\uf8f0",
        "\uf8f1a:1\uf8f2",
    ],
)
def test_data_is_never_template_markup_or_hole(
    name: str, write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = write(
        "<mjml><mj-body><mj-section><mj-column><mj-text><i>{{ profile.first_name }}</i> {{ cart.count }}</mj-text>"
        "</mj-column></mj-section></mj-body></mjml>",
        subject="{{ profile.first_name }}",
    )
    context = context_with(profile=profile_context(profile_id="1", first_name=name))
    email = template.render(context)
    assert "49" not in email.subject
    assert "<script" not in email.html
    assert "xxxxxxxxx" not in email.html
    if name.startswith(("R", "{")):
        assert name in email.html
    assert (
        f">{context['cart']['count']}<" in email.html.replace(" ", ">", 0)
        or str(context["cart"]["count"]) in email.html
    )


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "java\tscript:alert(1)",
        "\x01javascript:alert(1)",
        "java\u200bscript:alert(1)",
        "&#106;avascript:alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://x/1",
        'https://x.example/" onclick="alert(1)',
        "https://x.example/'><script>alert(1)</script>",
    ],
)
@pytest.mark.parametrize(
    "source",
    [
        '<mj-text><a href="{{ cart.url }}">x</a></mj-text>',
        '<mj-button href="{{ cart.url }}">x</mj-button>',
        '<mj-image src="{{ cart.url }}" href="{{ cart.url }}" alt="x" />',
        "<mj-text><a href='{{ cart.url }}'>x</a><img src='{{ cart.url }}' alt='' width='1' /></mj-text>",
        '<mj-text><a href="{{ cart.url[:4] }}{{ cart.url[4:] }}">x</a></mj-text>',
        '<mj-text><a href="{% if cart %}{{ cart.url }}{% endif %}">x</a></mj-text>',
        '<mj-text><div style="background:url({{ cart.url }})">x</div></mj-text>',
        '<mj-text><div style="{{ cart.url }}">x</div></mj-text>',
        '<mj-text><!--[if mso]><v:roundrect href="{{ cart.url }}"></v:roundrect><![endif]--></mj-text>',
    ],
)
def test_addresses_that_run_or_show_content_are_neutralised(
    source: str, address: str, write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    template = write(f"<mjml><mj-body><mj-section><mj-column>{source}</mj-column></mj-section></mj-body></mjml>")
    hostile: Any = {**context, "cart": {**context["cart"], "url": address}}
    html = template.render(hostile).html.lower()
    for sign in (
        "javascript:",
        "vbscript:",
        "data:text",
        "file:",
        "blob:",
        '" onclick="',
        "<script",
        "java\nscript",
        "java\tscript",
    ):
        assert sign not in html.replace("\u200b", "")


@pytest.mark.parametrize(
    "value",
    [
        "red;background:url(https://evil.example/x.png)",
        "expression(alert(1))",
        "url(javascript:alert(1))",
        'red" onmouseover="alert(1)',
        "red;}</style><script>alert(1)</script>",
        "re\\64;position:fixed",
        "@import url(https://evil.example)",
    ],
)
def test_css_values_stay_values(value: str, in_text: Callable[[str], EmailTemplate], context: RenderContext) -> None:
    template = in_text('<p style="color:{{ coupon.code }};top:{{ coupon.code }}">x</p>')
    hostile: Any = {**context, "coupon": {**context["coupon"], "code": value}}
    html = template.render(hostile).html
    for sign in ("evil.example", "expression", 'onmouseover="', "<script", "position:fixed"):
        assert sign not in html


@pytest.mark.parametrize("sign", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x00", "\x85"])
def test_names_cannot_add_headers(
    sign: str, write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = write(
        "<mjml><mj-body></mj-body></mjml>", subject="Hi {{ profile.first_name }}!", preheader="{{ profile.first_name }}"
    )
    profile = profile_context(profile_id="1", first_name=f"Ann{sign}Bcc: all@x.example")
    email = template.render(context_with(profile=profile))
    assert email.subject == "Hi Ann Bcc: all@x.example!"
    assert email.preheader == "Ann Bcc: all@x.example"


@pytest.mark.parametrize("sign", ["\u202e", "\u202d", "\u202a", "\ufeff"])
def test_no_name_turns_a_line_of_the_inbox_around(
    sign: str, write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = write("<mjml><mj-body></mj-body></mjml>", subject="{{ profile.traits.nick }} wrote")
    email = template.render(context_with(profile=profile_context(profile_id="1", traits={"nick": f"{sign}fdp.exe"})))
    assert email.subject == "fdp.exe wrote"


def test_an_isolate_that_a_name_opens_ends_with_the_line(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = write("<mjml><mj-body></mj-body></mjml>", subject="{{ profile.first_name }} wrote")
    for name, left in (("\u2067ab", 1), ("\u2067ab\u2069", 0)):
        subject = template.render(context_with(profile=profile_context(profile_id="1", first_name=name))).subject
        assert subject == f"{name} wrote" + "\u2069" * left


NO_WORDS = "A\x00B\x1b\ud800C\u202eD"


def test_what_is_no_text_reaches_no_part_of_a_mail(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    product = Product("p", NO_WORDS, category=NO_WORDS, brand=NO_WORDS, price_minor=100)
    line = line_context(product, variant=NO_WORDS)
    context = context_with(
        profile=profile_context(profile_id="1", first_name=NO_WORDS, last_name=NO_WORDS),
        cart=cart_context([line], currency="EUR"),
        slots={"a": {"title": "", "items": [slot_item(product, reason=NO_WORDS)]}},
    )
    words = "{{ profile.first_name }}|{{ profile.last_name }}|{% for each in [cart.lines[0], slots.a['items'][0]] %}"
    words += "{{ each.title }}|{{ each.category }}|{{ each.brand }}|{% endfor %}{{ cart.lines[0].variant }}"
    words += "|{{ slots.a['items'][0].reason }}"
    email = write(f"<mjml><mj-body><mj-raw>{words}</mj-raw></mj-body></mjml>", subject=words, text=words).render(
        context
    )
    assert set(email.text.strip().split("|")) == {"A B  CD"} and set(email.subject.split("|")) == {"A B CD"}
    for part in (email.subject, email.text, email.html):
        part.encode("utf-8")
        assert not {"\x00", "\x1b", "\u202e"} & set(part)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JAVA\tSCRIPT:alert(1)",
        "\x01javascript:alert(1)",
        "\u2003javascript:alert(1)",
        "javascript\u200d:alert(1)",
        "DATA:text/html;base64,x",
        "vbscript:x",
        "view-source:javascript:x",
    ],
)
def test_the_text_part_shows_no_address_that_runs(
    address: str, write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    product = Product("p", "Chair", url=address, image_url=address)
    cart = cart_context([line_context(product)], currency="EUR", url=address)
    words = "[{{ cart.url }}][{{ cart.lines[0].url }}][{{ cart.lines[0].image_url }}]"
    email = write("<mjml><mj-body></mj-body></mjml>", text=words).render(context_with(cart=cart))
    assert email.text.strip() == "[][][]"


def test_an_address_of_the_shop_stays_as_it_is_but_on_one_line() -> None:
    for given, kept in (
        ("https://shop.example/a?b=1&c=ü", "https://shop.example/a?b=1&c=ü"),
        ("https://shop.example/a\r\nb", "https://shop.example/ab"),
        ("/relative path", "/relative%20path"),
        ("mailto:a@b.example", "mailto:a@b.example"),
        ("", ""),
    ):
        assert product_context(Product("p", "x", url=given))["url"] == kept

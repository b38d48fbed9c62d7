"""Links that only the workspace can make, and that lead where they were made to lead."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rendering import EmailTemplate, LinkKind, LinkSigner, RenderContext, SignedLink, Utm, links_context

TARGET = "https://nordsee.example/p/1?a=1&b=ü#top"


def test_a_click_leads_to_its_target(signer: LinkSigner) -> None:
    assert signer.read(signer.click(TARGET, "1234-1")) == SignedLink(LinkKind.CLICK, "1234-1", TARGET)


@pytest.mark.slow
@given(target=st.text(max_size=200), ref=st.from_regex(r"[0-9]{1,9}-[0-9]{1,2}", fullmatch=True))
def test_every_target_comes_back_whole(target: str, ref: str) -> None:
    signer = LinkSigner(b"0123456789abcdef", "https://l.example/mail")
    link = signer.read(signer.click(target, ref))
    assert link is not None
    assert (link.message_ref, link.target) == (ref, target)


@pytest.mark.parametrize(
    ("what", "by"),
    [
        ("/c/", "/r/"),
        ("1234-1", "1234-2"),
        ("nordsee.example", "evil.example"),
        ("%3Fa%3D1", "%3Fa%3D2"),
        ("?u=", "?v="),
    ],
)
def test_a_changed_link_is_none(what: str, by: str, signer: LinkSigner) -> None:
    link = signer.click(TARGET, "1234-1")
    assert what in link.removeprefix(signer.base_url) or what in link
    head, tail = link[: len(signer.base_url)], link[len(signer.base_url) :]
    assert signer.read(head + tail.replace(what, by)) is None


def test_one_link_cannot_become_another(signer: LinkSigner) -> None:
    signature = signer.unsubscribe("1-1").rsplit("/", 1)[1]
    assert signer.verify("u", "1-1", signature) is not None
    for kind in ("p", "w", "o", "c", "r", "x", ""):
        assert signer.verify(kind, "1-1", signature) is None
    assert signer.verify("u", "1-1", signature[:-1]) is None
    assert signer.verify("u", "1-1", "ü" * 16) is None
    assert signer.verify("u", "1-1", signature, "https://x.example") is None


def test_links_of_a_former_secret_still_work(signer: LinkSigner) -> None:
    old = LinkSigner(b"the former secret of ours", signer.base_url)
    both = LinkSigner(signer.secret, signer.base_url, former_secrets=[old.secret])
    assert both.read(old.unsubscribe("1-1")) is not None
    assert signer.read(old.unsubscribe("1-1")) is None
    assert signer.read("https://links.nordsee.example/robots.txt") is None


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        LinkSigner(b"short", "https://x.example")
    assert "secret" not in repr(LinkSigner(b"0123456789abcdef", "https://x.example")).replace("former_secrets", "")


def test_the_links_of_a_mail_are_short_and_readable(signer: LinkSigner) -> None:
    links = links_context(signer, "1234-1", cart_url="https://nordsee.example/cart")
    for name, kind in (("unsubscribe", "u"), ("preferences", "p"), ("web_version", "w"), ("cart", "r")):
        link = signer.read(links[name])  # type: ignore[literal-required]
        assert link is not None
        assert link.kind == kind
    assert len(links["unsubscribe"]) < 80


def test_utm_is_added_once_and_only_what_is_missing() -> None:
    utm = Utm(source="shop", medium="email")
    assert utm.added("https://x.example/?a=1#f", campaign="cart", content="1-a") == (
        "https://x.example/?a=1&utm_source=shop&utm_medium=email&utm_campaign=cart&utm_content=1-a#f"
    )
    assert utm.added("https://x.example/?utm_source=own", campaign="c").count("utm_source") == 1


def test_rendering_tracks_external_links_and_leaves_the_rest(
    write: Callable[..., EmailTemplate], context: RenderContext, signer: LinkSigner
) -> None:
    body = """<mjml><mj-body><mj-section><mj-column><mj-text>
    <a href="{{ cart.lines[0].url }}">product</a><a href="https://stranger.example/x">stranger</a>
    <a href="{{ links.unsubscribe }}">u</a><a href="mailto:{{ shop.support_email }}">m</a><a href="#top">t</a>
    </mj-text><mj-button href="{{ cart.url }}">cart</mj-button><mj-image src="{{ shop.logo_url }}" alt="" />
    </mj-column></mj-section></mj-body></mjml>"""
    html = write(body, tracked=True).render(context).html
    hrefs = [unescape(each) for each in re.findall(r'href="([^"]*)"', html) if "fonts.google" not in each]
    links = [signer.read(href) if href.startswith(signer.base_url) else None for href in hrefs]
    product, stranger, unsubscribe, mail, top, cart = hrefs
    assert links[0] is not None and links[0].target.startswith(
        "https://nordsee.example/p/0?a=1&b=2&utm_source=rekindle"
    )
    assert links[1] == SignedLink(LinkKind.CLICK, "1234-1", "https://stranger.example/x")
    assert unsubscribe == context["links"]["unsubscribe"]
    assert (mail, top) == ("mailto:help@nordsee.example", "#top")
    assert links[5] is not None and "utm_campaign=abandoned_cart" in links[5].target
    assert f'src="{context["shop"]["logo_url"]}"' in html
    assert product and stranger and cart


@pytest.mark.parametrize("address", ["myshop://offers", "whatsapp://send?text=x", "facetime:ann@x.example"])
def test_an_address_for_an_app_that_the_author_wrote_stays(
    address: str, write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    source = f'<mjml><mj-body><mj-raw><a href="{address}">x</a></mj-raw></mj-body></mjml>'
    assert f'href="{address}"' in write(source, tracked=True).render(context).html


@pytest.mark.parametrize("address", ["javascript:alert(1)", "JAVA&#115;cript:x", "data:text/html,x", " vbscript:x"])
def test_an_address_that_runs_something_goes_whoever_wrote_it(
    address: str, write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    source = f'<mjml><mj-body><mj-raw><a href="{address}">x</a></mj-raw></mj-body></mjml>'
    assert 'href="#"' in write(source, tracked=True).render(context).html

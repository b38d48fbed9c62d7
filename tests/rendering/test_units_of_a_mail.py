"""Mails whose lines differ by recipient: put together from units, and still what MJML would have given."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from campaigns.domain.product import Product
from campaigns.rendering import (
    EmailTemplate,
    RenderContext,
    TemplateStore,
    cart_context,
    line_context,
    shipped_templates,
)
from campaigns.rendering.running import FLATTEN_AFTER
from campaigns.rendering.structure import COMPONENTS

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parent / "samples"
CARTS = 25
# https://documentation.mjml.io
OFFICIAL = """
mjml mj-head mj-body mj-include mj-attributes mj-all mj-class mj-breakpoint mj-font mj-html-attributes mj-selector
mj-html-attribute mj-preview mj-style mj-title mj-accordion mj-accordion-element mj-accordion-title mj-accordion-text
mj-button mj-carousel mj-carousel-image mj-column mj-divider mj-group mj-hero mj-image mj-navbar mj-navbar-link mj-raw
mj-section mj-social mj-social-element mj-spacer mj-table mj-text mj-wrapper
"""
NOT_RENDERED = {"mj-include"}  # becomes Jinja's include before MJML sees it


def varied_cart(seed: int, context_with: Callable[..., RenderContext], lines: int = 12) -> RenderContext:
    """Lines of which some are reduced, some without picture, some several."""
    chance = random.Random(seed)
    return context_with(
        cart=cart_context(
            [line_context(_product(number, chance), quantity=chance.choice([1, 1, 2])) for number in range(lines)],
            currency="EUR",
            url="https://nordsee.example/cart",
        )
    )


def _product(number: int, chance: random.Random) -> Product:
    price = chance.randrange(900, 9_000)
    return Product(
        f"p{number}",
        f"Chair & <{chance.random()}>",
        url=f"https://nordsee.example/p/{number}?a=1&b=2",
        image_url="" if chance.random() < 0.3 else f"https://nordsee.example/i/{number}.png",
        price_minor=price,
        list_price_minor=price + 500 if chance.random() < 0.5 else None,
    )


def as_read(html: str) -> str:
    return unescape(unescape(html))


def warmed(template: EmailTemplate, context: RenderContext) -> EmailTemplate:
    for _ in range(FLATTEN_AFTER + 1):
        template.render_html(context)
    return template


@pytest.mark.parametrize("name", ["abandoned_cart", "post_purchase_review"])
def test_shipped_templates_with_varied_carts(name: str, context_with: Callable[..., RenderContext]) -> None:
    template = warmed(TemplateStore([shipped_templates()]).get(name), context_with())
    for seed in range(CARTS):
        context = varied_cart(seed, context_with, lines=1 + seed % 12)
        assert template.render(context).html == template.render_uncompiled(context)


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("[!_]*.mjml")))
def test_samples_with_varied_carts(name: str, tmp_path: Path, context_with: Callable[..., RenderContext]) -> None:
    shutil.copytree(SAMPLES, tmp_path / "samples")
    (tmp_path / "sample").mkdir()
    for part in ("subject.txt", "preheader.txt", "body.txt"):
        (tmp_path / "sample" / part).write_text("x")
    shutil.copy(SAMPLES / name, tmp_path / "sample" / "body.mjml")
    template = warmed(TemplateStore([tmp_path]).get("sample"), context_with())
    for seed in range(CARTS // 2):
        context = varied_cart(seed, context_with, lines=1 + seed % 5)
        assert as_read(template.render(context).html) == as_read(template.render_uncompiled(context))


def test_new_mixtures_of_known_lines_compile_nothing(context_with: Callable[..., RenderContext]) -> None:
    store = TemplateStore([shipped_templates()])
    template = warmed(store.get("abandoned_cart"), context_with())
    for seed in range(100):
        template.render_html(varied_cart(seed, context_with))
    compiled = store.compiler.compiled
    for seed in range(100, 130):
        template.render_html(varied_cart(seed, context_with))
    assert store.compiler.compiled == compiled


def test_the_samples_use_every_component() -> None:
    used = set(re.findall(r"<(mj[a-z-]+)", "".join(path.read_text() for path in SAMPLES.glob("*.mjml"))))
    assert used >= COMPONENTS - NOT_RENDERED


def test_every_component_of_mjml_is_rendered_or_refused_by_name() -> None:
    refused = {"mj-html-attributes", "mj-selector", "mj-html-attribute"}
    assert set(OFFICIAL.split()) == COMPONENTS | refused

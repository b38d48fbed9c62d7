"""Templates that run often take the quick way: it must never give another mail than the long one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from campaigns.rendering import EmailTemplate, RenderContext, TemplateProblem, UnsafeTemplate, profile_context
from campaigns.rendering.running import FLATTEN_AFTER

HEAD, TAIL = "<mjml><mj-body><mj-section><mj-column>", "</mj-column></mj-section></mj-body></mjml>"
BODIES = {
    "plain values": "<mj-text>{{ profile.first_name }} {{ cart.count }}</mj-text>",
    "missing keys": "<mj-text>{% for line in cart.lines %}<i>{{ line.gone | default('none') }}{% if line.nope is "
    "defined %}!{% endif %}</i>{% endfor %}</mj-text>",
    "values that are no dicts": "<mj-text>{{ now.year }} {% for pair in cart.lines | groupby('quantity') %}<b>{{ "
    "pair.grouper }}: {{ pair.list | length }}</b>{% endfor %}</mj-text>",
    "a namespace": "<mj-text>{% set ns = namespace(n=0) %}{% for line in cart.lines %}{% set ns.n = ns.n + "
    "line.quantity %}<p>{{ ns.n }}</p>{% endfor %}</mj-text>",
    "values that decide the layout": '{% for line in cart.lines %}<mj-spacer height="{{ line.quantity }}px" />'
    '{% endfor %}<mj-text padding="{{ cart.count }}px">{{ profile.first_name }}</mj-text>',
    "markup that was put together": "<mj-text>{% set made %}<em>{{ profile.first_name }}</em>{% endset %}{{ made }}"
    "{% filter upper %}<u>{{ profile.first_name }}</u>{% endfilter %}</mj-text>",
    "turns without tags": "<mj-text>{% for line in cart.lines %} {{ line.quantity }}{% if loop.last %}.{% endif %} "
    "{% endfor %}</mj-text>",
    "turns that leave tags open": "<mj-text>{% for line in cart.lines %}{% if loop.first %}<div>{% endif %}<p>{{ "
    "line.title }}</p>{% if loop.last %}</div>{% endif %}{% endfor %}</mj-text>",
    "nested turns": "<mj-text>{% for line in cart.lines %} <ul>{% for word in line.title.split() %}<li>{{ loop.index }}"
    "{% if loop.first %} {{ word }}{% endif %}</li> {% endfor %}</ul>{% endfor %}</mj-text>",
    "several addresses": '<mj-text>{% for line in cart.lines %}<a href="{{ line.url }}{{ "&" }}n={{ line.quantity }}">x'
    '</a><img src="{{ line.image_url }}" alt="" /><a href="https://nordsee.example/all">y</a>{% endfor %}</mj-text>',
    "personal styles": '<mj-text>{% for line in cart.lines %}<p style="top:{{ line.quantity }}px;{{ "" }}">x</p>'
    "{% endfor %}</mj-text>",
    "the shop's own parts": "<mj-text>{% for place in shop.social %}<a href='{{ place.url }}'>{{ loop.index }} {{ "
    "place.name | title }}</a>{% if not loop.last %} &middot; {% endif %}{% else %}nowhere{% endfor %}{% if not "
    "shop.postal_address.startswith(shop.name) %}{{ shop.name }}{% endif %} {{ profile.first_name }}</mj-text>",
    "the shop's own parts among others": "<mj-text>{% for line in cart.lines %}<p>{% for place in shop.social %}{{ "
    "place.name }} {{ line.quantity }} {% endfor %}{% for place in shop.social %}{{ place.url }}{% endfor %}</p>"
    "{% endfor %}</mj-text>",
    "names that a condition on the shop sets": "{% set name = profile.first_name %}{% if shop.url %}{% set name = "
    "shop.name %}{% endif %}<mj-text>{{ name }}{% if shop.url %}{% set mine = shop.name %}{{ mine }}{% endif %}{{ mine "
    "}}{% if profile.first_name %}{% set name = 'x' %}{% endif %}{{ name }}{% for line in cart.lines %}<i>{% if "
    "line.quantity > 1 %}{% set name = line.title %}{% endif %}{{ name }}</i>{% endfor %}{{ name }}</mj-text>",
    "texts about the shop": "<mj-text>{{ _('Mails of {shop}', shop=shop.name) }} {{ _('{n} pieces', n=cart.count) }}"
    "{% for line in cart.lines %}<b>{{ _('{n} pieces', n=line.quantity) }}{{ _('of {who}', who=profile.first_name) }}"
    "</b>{% endfor %}</mj-text>",
    "short and long texts": "<mj-text>{% for line in cart.lines %}<p>{{ line.title | truncate(9, true, '..') }} {{ "
    "profile.first_name | truncate(4, false, '…', 0) }} {{ line.title | e | truncate(5, true, '') }}</p>{% endfor %}"
    "</mj-text>",
}
NAMES = ["Ann", "", "A & <b>", "100 %s %(x)s", "ليلى", "\uf8f0\uf8f4", "x" * 700]


def recipient(seed: int, context_with: Callable[..., RenderContext]) -> RenderContext:
    chance = random.Random(seed)
    context = context_with(lines=chance.choice([1, 2, 5]))
    cart = context["cart"]
    assert cart is not None
    lines: Any = [{**line, "quantity": chance.choice([1, 2, 3])} for line in cart["lines"]]
    locale = chance.choice(["en", "de", "ar"])
    return {
        **context,
        "cart": {**cart, "lines": lines},
        "profile": profile_context(profile_id="1", first_name=chance.choice(NAMES), locale=locale),
    }


@pytest.mark.parametrize("tracked", [False, True], ids=["", "tracked"])
@pytest.mark.parametrize("name", BODIES)
def test_it_gives_what_the_first_rendering_gives(
    name: str, tracked: bool, write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    body = f"{HEAD}{BODIES[name]}{TAIL}"
    often = write(body, tracked=tracked)
    for seed in range(FLATTEN_AFTER + 60):
        context = recipient(seed % 50, context_with)
        html = often.render(context).html
        if seed > FLATTEN_AFTER and seed % 3 == 0:
            assert html == write(body, tracked=tracked).render(context).html


def test_a_shop_that_changes_is_shown_as_it_is(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    body = f"""{HEAD}<mj-text>{{% for place in shop.social %}}<a href="{{{{ place.url }}}}">{{{{ place.name }}}}</a>
    {{% endfor %}}{{% if shop.logo_url %}}<img src="{{{{ shop.logo_url }}}}" alt="" />{{% endif %}}
    {{{{ profile.first_name }}}}</mj-text>{TAIL}"""
    often, full = write(body), context_with()
    shops: list[Any] = [
        {**full["shop"], "logo_url": logo, "social": [{"name": name, "url": url} for name, url in social]}
        for logo, social in [
            ("https://nordsee.example/logo.png", [("x", "https://x.example/a&b"), ("\uf8f0", "javascript:alert(1)")]),
            ("", [("y", "https://y.example")]),
            ("", []),
        ]
    ]
    for turn in range(3 * FLATTEN_AFTER):
        shop = shops[turn // 4 % 3]
        html = often.render({**full, "shop": shop}).html
        assert html == write(body).render({**full, "shop": shop}).html
        assert ("https://y.example" in html) == (shop is shops[1])
        assert "javascript" not in html


def test_each_template_speaks_with_its_own_texts(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    files = {
        "_base/greeting.mjml": "<mj-text>{{ t('hello') }}</mj-text>",
        "_base/locale/en.yaml": "hello: from the base",
        "other/locale/en.yaml": "hello: from the other",
        "other/subject.txt": "s",
        "other/preheader.txt": "p",
        "other/body.txt": "t",
        "other/body.mjml": f"{HEAD}{{% include '_base/greeting.mjml' %}}{TAIL}",
    }
    mail = write(f"{HEAD}{{% include '_base/greeting.mjml' %}}{TAIL}", files=files)
    other = mail._store.get("other")
    for _ in range(FLATTEN_AFTER + 5):
        assert "from the base" in mail.render(context_with()).html
        assert "from the other" in other.render(context_with()).html


def test_a_problem_is_still_told_with_its_line(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = write(f"{HEAD}<mj-text>\n{{{{ coupon.code }}}}</mj-text>{TAIL}")
    for _ in range(FLATTEN_AFTER + 5):
        template.render(context_with())
    with pytest.raises(TemplateProblem) as caught:
        template.render(context_with(coupon=None))
    assert caught.value.line == 2

    class Living:
        def __getitem__(self, name: str) -> object:
            return print

    with pytest.raises(UnsafeTemplate):
        template.render(context_with(coupon=Living()))


@pytest.mark.slow
def test_a_flood_is_stopped(write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]) -> None:
    template = write(
        f"{HEAD}<mj-text>{{% for _ in range(900) %}}<i>{{{{ profile.first_name }}}}</i>{{% endfor %}}</mj-text>{TAIL}"
    )
    for _ in range(FLATTEN_AFTER + 2):
        template.render(context_with())
    for name in ("x" * 9_000, "<" * 450):
        with pytest.raises(UnsafeTemplate):
            template.render(context_with(profile=profile_context(profile_id="1", first_name=name * 2)))

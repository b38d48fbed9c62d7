"""A template with a shape for every mail: memory and disk stay bounded, and every mail is the right one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rendering import EmailTemplate, RenderContext, TemplateStore, profile_context
from campaigns.rendering.context import ProfileContext
from campaigns.rendering.keeping import EARNED, FREE_SHAPES, Kept

pytestmark = pytest.mark.slow

BODY = """<mjml><mj-body><mj-section><mj-column>
{% for bit in profile.traits.bits %}{% if bit == "1" %}<mj-divider />{% else %}<mj-spacer height="9px" />{% endif %}
{% endfor %}<mj-text><a href="{{ profile.traits.url }}">{{ profile.first_name }}</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""


def shopper(number: int, url: str = "https://nordsee.example/x") -> ProfileContext:
    return profile_context(
        profile_id="1", first_name=f"<b>{number}", traits={"bits": list(f"{number:010b}"), "url": url}
    )


def test_a_shape_for_every_mail_is_not_kept_for_ever(
    write: Callable[..., EmailTemplate],
    context_with: Callable[..., RenderContext],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = tmp_path / "cache"
    plain = write(BODY)
    store = TemplateStore(plain.folders, cache=cache, links=plain._store.links)
    template = store.get(plain.name)
    with caplog.at_level(logging.WARNING, "campaigns.rendering"):
        for number in range(FREE_SHAPES + 100):
            context = context_with(profile=shopper(number))
            html = template.render(context).html
            if number % 20 == 0:
                assert html == template.render_uncompiled(context)

    compiled = store.compiler.compiled
    assert compiled <= FREE_SHAPES * 1.1
    assert len(list(cache.rglob("*.json"))) <= FREE_SHAPES * 1.1
    assert [record.getMessage() for record in caplog.records] == [
        f"{plain.name}/body.mjml has a new shape for nearly every mail: it is compiled for each, slowly"
    ]

    for _ in range(int(1 / EARNED)):  # shapes that are known earn new ones
        template.render(context_with(profile=shopper(3)))
    template.render(context_with(profile=shopper(1_000)))
    assert store.compiler.compiled > compiled


def test_mails_of_unkept_shapes_are_checked_like_all_others(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = write(BODY, tracked=True)
    for number in range(FREE_SHAPES + 30):
        template.render(context_with(profile=shopper(number)))
    compiled = template._store.compiler.compiled
    bad = template.render(context_with(profile=shopper(900, "javascript:alert(1)"))).html
    good = template.render(context_with(profile=shopper(901))).html

    assert template._store.compiler.compiled == compiled
    assert "javascript" not in bad
    assert "&lt;b&gt;901" in good
    assert 'href="https://links.nordsee.example/c/' in good


@given(entries=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 40)), max_size=60))
def test_what_is_kept_stays_within_its_bounds(entries: list[tuple[int, int]]) -> None:
    kept: Kept[int] = Kept(5, 60)
    sizes: dict[int, int] = {}
    for number, (key, size) in enumerate(entries):
        kept.put(key, number, size)
        sizes[key] = size
        assert kept.get(key) == number
        held = [each for each in sizes if each in kept]
        assert len(held) == len(kept) <= 5
        assert sum(sizes[each] for each in held) <= 60


def test_what_was_used_last_stays() -> None:
    kept: Kept[str] = Kept(2, 100)
    kept.put("a", "A", 1)
    kept.put("b", "B", 1)
    kept.get("a")
    kept.put("c", "C", 1)

    assert (kept.get("a"), kept.get("b"), kept.get("c")) == ("A", None, "C")

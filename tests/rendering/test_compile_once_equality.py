"""Compiled once and filled per recipient must be what Jinja first and MJML after would have given, to the byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from campaigns.rendering import EmailTemplate, RenderContext, TemplateStore, profile_context, shipped_templates
from campaigns.rendering.running import FLATTEN_AFTER, TRIED_TIMES

pytestmark = pytest.mark.slow

SAMPLES = Path(__file__).parent / "samples"
RECIPIENTS: dict[str, dict[str, Any]] = {
    "twelve lines": {"lines": 12},
    "one line": {"lines": 1, "recommended": 0, "coupon": None},
    "two lines, two recommended": {"lines": 2, "recommended": 2, "coupon": None},
    "no name": {"profile": profile_context(profile_id="2", email="x@x.example")},
    "German": {"profile": profile_context(profile_id="3", first_name="Jörg", locale="de-AT", zone="Europe/Vienna")},
    "Arabic": {"profile": profile_context(profile_id="4", first_name="ليلى", locale="ar", zone="Africa/Cairo")},
    "awkward": {
        "profile": profile_context(profile_id="5", first_name="A<b>\"'&{{ 7*7 }}{% x %}", last_name="😀 é 👩‍👧")
    },
}
# MJML garbles joiners and combining signs in attributes: there they are references, in data they are themselves.
REFERENCED = ("awkward", "Arabic")


@pytest.mark.parametrize("recipient", RECIPIENTS)
@pytest.mark.parametrize("name", TemplateStore([shipped_templates()]).names())
def test_shipped_templates(name: str, recipient: str, context_with: Callable[..., RenderContext]) -> None:
    template = TemplateStore([shipped_templates()]).get(name)
    context = context_with(**RECIPIENTS[recipient])
    compiled, yardstick = template.render(context).html, template.render_uncompiled(context)
    if recipient in REFERENCED:
        compiled, yardstick = as_read(compiled), as_read(yardstick)
    assert compiled == yardstick


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[str], EmailTemplate]:
    def opened(name: str) -> EmailTemplate:
        shutil.copytree(SAMPLES, tmp_path / "samples")
        folder = tmp_path / "sample"
        folder.mkdir()
        for part in ("subject.txt", "preheader.txt", "body.txt"):
            (folder / part).write_text("Hello {{ profile.first_name }}")
        shutil.copy(SAMPLES / name, folder / "body.mjml")
        return TemplateStore([tmp_path]).get("sample")

    return opened


@pytest.mark.parametrize("recipient", RECIPIENTS)
@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("[!_]*.mjml")))
def test_samples_with_every_component(
    name: str, recipient: str, sample: Callable[[str], EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = sample(name)
    context = context_with(**RECIPIENTS[recipient])
    compiled, yardstick = template.render(context).html, template.render_uncompiled(context)
    if name.startswith("inlined") or recipient in REFERENCED:  # moving styles writes the document anew
        compiled, yardstick = as_read(compiled), as_read(yardstick)
    assert compiled == yardstick


@pytest.mark.parametrize("name", [*TemplateStore([shipped_templates()]).names(), "control_flow", "every_component"])
def test_written_out_flat_nothing_changes(
    name: str, sample: Callable[[str], EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    own = (SAMPLES / f"{name}.mjml").exists()
    template = sample(f"{name}.mjml") if own else TemplateStore([shipped_templates()]).get(name)
    for _ in range(FLATTEN_AFTER + TRIED_TIMES + 2):
        template.render(context_with())
    for parts in RECIPIENTS.values():
        context = context_with(**parts)
        email = template.render(context)
        assert as_read(email.html) == as_read(template.render_uncompiled(context))
        fresh = TemplateStore(template.folders).get(template.name).render(context)
        assert (email.subject, email.preheader, email.text) == (fresh.subject, fresh.preheader, fresh.text)


def as_read(html: str) -> str:
    """What a mail client reads: every reference resolved."""
    return unescape(unescape(html))


def test_recipients_of_one_shape_share_one_compilation(context_with: Callable[..., RenderContext]) -> None:
    store = TemplateStore([shipped_templates()])
    template = store.get(store.names()[0])
    template.render(context_with())
    compiled = store.compiler.compiled
    for number in range(5):
        profile = profile_context(profile_id=str(number), first_name=f"Name {number}", locale="en-GB")
        template.render(context_with(profile=profile))
    assert store.compiler.compiled == compiled


def test_a_second_process_finds_the_compiled_template_on_disk(
    tmp_path: Path, context_with: Callable[..., RenderContext]
) -> None:
    context = context_with()
    first = TemplateStore([shipped_templates()], cache=tmp_path)
    second = TemplateStore([shipped_templates()], cache=tmp_path)
    name = first.names()[0]
    assert first.get(name).render(context) == second.get(name).render(context)
    assert (first.compiler.compiled, second.compiler.compiled) == (1, 0)


def test_a_damaged_file_in_the_cache_only_costs_a_compile(
    tmp_path: Path, context_with: Callable[..., RenderContext]
) -> None:
    context = context_with()
    store = TemplateStore([shipped_templates()], cache=tmp_path)
    name = store.names()[0]
    expected = store.get(name).render(context)
    for path in tmp_path.rglob("*.json"):
        path.write_bytes(b"\x00not json")
    assert TemplateStore([shipped_templates()], cache=tmp_path).get(name).render(context) == expected


def test_a_name_bound_anew_is_not_taken_for_the_shops(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    body = (
        "<mjml><mj-body><mj-raw>{{ shop.name }}{% for shop in cart.lines %}<i>{{ shop.title }}</i>{% endfor %}"
        "{% set mail = profile %}<b>{{ mail.first_name }}</b></mj-raw></mj-body></mjml>"
    )
    template = write(body)
    for name in ("Ann", "Bob"):
        context = context_with(profile=profile_context(profile_id="1", first_name=name))
        html = template.render(context).html
        assert html == template.render_uncompiled(context)
        assert f"<b>{name}</b>" in html


def test_a_mail_without_preheader_has_no_room_for_one(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    body = "<mjml><mj-body><mj-raw>{{ shop.name }}</mj-raw></mj-body></mjml>"
    assert "display:none" not in write(body, preheader="").render(context_with()).html
    assert "display:none" in write(body, preheader="soon gone").render(context_with()).html


def test_what_the_author_does_not_escape_stays_as_it_is(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    body = (
        "<mjml><mj-body><mj-raw>{% autoescape false %}{{ profile.first_name }}{% endautoescape %}"
        "{{ profile.first_name }}</mj-raw></mj-body></mjml>"
    )
    context = context_with(profile=profile_context(profile_id="1", first_name="<b>A</b>"))
    assert "<b>A</b>&lt;b&gt;" in write(body).render(context).html

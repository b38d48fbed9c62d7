"""Templates of several files, as they come from elsewhere: compiled once they give what the slow way gives, long after
they are written out flat too."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.rendering import RenderContext, TemplateProblem, TemplateStore
from campaigns.rendering.running import FLATTEN_AFTER

SECTION = "<mj-section><mj-column><mj-text css-class='a'>{{ profile.first_name }}%s</mj-text></mj-column></mj-section>"


def mail(folder: Path, head: str, body: str, **files: str) -> TemplateStore:
    own = folder / "mail"
    own.mkdir()
    written = {"subject.txt": "x", "preheader.txt": "x", "body.txt": "x", **files}
    written["body.mjml"] = f"<mjml><mj-head>{head}</mj-head>\n<mj-body>{body}</mj-body></mjml>"
    for name, text in written.items():
        (own / name).write_text(text, encoding="utf-8")
    return TemplateStore([folder])


def html_of(store: TemplateStore, context: RenderContext) -> str:
    """The same by every way there is."""
    template = store.get("mail")
    slow = template.render_uncompiled(context)
    for _ in range(FLATTEN_AFTER + 5):
        assert template.render(context).html == slow
    return slow


@pytest.mark.parametrize(
    "tag",
    [
        '<mj-include path="./part.mjml" />',
        '<mj-include path="part.mjml"/>',
        '<mj-include path="./part" />',
        "<mj-include path='/part.mjml'></mj-include>",
        '<mj-include\n type="mjml"\n path="part.mjml" />',
    ],
)
def test_an_include_of_mjml_is_read_however_it_is_spelled(tag: str, tmp_path: Path, context: RenderContext) -> None:
    html = html_of(mail(tmp_path, "", tag, **{"part.mjml": SECTION % ""}), context)
    assert html.count(">Ann</div>") == 1 and "mj-include" not in html


def test_an_included_style_sheet_is_one(tmp_path: Path, context: RenderContext) -> None:
    css = {"look.css": ".a { color: {{ shop.brand.accent }}; }"}
    html = html_of(mail(tmp_path, '<mj-include path="./look.css" type="css" />', SECTION % "", **css), context)
    assert f".a {{ color: {context['shop']['brand']['accent']}; }}" in html


def test_an_included_style_sheet_may_be_moved_into_the_elements(tmp_path: Path, context: RenderContext) -> None:
    tag = '<mj-include css-inline="inline" path="./look.css" type="css" />'
    html = html_of(mail(tmp_path, tag, SECTION % "", **{"look.css": ".a { letter-spacing: 3px }"}), context)
    assert "letter-spacing: 3px" in html and ".a {" not in html


def test_an_included_page_of_html_stands_as_it_is(tmp_path: Path, context: RenderContext) -> None:
    part = {"part.html": "<p class='b'>{{ profile.first_name }}</p>"}
    html = html_of(mail(tmp_path, "", '<mj-include path="./part.html" type="html" />', **part), context)
    assert ">Ann</p>" in html


def test_lines_below_an_include_keep_their_numbers(tmp_path: Path, context: RenderContext) -> None:
    broken = '<mj-include\n path="./part.mjml"\n/>\n{{ shop.nmae }}'
    with pytest.raises(TemplateProblem) as caught:
        mail(tmp_path, "", broken, **{"part.mjml": SECTION % ""}).get("mail").render(context)
    assert (caught.value.file, caught.value.line) == ("mail/body.mjml", 5)


@pytest.mark.parametrize("said", ["{{ loop is defined }}", "{{ loop.index if loop is defined }}{{ line.title }}"])
def test_an_include_sees_what_stands_around_it_but_no_loop(said: str, tmp_path: Path, context: RenderContext) -> None:
    loop = "{% for line in cart.lines %}{% include './part.mjml' %}{% endfor %}"
    html = html_of(mail(tmp_path, "", loop, **{"part.mjml": SECTION % said}), context)
    assert html.count(">Ann") == 3 and ">Ann1" not in html and ">AnnTrue" not in html


def test_html_in_capitals_is_html(tmp_path: Path, context: RenderContext) -> None:
    markup = "<P ALIGN='left'>{{ profile.first_name }}<BR>x</P><Table><TR><TD>y</TD></TR></Table>"
    page = f"<mj-section><mj-column><mj-text>{markup}</mj-text></mj-column></mj-section>"
    html = html_of(mail(tmp_path, "", page), context)
    assert ">Ann<br />x</p>" in html and "<td>y</td>" in html


def test_what_an_import_sets_is_said_in_each_readers_language(tmp_path: Path, context: RenderContext) -> None:
    part = "{% set hi = t('hi') %}{% macro hello() %}{{ hi }}{% endmacro %}"
    body = "<mj-section><mj-column><mj-text>{{ m.hi }}, {{ m.hello() }}</mj-text></mj-column></mj-section>"
    head = "{% import './part.mjml' as m %}"
    text = "{% import './part.txt' as m %}{{ m.hi }}, {{ m.hello() }}"
    store = mail(tmp_path, head, head + body, **{"part.mjml": part, "part.txt": part, "body.txt": text})
    (tmp_path / "mail" / "locale").mkdir()
    words = {"en": "Hello", "de": "Hallo"}
    for language, word in words.items():
        (tmp_path / "mail" / "locale" / f"{language}.yaml").write_text(f"hi: {word}\n", encoding="utf-8")
    for _ in range(FLATTEN_AFTER + 5):
        for language, word in words.items():
            profile = {**context["profile"], "locale": language}
            email = store.get("mail").render({**context, "profile": profile})
            assert email.text.strip() == f"{word}, {word}" and f">{word}, {word}<" in email.html


def test_an_include_without_context_says_the_same_in_every_mail(tmp_path: Path, context: RenderContext) -> None:
    part = {"part.mjml": SECTION.replace("{{ profile.first_name }}", "{{ 1 + 1 }} {{ profile is defined }}") % ""}
    html = html_of(mail(tmp_path, "", "{% include './part.mjml' without context %}", **part), context)
    assert html.count(">2 False</div>") == 1

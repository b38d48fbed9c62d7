"""What authors are told when a template is wrong: file, line, tag and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.rendering import EmailTemplate, RenderContext, TemplateProblem, TemplateStore

WRONG = {
    "unknown element": (
        "<mjml>\n<mj-body>\n<mj-sectoin></mj-sectoin></mj-body></mjml>",
        3,
        "<mj-sectoin>",
        "mj-section",
    ),
    "not closed": ("<mjml>\n<mj-body>\n<mj-section>\n</mj-body></mjml>", 3, "<mj-section>", "close"),
    "closed twice": ("<mjml><mj-body>\n</mj-section></mj-body></mjml>", 1, "<mj-body>", "close"),
    "bare sign": ("<mjml><mj-body>\n\n<mj-raw>1 < 2</mj-raw></mj-body></mjml>", 3, "<", "&lt;"),
    "html attributes": (
        "<mjml><mj-head>\n<mj-html-attributes></mj-html-attributes></mj-head></mjml>",
        2,
        "<mj-html-attributes>",
        "",
    ),
    "file start": (
        '<mjml><mj-body>\n<mj-raw position="file-start">x</mj-raw></mj-body></mjml>',
        2,
        "<mj-raw>",
        "leave",
    ),
    "cdata": ("<mjml><mj-body><mj-raw>\n<![CDATA[x]]></mj-raw></mj-body></mjml>", 2, "<![CDATA[", "text"),
    "unquoted attribute": (
        "<mjml><mj-body>\n<mj-raw>\n<td width=50%>x</td></mj-raw></mj-body></mjml>",
        3,
        "<td width=50%>",
        'name="value"',
    ),
    "attribute from a string": (
        "<mjml><mj-body>\n<mj-raw {{ 'css-class=\"a\"' }}>x</mj-raw></mj-body></mjml>",
        2,
        "<mj-raw css-class=",
        "quotes included",
    ),
    "not mjml": ("hello", 1, "", "base layout"),
    "jinja": ("<mjml>\n{% if x %}</mjml>", 2, "", ""),
    "misspelt": ("<mjml><mj-body>\n<mj-raw>{{ profil.first_name }}</mj-raw></mj-body></mjml>", 2, "", ""),
    "misspelt key": ("<mjml><mj-body>\n\n<mj-raw>{{ cart.totl_minor }}</mj-raw></mj-body></mjml>", 3, "", ""),
    "misspelt in a condition": ("<mjml>\n{% if cart.lins %}{% endif %}</mjml>", 2, "", ""),
    "misspelt long before it is used": (
        "{% set lines = cart.linez %}\n<mjml>\n\n<mj-body>\n{% for line in lines %}{% endfor %}</mj-body></mjml>",
        1,
        "",
        "",
    ),
    "misspelt in a long expression": ("<mjml>\n{{ [\n  shop.name,\n  shop.nmae,\n] | join }}</mjml>", 4, "", ""),
    "unknown filter": ("<mjml>\n{{ shop.name | mony }}</mjml>", 2, "", "did you mean 'money'?"),
    "filter that is off": ("<mjml>\n{{ shop.name | center }}</mjml>", 2, "", "docs/templates.md"),
    "unknown test": ("<mjml>\n{% if cart is defind %}{% endif %}</mjml>", 2, "", "did you mean 'defined'?"),
}


@pytest.mark.parametrize(
    "comment", ["a -- b", "-- a --", "- a ---- {{ profile.first_name }} -", "-", "--- {{ 1 }} ---"]
)
def test_a_comment_may_hold_dashes(comment: str, write: Callable[..., EmailTemplate], context: RenderContext) -> None:
    source = f"<mjml><mj-body><!--{comment}--><mj-section><mj-column><mj-text>x<!--{comment}--></mj-text>"
    template = write(f"{source}</mj-column></mj-section></mj-body></mjml>")
    html = template.render(context).html
    assert ">x<!--" in html and html == template.render_uncompiled(context)


@pytest.mark.parametrize("case", WRONG)
def test_file_line_tag_and_fix(case: str, write: Callable[..., EmailTemplate], context: RenderContext) -> None:
    source, line, tag, fix = WRONG[case]
    with pytest.raises(TemplateProblem) as caught:
        write(source).render(context)
    assert (caught.value.file, caught.value.line) == ("mail/body.mjml", line)
    assert caught.value.tag.startswith(tag)
    assert fix in caught.value.fix
    assert "\n" not in str(caught.value).strip()


def test_the_place_is_found_through_includes_macros_and_loops(
    write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    files = {
        "_base/parts.mjml": (
            "{% macro card(line) %}\n<mj-column>\n<mj-txt>{{ line.title }}</mj-txt></mj-column>{% endmacro %}"
        )
    }
    body = (
        '{% import "_base/parts.mjml" as ui %}<mjml><mj-body><mj-section>\n'
        "{% for line in cart.lines %}{{ ui.card(line) }}{% endfor %}</mj-section></mj-body></mjml>"
    )
    with pytest.raises(TemplateProblem) as caught:
        write(body, files=files).render(context)
    assert (caught.value.file, caught.value.line, caught.value.tag) == ("_base/parts.mjml", 3, "<mj-txt>")


@pytest.mark.parametrize("wrong", ["profil", "cart.lins", "shop.brand.primry"])
def test_the_nearest_name_is_named(wrong: str, in_text: Callable[[str], EmailTemplate], context: RenderContext) -> None:
    with pytest.raises(TemplateProblem, match=r"did you mean '(profile|lines|primary)'"):
        in_text(f"{{{{ {wrong} }}}}").render(context)


def test_missing_parts_and_unknown_templates(tmp_path: Path) -> None:
    (tmp_path / "welcome").mkdir()
    (tmp_path / "welcome" / "body.mjml").write_text("<mjml></mjml>")
    store = TemplateStore([tmp_path])
    with pytest.raises(TemplateProblem, match="did you mean 'welcome'"):
        store.get("welcom")
    with pytest.raises(TemplateProblem, match=r"welcome/subject\.txt"):
        store.get("welcome")


@pytest.mark.parametrize(
    "content", [b"\x00\xff\xfe\x80", b"\x1f\x8b\x08\x00rubbish", "\ud800".encode("utf-16-le", "surrogatepass")]
)
def test_binary_garbage_is_one_clear_line(content: bytes, tmp_path: Path, context: RenderContext) -> None:
    folder = tmp_path / "mail"
    folder.mkdir()
    for part in ("subject.txt", "preheader.txt", "body.txt", "body.mjml"):
        (folder / part).write_bytes(content)
    with pytest.raises(TemplateProblem) as caught:
        TemplateStore([tmp_path]).get("mail").render(context)
    assert "mail/" in str(caught.value)


def test_a_workspace_file_shadows_the_shipped_one(tmp_path: Path, context: RenderContext) -> None:
    own, shipped = tmp_path / "own", tmp_path / "shipped"
    for folder, word in ((own, "ours"), (shipped, "theirs")):
        (folder / "mail").mkdir(parents=True)
        (folder / "mail" / "subject.txt").write_text(word)
    for part in ("preheader.txt", "body.txt"):
        (shipped / "mail" / part).write_text("x")
    (shipped / "mail" / "body.mjml").write_text("<mjml><mj-body></mj-body></mjml>")
    assert TemplateStore([own, shipped]).get("mail").render(context).subject == "ours"


def test_a_saved_file_is_seen_after_refresh(tmp_path: Path, context: RenderContext) -> None:
    folder = tmp_path / "mail"
    (folder / "locale").mkdir(parents=True)
    for part in ("subject.txt", "preheader.txt", "body.txt"):
        (folder / part).write_text("{{ t('word') }}")
    (folder / "body.mjml").write_text("<mjml><mj-body><mj-raw>{{ t('word') }} before</mj-raw></mj-body></mjml>")
    (folder / "locale" / "en.yaml").write_text("word: old")
    store = TemplateStore([tmp_path])
    assert store.get("mail").render(context).subject == "old"
    (folder / "locale" / "en.yaml").write_text("word: new")
    (folder / "body.mjml").write_text("<mjml><mj-body><mj-raw>{{ t('word') }} after</mj-raw></mj-body></mjml>")
    store.refresh()
    email = store.get("mail").render(context)
    assert email.subject == "new"
    assert "new after" in email.html


def test_a_file_that_is_no_text_says_so_with_its_line(
    write: Callable[..., EmailTemplate], context: RenderContext, tmp_path: Path
) -> None:
    write("<mjml></mjml>")
    [path] = tmp_path.rglob("mail/body.mjml")
    path.write_bytes(b"<mjml>\n<mj-body>\n\xff\xfe\x00</mj-body></mjml>")
    with pytest.raises(TemplateProblem) as caught:
        TemplateStore([path.parents[1]]).get("mail").render(context)
    assert (caught.value.file, caught.value.line) == ("mail/body.mjml", 3)
    assert "UTF-8" in caught.value.what and "UTF-8" in caught.value.fix


def test_the_traced_source_holds_subject_and_preheader(
    write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    source = "<mjml><mj-head><mj-title>{{ mail.subject }}</mj-title></mj-head><mj-body></mj-body></mjml>"
    template = write(source, subject="Hello {{ profile.first_name }}")
    assert "<mj-title>Hello Ann</mj-title>" in template.traced(context).source

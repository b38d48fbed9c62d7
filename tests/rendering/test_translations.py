"""Texts in the reader's language, with a chain of fallbacks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from campaigns.rendering import EmailTemplate, RenderContext, TemplateProblem, profile_context, shop_context

FILES = {
    "mail/locale/en.yaml": 'greeting: "Hi {name}"\nitems: {one: "{n} item", other: "{n} items"}\nonly_en: English\n',
    "mail/locale/de.yaml": 'greeting: "Hallo {name}"\nitems: {one: "{n} Stück", other: "{n} Stücke"}\nYour cart: Ihr Korb\n',  # noqa: E501
    "mail/locale/de_AT.yaml": 'greeting: "Servus {name}"\n',
    "_base/locale/de.yaml": "footer:\n  why: Warum diese Mail?\n",
    "_base/locale/en.yaml": 'footer:\n  why: Why this mail?\nbold_html: "<b>{name}</b>"\n',
}


@pytest.mark.parametrize(
    ("locale", "key", "shown"),
    [
        ("de-AT", "t('greeting', name='Ann')", "Servus Ann"),
        ("de-CH", "t('greeting', name='Ann')", "Hallo Ann"),
        ("fr", "t('greeting', name='Ann')", "Hi Ann"),
        ("de-AT", "t('items', n=1)", "1 Stück"),
        ("de-AT", "t('items', n=3)", "3 Stücke"),
        ("de", "t('only_en')", "English"),
        ("de", "t('footer.why')", "Warum diese Mail?"),
        ("de", "_('Your cart')", "Ihr Korb"),
        ("en", "_('Your cart')", "Your cart"),
    ],
)
def test_the_nearest_text_wins(
    locale: str,
    key: str,
    shown: str,
    write: Callable[..., EmailTemplate],
    context_with: Callable[..., RenderContext],
) -> None:
    template = write("<mjml><mj-body></mj-body></mjml>", files=FILES, subject=f"{{{{ {key} }}}}")
    assert template.render(context_with(profile=profile_context(profile_id="1", locale=locale))).subject == shown


def test_the_shops_language_comes_before_english(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = write("<mjml><mj-body></mj-body></mjml>", files=FILES, subject="{{ t('greeting', name='X') }}")
    context = context_with(
        shop=shop_context(name="S", locale="de"), profile=profile_context(profile_id="1", locale="fr")
    )
    assert template.render(context).subject == "Hallo X"


def test_values_in_html_texts_are_escaped(write: Callable[..., EmailTemplate], context: RenderContext) -> None:
    body = "<mjml><mj-body><mj-raw>{{ t('bold_html', name='<i>') }}{{ t('greeting', name='<i>') }}</mj-raw></mj-body></mjml>"  # noqa: E501
    html = write(body, files=FILES).render(context).html
    assert "<b>&lt;i&gt;</b>Hi &lt;i&gt;" in html


def test_a_key_without_any_text_is_an_error_with_the_nearest(
    write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    with pytest.raises(TemplateProblem, match="did you mean 'greeting'"):
        write("<mjml><mj-body></mj-body></mjml>", files=FILES, subject="{{ t('greting') }}").render(context)


def test_wrong_yaml_names_file_and_line(write: Callable[..., EmailTemplate], context: RenderContext) -> None:
    files = {"mail/locale/en.yaml": "a: b\n  c: [\n"}
    with pytest.raises(TemplateProblem) as caught:
        write("<mjml><mj-body></mj-body></mjml>", files=files, subject="{{ t('a') }}").render(context)
    assert (caught.value.file, caught.value.line) == ("mail/locale/en.yaml", 2)


TRANS = {
    "mail/locale/de.yaml": (
        "Hello {name}: Hallo {name}\n"
        '"<b>{name}</b>, your cart": "<b>{name}</b>, dein Korb"\n'
        "one thing: ein Ding\n"
        '"{n} things": {one: "{n} Ding", other: "{n} Dinge"}\n'
    )
}
TRANS_SOURCE = (
    "{% trans name=profile.first_name %}Hello {{ name }}{% endtrans %}|"
    "{% trans name=profile.first_name %}<b>{{ name }}</b>, your cart{% endtrans %}|"
    "{% trans n=cart.count %}one thing{% pluralize %}{{ n }} things{% endtrans %}|"
    "{% trans %}100 % {of} it{% endtrans %}|"
    "{% trans %}\n  two\n  lines\n{% endtrans %}"
)


@pytest.mark.parametrize("runs", [1, 60])
def test_the_trans_tag_is_looked_up_like_the_function(
    runs: int, write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    body = f"<mjml><mj-body><mj-raw>[{TRANS_SOURCE}]</mj-raw></mj-body></mjml>"
    template = write(body, files=TRANS, subject="{% trans name=profile.first_name %}Hello {{ name }}{% endtrans %}")
    wanted = {
        "de": "[Hallo &lt;i&gt;|<b>&lt;i&gt;</b>, dein Korb|{n} Dinge|100 % {of} it|two lines]",
        "en": "[Hello &lt;i&gt;|<b>&lt;i&gt;</b>, your cart|{n} things|100 % {of} it|two lines]",
    }
    for _ in range(runs):  # the last ones run written out flat
        for locale, text in wanted.items():
            profile = profile_context(profile_id="1", first_name="<i>", locale=locale)
            context = context_with(profile=profile)
            email = template.render(context)
            assert text.replace("{n}", str((context["cart"] or {})["count"])) in email.html
            assert email.subject == ("Hallo <i>" if locale == "de" else "Hello <i>")


def test_one_of_a_kind_takes_the_singular(
    write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    source = "{% trans n=1 %}one thing{% pluralize %}{{ n }} things{% endtrans %}"
    template = write("<mjml><mj-body></mj-body></mjml>", files=TRANS, subject=source)
    for locale, text in (("de", "ein Ding"), ("en", "one thing")):
        assert template.render(context_with(profile=profile_context(profile_id="1", locale=locale))).subject == text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% trans %}a", "trans"),
        ("{% trans %}{{ profile.first_name }}{% endtrans %}", "end of print statement"),
        ("{% trans 'menu' %}Open{% endtrans %}", "takes no context"),
        ("{% trans %}{% if a %}{% endif %}{% endtrans %}", "control structures"),
    ],
)
def test_a_trans_tag_that_cannot_be_looked_up_is_refused(
    source: str, said: str, write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    with pytest.raises(TemplateProblem) as caught:
        write("<mjml><mj-body></mj-body></mjml>", subject=source).render(context)
    assert said in str(caught.value) and caught.value.file == "mail/subject.txt"

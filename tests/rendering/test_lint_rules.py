"""Every lint rule: one template that breaks it, and a clean one that breaks none."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from campaigns.rendering import TemplateStore
from campaigns.rendering.lint import (
    RULES,
    finding_lines,
    lint_template,
    personas,
)
from campaigns.rendering.lint.attribute_checks import undrawn_attributes
from campaigns.rendering.mjml import html_from_mjml

BODY = """<mjml lang="{{ mail.language }}" dir="{{ mail.direction }}">
<mj-body>
<mj-section><mj-column>
<mj-image src="{{ shop.logo_url }}" alt="{{ shop.name }}" width="120px" />
<mj-text><h1>Still here</h1><h2>Your things</h2></mj-text>
{% for line in cart.lines if cart %}<mj-text><a href="{{ line.url }}">{{ line.title }}</a></mj-text>{% endfor %}
<mj-button href="{{ links.cart }}" inner-padding="16px 24px" line-height="140%">Return to your cart</mj-button>
<mj-text>{{ shop.postal_address }} <a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text>
</mj-column></mj-section>
</mj-body>
</mjml>
"""
CLEAN = {
    "subject.txt": "You left something behind",
    "preheader.txt": "We kept your things together for you",
    "body.txt": "Your cart: {{ links.cart }}\n{{ shop.postal_address }}\nUnsubscribe: {{ links.unsubscribe }}\n",
    "body.mjml": BODY.replace("{% for line in cart.lines if cart %}", "{% for line in (cart.lines if cart else []) %}"),
}
LAST = "<mj-text>{{ shop.postal_address }}"


def with_markup(markup: str) -> dict[str, str]:
    return {"body.mjml": CLEAN["body.mjml"].replace(LAST, markup + LAST)}


BROKEN: dict[str, dict[str, str]] = {
    "template-error": with_markup("<mj-txt>x</mj-txt>"),
    "undefined-variable": with_markup("{% if shop.name == '' %}{{ profil.first_name }}{% endif %}"),
    "unknown-attribute": with_markup('<mj-divider border-colour="#999999" />'),
    "persona-holes": {"subject.txt": "{{ profile.first_name[0] }}, you left something"},
    "hollow-words": {"subject.txt": "Hello {{ profile.first_name }}, you left something"},
    "link-target": with_markup('<mj-text><a href="/sale">Sale</a></mj-text>'),
    "link-insecure": with_markup('<mj-text><a href="http://nordsee.example/">Shop</a></mj-text>'),
    "unsafe-address": with_markup('<mj-text><a href="javascript:alert(1)">x</a></mj-text>'),
    "image-alt": with_markup('<mj-image src="https://nordsee.example/x.png" />'),
    "image-size": with_markup('<mj-text><img src="https://nordsee.example/x.png" alt="A chair" /></mj-text>'),
    "contrast": with_markup('<mj-text color="#bbbbbb">Hard to read</mj-text>'),
    "heading-order": with_markup("<mj-text><h4>Deep</h4></mj-text>"),
    "touch-target": with_markup('<mj-button href="https://nordsee.example/" inner-padding="2px">Go</mj-button>'),
    "html-size": with_markup(f"<mj-text>{'word ' * 17_500}</mj-text>"),
    "html-clipped": with_markup(f"<mj-text>{'word ' * 21_000}</mj-text>"),
    "unsubscribe-missing": {"body.mjml": CLEAN["body.mjml"].replace("{{ links.unsubscribe }}", "{{ shop.url }}")},
    "postal-address-missing": {"body.mjml": CLEAN["body.mjml"].replace("{{ shop.postal_address }}", "")},
    "subject-empty": {"subject.txt": "{# nothing #}"},
    "subject-length": {"subject.txt": "You left something behind that we would like to tell you about in many words"},
    "preheader-length": {"preheader.txt": "Short"},
    "text-part-missing": {"body.txt": "\n"},
    "text-unsubscribe": {"body.txt": "Your cart"},
    "css-support": with_markup('<mj-text><div style="display:flex">x</div></mj-text>'),
    "spam-words": {"subject.txt": "Act now: your cart!!!"},
    "active-content": with_markup('<mj-text><form action="https://nordsee.example/"></form></mj-text>'),
    "safe-filter": with_markup("<mj-text>{{ profile.first_name | safe }}</mj-text>"),
    "language-missing": {"body.mjml": CLEAN["body.mjml"].replace('lang="{{ mail.language }}" ', "")},
    "value-in-layout": with_markup('<mj-spacer height="{{ profile.profile_id | length }}px" />'),
    "raw-value": with_markup("<mj-text>{{ cart.total_minor / 100 if cart else 0 }} EUR</mj-text>"),
    "translation-field": {
        "subject.txt": "{{ t('a', name='x') }}",
        "locale/en.yaml": "a: Your cart {name}\n",
        "locale/de.yaml": "b: B\na: Dein Korb {nmae}\n",
    },
    "image-address": with_markup('<mj-image src="/images/x.png" alt="A chair" width="120px" />'),
    "translation-missing": {"locale/en.yaml": "a: A\nb: B\n", "locale/de.yaml": "a: A\n"},
}


READERS = personas()
SOME = ("everything", "no name", "twelve lines", "no recommendations", "no cart", "no coupon")
"""Those whose data break a rule here: half the time of all that `rekindle lint` asks for."""


@pytest.fixture
def linted(tmp_path: Path) -> Callable[..., list]:
    def run(files: dict[str, str]) -> list:
        for name, content in {**CLEAN, **files}.items():
            path = tmp_path / "mail" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return lint_template(TemplateStore([tmp_path]), "mail", {name: READERS[name] for name in SOME})

    return run


def test_the_clean_template_breaks_no_rule(linted: Callable[..., list]) -> None:
    assert finding_lines(linted({})) == []


OF_CAMPAIGNS = ("coupon-unshown",)
"""Rules about a campaign and its template together; tests/preview/test_lint_command.py breaks them."""


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in OF_CAMPAIGNS])
def test_every_rule_finds_what_breaks_it_and_names_the_file(rule: str, linted: Callable[..., list]) -> None:
    found = [each for each in linted(BROKEN[rule]) if each.rule == rule]
    assert found, f"{rule} found nothing"
    assert found[0].file.startswith("mail/")
    assert found[0].fix
    assert found[0].severity is RULES[rule].severity


def test_a_finding_names_the_line(linted: Callable[..., list]) -> None:
    found = linted(with_markup('\n<mj-image src="https://nordsee.example/x.png" />'))
    alt = next(each for each in found if each.rule == "image-alt")
    assert (alt.file, alt.line) == ("mail/body.mjml", 9)


def test_a_misspelt_name_is_answered_with_the_nearest(linted: Callable[..., list]) -> None:
    found = linted(with_markup("{% if cart and not cart %}{{ cart.totl_minor }}{% endif %}"))
    name = next(each for each in found if each.rule == "undefined-variable")
    assert "total_minor" in name.fix


LAYOUT = [
    ('<mj-spacer\n height="{{ 4 + cart.total_minor if cart else 4 }}px" />', "'height' reads '"),
    ('<mj-text css-class="{{ profile.traits.tier }}">x</mj-text>', "'css-class' reads 'tier-one'"),
    ('<mj-text mj-class="{{ profile.first_name }}">x</mj-text>', "'mj-class' reads 'Ada'"),
    ('<mj-text font-family="Arial, {{ profile.first_name }}">x</mj-text>', "'font-family' reads 'Ada'"),
    (
        "<mj-table>{% filter upper %}<tr><td>{{ profile.first_name }}</td></tr>{% endfilter %}</mj-table>",
        "{% filter %}",
    ),
    ("{% macro box(w) %}<mj-spacer height='{{ w }}px' />{% endmacro %}\n{{ box(profile.email | length) }}", "'height'"),
]


@pytest.mark.parametrize(("markup", "said"), LAYOUT)
def test_a_value_that_makes_each_mail_compile_alone_is_told(
    markup: str, said: str, linted: Callable[..., list]
) -> None:
    found = [each for each in linted(with_markup(markup)) if each.rule == "value-in-layout"]
    assert [each.message for each in found if said in each.message], found
    assert found[0].file == "mail/body.mjml" and found[0].line in (8, 9), found


IN_HEAD = "<mj-head><mj-attributes><mj-all color='{{ %s }}' /></mj-attributes></mj-head>"


def test_a_value_in_mj_attributes_is_told_and_one_of_the_shop_is_not(linted: Callable[..., list]) -> None:
    for value, told in (("profile.first_name", True), ("shop.brand.accent", False)):
        body = CLEAN["body.mjml"].replace("<mj-body>", f"{IN_HEAD % value}<mj-body>", 1)
        rules = [(each.rule, each.line) for each in linted({"body.mjml": body})]
        assert (("value-in-layout", 2) in rules) is told, rules


@pytest.mark.parametrize(
    "markup",
    [
        '<mj-section padding="{{ shop.brand.radius }}px"><mj-column><mj-text>x</mj-text></mj-column></mj-section>',
        "{% macro box(w, c) %}<mj-spacer height='{{ w }}px' container-background-color='{{ c }}' />{% endmacro %}"
        "{{ box(20, shop.brand.accent) }}",
        "<mj-spacer height=\"{{ '40' if profile.first_name else '20' }}px\" />",
        '<mj-text color="{{ profile.traits.colour or "#222222" }}">{{ profile.first_name or "you" }}</mj-text>',
        "{% for line in (cart.lines if cart else []) %}<mj-spacer height='{{ 10 * loop.index }}px' />{% endfor %}",
        '<mj-text><img src="{{ shop.logo_url }}" alt="{{ profile.first_name }}" width="10" /></mj-text>',
    ],
)
def test_values_of_the_shop_fixed_ones_and_those_mjml_lets_pass_are_fine(
    markup: str, linted: Callable[..., list]
) -> None:
    body = CLEAN["body.mjml"]
    whole = markup.startswith("<mj-section")
    files = {"body.mjml": body.replace("</mj-body>", markup + "</mj-body>")} if whole else with_markup(markup)
    assert [each for each in linted(files) if each.rule == "value-in-layout"] == []


def test_all_that_keeps_a_template_from_rendering_is_told_at_once(linted: Callable[..., list]) -> None:
    markup = "<mj-buton>x</mj-buton>{% if cart and not cart %}<mj-txt>{{ shop.nmae }}</mj-txt>{% endif %}"
    body = "{% import '_base/nothing.mjml' as ui %}" + with_markup(markup)["body.mjml"]
    told = [(each.rule, each.line, each.message, each.fix) for each in linted({"body.mjml": body})]
    errors = [
        (rule, line, message) for rule, line, message, _ in told if rule in ("template-error", "undefined-variable")
    ]
    assert errors == [
        ("template-error", 1, "there is no template file '_base/nothing.mjml'"),
        ("template-error", 8, "there is no such MJML element (at <mj-buton>)"),
        ("template-error", 8, "there is no such MJML element (at <mj-txt>)"),
        ("undefined-variable", 8, "there is no '.nmae'"),
    ]
    assert {fix for *_, fix in told} >= {"did you mean <mj-button>?", "did you mean <mj-text>?", "did you mean 'name'?"}


def test_a_misspelt_component_is_told_once(linted: Callable[..., list]) -> None:
    found = [each for each in linted(BROKEN["template-error"]) if each.rule == "template-error"]
    assert len(found) == 1, found


def test_a_file_of_the_template_that_cannot_be_read_is_a_finding(linted: Callable[..., list], tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir(exist_ok=True)
    (tmp_path / "mail" / "part.mjml").write_text("{% if %}")
    found = linted(with_markup("{% include './part.mjml' %}"))
    assert ("template-error", "mail/part.mjml", 1) in [(each.rule, each.file, each.line) for each in found]


def test_pictures_of_a_loop_are_told_once(linted: Callable[..., list]) -> None:
    loop = (
        "{% for line in (cart.lines if cart else []) %}<mj-image src='{{ line.image_url }}' width='9px' />{% endfor %}"
    )
    assert [each.rule for each in linted(with_markup(loop)) if each.rule == "image-alt"] == ["image-alt"]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_documented(rule: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "lint-rules.md").read_text()
    assert f"### {rule}\n" in page


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ('<mj-text><div style="display: grid">x</div></mj-text>', "display: grid does nothing in "),
        ('<mj-text><div style="width:calc(100% - 4px)">x</div></mj-text>', "calc() does nothing in "),
        ('<mj-text><div style="padding:2vmin">x</div></mj-text>', "the unit vmin does nothing in "),
        ("<mj-text><picture></picture></mj-text>", "<picture> does nothing in "),
        ("<mj-text><p hidden=''>x</p></mj-text>", "hidden= does nothing in "),
    ],
)
def test_what_a_client_ignores_is_told_with_its_share_and_year(
    markup: str, said: str, linted: Callable[..., list]
) -> None:
    [found] = [each for each in linted(with_markup(markup)) if each.rule == "css-support"]
    assert found.message.startswith(said)
    assert "Outlook" in found.message or "Gmail" in found.message
    assert re.search(r"\(\d+ of \d+ clients tested, in 20\d\d: https://www.caniemail.com/features/", found.message)


def test_a_style_sheet_is_looked_into_and_what_is_harmless_is_not_mentioned(linted: Callable[..., list]) -> None:
    sheet = (
        "<mj-head><mj-style>@keyframes x {} .a:nth-child(2) { color: red } /* gap: 1px */</mj-style></mj-head><mj-body>"
    )
    found = linted({"body.mjml": CLEAN["body.mjml"].replace("<mj-body>", sheet)})
    told = sorted(each.message.split(" does nothing")[0] for each in found if each.rule == "css-support")
    assert told == [":nth-child", "@keyframes"]
    harmless = '<mj-text><p style="border-radius:4px;cursor:pointer;color:#111" role="note" lang="en">x</p></mj-text>'
    assert finding_lines(linted(with_markup(harmless))) == []


def test_a_misspelt_component_is_answered_with_its_line_and_the_nearest(linted: Callable[..., list]) -> None:
    [found] = linted(with_markup('\n<mj-buton href="https://nordsee.example/">Go</mj-buton>'))
    assert (found.rule, found.file, found.line) == ("template-error", "mail/body.mjml", 9)
    assert "did you mean <mj-button>?" in found.message + found.fix


@pytest.mark.parametrize(
    ("markup", "said", "fix"),
    [
        ('<mj-spacer heigth="4px" />', "<mj-spacer> has no attribute heigth", "did you mean height?"),
        ('<mj-text\n  align="left"\n  Color="#111111">x</mj-text>', "<mj-text> has no attribute Color", "color?"),
        ('<mj-spacer data-track="1" />', "<mj-spacer> has no attribute data-track", "leave it out"),
    ],
)
def test_an_attribute_mjml_does_not_know_is_answered_with_its_line_and_the_nearest(
    markup: str, said: str, fix: str, linted: Callable[..., list]
) -> None:
    [found] = [each for each in linted(with_markup("\n" + markup)) if each.rule == "unknown-attribute"]
    assert found.message.startswith(said)
    assert found.fix.endswith(fix)
    assert (found.file, found.line) == ("mail/body.mjml", 9 + markup.count("\n"))


def test_defaults_and_classes_are_looked_into_for_attributes(linted: Callable[..., list]) -> None:
    head = """<mj-head><mj-attributes>
<mj-section backgroud-color="#ffffff" /><mj-all paddding="0" /><mj-class name="warm" colr="#111111" />
</mj-attributes></mj-head><mj-body>"""
    found = linted({"body.mjml": CLEAN["body.mjml"].replace("<mj-body>", head)})
    told = {(each.line, each.fix) for each in found if each.rule == "unknown-attribute"}
    assert told == {(3, f"did you mean {name}?") for name in ("background-color", "padding", "color")}


def test_attributes_that_mjml_knows_and_those_of_html_are_not_mentioned(linted: Callable[..., list]) -> None:
    head = (
        '<mj-head><mj-attributes><mj-all font-family="Arial" /><mj-class name="warm" color="#111111" />'
        '<mj-button inner-padding="16px 24px" /></mj-attributes></mj-head><mj-body css-class="page" width="580px">'
    )
    known = '<mj-text mj-class="warm" css-class="intro"><p data-x="1" title="a heigth=\'1\'">x</p></mj-text>'
    body = with_markup(known)["body.mjml"].replace("<mj-body>", head)
    assert finding_lines(linted({"body.mjml": body})) == []


UNDRAWN_IN = {
    "mj-section": "<mj-section @><mj-column><mj-text>x</mj-text></mj-column></mj-section>",
    "mj-wrapper": "<mj-wrapper @><mj-section></mj-section><mj-section></mj-section></mj-wrapper>",
    "mj-hero": '<mj-hero background-url="https://a.example/b.png" @><mj-text>x</mj-text></mj-hero>',
    "mj-social-element": '<mj-social><mj-social-element src="a.png" href="https://a.example" @>x</mj-social-element>'
    "</mj-social>",
    "mj-accordion-title": "<mj-accordion><mj-accordion-element><mj-accordion-title @>x</mj-accordion-title>"
    "</mj-accordion-element></mj-accordion>",
    "mj-image": '<mj-image src="a.png" srcset="b.png 2x" @ />',
    "mj-social": '<mj-social @><mj-social-element name="facebook" href="https://a.example" /></mj-social>',
    "mj-spacer": "<mj-spacer @ />",
    "mj-table": "<mj-table @><tr><td>x</td></tr></mj-table>",
}
VALUES = ("37px", "#123456", "17px solid #123456", "right", "fixed", "bold", "presentation", "100vw", "b.png 2x")


@pytest.mark.parametrize("component", undrawn_attributes())
def test_what_is_told_to_do_nothing_changes_no_mail_while_others_do(component: str) -> None:
    def drawn(attribute: str) -> str:
        inner = UNDRAWN_IN.get(component, f'<{component} href="https://a.example" @>x</{component}>')
        if component not in ("mj-section", "mj-wrapper", "mj-hero"):
            inner = f"<mj-section><mj-column>{inner}</mj-column></mj-section>"
        return html_from_mjml(f"<mjml><mj-body>{inner.replace('@', attribute)}</mj-body></mjml>")

    assert drawn('css-class="seen" alt="seen"') != drawn("")
    for name in undrawn_attributes()[component]:
        assert {drawn(f'{name}="{value}"') for value in VALUES} == {drawn("")}, name


def test_an_attribute_that_does_nothing_is_told(linted: Callable[..., list]) -> None:
    [found] = linted(with_markup('<mj-text background-color="#ffffff">x</mj-text>'))
    assert (found.rule, found.message) == (
        "unknown-attribute",
        "background-color of <mj-text> does nothing in our mails",
    )


@pytest.mark.parametrize(
    ("files", "rule", "place", "said"),
    [
        (BROKEN["translation-field"], "translation-field", "mail/locale/de.yaml:2", "did you mean '{name}'?"),
        (with_markup("\n\n{% for x in slots.a.items() %}{% endfor %}{% for x in order.items %}{% endfor %}"),
         "undefined-variable", "mail/body.mjml:10", "there is no '.items'"),
        (with_markup("{% if coupon %}\n<mj-text>{{ coupon.expires_at }}</mj-text>{% endif %}"),
         "raw-value", "mail/body.mjml:9", "write | date"),
        (with_markup("\n<mj-text>Until {{ coupon.expires_at | date }}</mj-text>"),
         "persona-holes", "mail/body.mjml:9", "'.expires_at' of a value that is None"),
        (with_markup('\n<mj-text>{{ slots.a["items"][0].title }}</mj-text>'),
         "persona-holes", "mail/body.mjml:9", "no item [0] in a list of 0"),
    ],
)  # fmt: skip
def test_what_strangers_get_wrong_is_told_with_its_line(
    files: dict[str, str], rule: str, place: str, said: str, linted: Callable[..., list]
) -> None:
    lines = [line for line in finding_lines(linted(files)) if f" {rule}: " in line]
    assert any(line.startswith(f"{place}:") and said in line for line in lines), lines


@pytest.mark.parametrize(
    "markup",
    [
        "{{ (cart.total_minor if cart else 0) | money }} {{ shop.name if not order else order.completed_at | date }}",
        "{% if cart and cart.total_minor > 500 %}a lot{% endif %}{% set sum = cart.total_minor if cart else 0 %}",
        '<img src="//nordsee.example/x.png" alt="" width="9" /><img src="cid:x" alt="" width="9" />',
    ],
)
def test_what_is_right_is_not_mentioned(markup: str, linted: Callable[..., list]) -> None:
    rules = {each.rule for each in linted(with_markup(f"<mj-text>{markup}</mj-text>"))}
    assert not rules & {"raw-value", "image-address", "template-error", "persona-holes"}


def test_a_mistake_found_both_ways_is_told_once(linted: Callable[..., list]) -> None:
    found = [each for each in linted({"subject.txt": "{{ profile.frist_name }}"}) if each.file == "mail/subject.txt"]
    assert [each.rule for each in found] == ["undefined-variable"]

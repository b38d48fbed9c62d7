"""What every shipped email owes its reader, for shoppers with all there is and with holes."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser
from typing import Any

import pytest
from ruamel.yaml import YAML

from campaigns.rendering import TemplateStore, shipped_templates

NAMES = sorted(folder.parent.name for folder in shipped_templates().glob("[a-z]*/body.mjml"))
SHOPPERS = [
    "everything",
    "nothing but the trigger",
    "no name",
    "no pictures",
    "no slots",
    "no prices",
    "no product links",
    "one product",
    "two products",
    "three products",
    "twelve products",
    "a hundred products",
    "long words",
    "markup in a name",
    "reads right to left",
]
EVERY_MAIL = pytest.mark.parametrize("name", NAMES)
EVERY_SHOPPER = pytest.mark.parametrize("shopper", SHOPPERS)


class Page(HTMLParser):
    """The tags of a page with their attributes, in order, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        self._hidden += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag in tags]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@cache
def page_of(html: str) -> Page:
    """A page taken apart once."""
    return Page(html)


@pytest.fixture
def mail(store: TemplateStore, context: Any, shoppers: dict[str, dict[str, Any]]) -> Any:
    return lambda name, shopper: store.get(name).render(context(**shoppers[shopper]))


def test_the_family_is_complete() -> None:
    assert set(NAMES) >= {
        "abandoned_cart",
        "abandoned_cart_reminder",
        "abandoned_cart_last_call",
        "browse_abandonment",
        "browse_abandonment_reminder",
        "post_purchase_thank_you",
        "post_purchase_cross_sell",
        "post_purchase_review",
        "abandoned_checkout",
        "price_drop",
        "back_in_stock",
        "replenishment",
        "win_back",
        "welcome",
    }


@EVERY_MAIL
@EVERY_SHOPPER
def test_every_mail_is_whole_for_every_shopper(mail: Any, name: str, shopper: str) -> None:
    sent = mail(name, shopper)
    for part in (sent.subject, sent.preheader, page_of(sent.html).text, sent.text):
        assert part.strip()
        assert not re.search(r"\bNone\b|{{|{%|}}|%}|Undefined", part), part
    assert len(sent.subject) <= 78
    assert "\n" not in sent.subject + sent.preheader
    assert len(sent.html.encode()) < 90_000


@EVERY_MAIL
@EVERY_SHOPPER
def test_every_mail_can_be_left_and_names_its_sender(mail: Any, name: str, shopper: str) -> None:
    sent = mail(name, shopper)
    page = page_of(sent.html)
    targets = {link.get("href") for link in page.all("a")}
    for link in ("https://mail.alderash.example/u/1", "https://mail.alderash.example/p/1"):
        assert link in targets
        assert link in sent.text
    for part in (page.text, sent.text):
        assert "12 Orchard Lane, Bristol BS1 4QD, United Kingdom" in part
        if shopper != "reads right to left":
            assert "You are receiving this because" in part


@EVERY_MAIL
@EVERY_SHOPPER
def test_pictures_have_words_and_sizes(mail: Any, name: str, shopper: str) -> None:
    for picture in page_of(mail(name, shopper).html).all("img"):
        assert picture["alt"].strip()
        assert picture["src"].startswith("https://")
        assert int(picture["width"]) <= 600
        assert int(picture["height"]) > 0


@EVERY_MAIL
@EVERY_SHOPPER
def test_links_lead_somewhere(mail: Any, name: str, shopper: str) -> None:
    for link in page_of(mail(name, shopper).html).all("a"):
        assert re.match(r"https://\w|mailto:\w", link["href"]), link


@EVERY_MAIL
def test_headings_step_down_from_one_h1(mail: Any, name: str) -> None:
    levels = [tag for tag, _ in page_of(mail(name, "everything").html).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == "h1"
    assert levels.count("h1") == 1
    assert set(levels) <= {"h1", "h2"}


@EVERY_MAIL
def test_compiled_once_equals_rendered_first(store: TemplateStore, context: Any, name: str) -> None:
    everything = context()
    assert store.get(name).render(everything).html == store.get(name).render_uncompiled(everything)


@EVERY_MAIL
def test_direction_follows_the_reader(mail: Any, name: str) -> None:
    assert page_of(mail(name, "everything").html).all("html")[0]["dir"] == "ltr"
    assert page_of(mail(name, "reads right to left").html).all("html")[0]["dir"] == "rtl"


@EVERY_MAIL
def test_a_name_with_markup_stays_a_name(mail: Any, name: str) -> None:
    assert not page_of(mail(name, "markup in a name").html).all("b")


@EVERY_MAIL
def test_every_product_is_in_html_and_text(mail: Any, context: Any, name: str) -> None:
    sent = mail(name, "everything")
    page = page_of(sent.html)
    titles = {picture["alt"] for picture in page.all("img")} - {"Alder & Ash"}
    assert titles
    for title in titles:
        assert title in page.text
        assert title in sent.text


def test_the_first_cart_mail_never_gives_a_discount(mail: Any) -> None:
    sent = mail("abandoned_cart", "everything")
    assert "BACK-7H2K" not in sent.html + sent.text


@pytest.mark.parametrize("name", ["abandoned_cart_last_call", "win_back", "welcome"])
def test_a_coupon_says_its_code_and_its_end(mail: Any, name: str) -> None:
    sent = mail(name, "everything")
    for part in (page_of(sent.html).text, sent.text):
        assert "BACK-7H2K" in part
        assert "6 October" in part
        assert "10:30" in part
    bare = mail(name, "nothing but the trigger")
    assert "code" not in page_of(bare.html).text.lower()


def test_an_empty_slot_folds_with_its_heading(mail: Any) -> None:
    assert "You might also like" in page_of(mail("abandoned_cart", "everything").html).text
    folded = mail("abandoned_cart", "no slots")
    assert "You might also like" not in page_of(folded.html).text
    assert "YOU MIGHT ALSO LIKE" not in folded.text


def test_a_slot_of_the_workspace_may_bring_its_own_heading(store: TemplateStore, context: Any) -> None:
    values = context()
    values["slots"]["recommendations"]["title"] = "From our potters"
    sent = store.get("abandoned_cart").render(values)
    assert "From our potters" in sent.html
    assert "FROM OUR POTTERS" in sent.text


def test_a_missing_picture_becomes_initials(mail: Any) -> None:
    page = page_of(mail("abandoned_cart", "no pictures").html)
    assert [picture["alt"] for picture in page.all("img")] == ["Alder & Ash"]
    assert "HS" in page.text


def test_reviews_start_with_the_star_that_was_tapped(mail: Any) -> None:
    targets = [link["href"] for link in page_of(mail("post_purchase_review", "everything").html).all("a")]
    assert "https://alderash.example/p/0?rating=1" in targets
    assert "https://alderash.example/p/0?rating=5" in targets


def test_the_brand_reaches_every_colour(store: TemplateStore, context: Any) -> None:
    brand = {"primary": "#123456", "surface": "#fedcba", "dark": {"background": "#010203"}}
    html = store.get("abandoned_cart").render(context(brand=brand)).html
    assert all(colour in html for colour in ("#123456", "#fedcba", "#010203"))


def test_a_long_cart_says_how_much_more_there_is(mail: Any) -> None:
    sent = mail("abandoned_cart", "a hundred products")
    assert "and 88 more products" in page_of(sent.html).text
    assert "and 88 more products" in sent.text


def test_every_piece_and_template_is_in_the_design_system_page() -> None:
    emails = shipped_templates()
    page = emails.parent.parent / "docs" / "design-system.md"
    if not page.exists():
        pytest.skip("the documentation is not beside the templates")
    written = page.read_text()
    macros = [
        found
        for part in ("parts.mjml", "products.mjml", "pieces.txt")
        for found in re.findall(r"macro (\w+)\(", (emails / "_base" / part).read_text())
    ]
    inner = {"line_words", "line_price", "words", "reason", "pairs"}
    assert [name for name in (*NAMES, *macros) if f"`{name}" not in written and name not in inner] == []


LOCALES = sorted(path.stem for path in (shipped_templates() / "_base" / "locale").glob("*.yaml"))


@pytest.mark.parametrize("locale", [each for each in LOCALES if each != "en"])
def test_a_shipped_language_is_complete(locale: str) -> None:
    texts = YAML(typ="safe").load((shipped_templates() / "_base" / "locale" / f"{locale}.yaml").read_text("utf-8"))
    written = "".join(path.read_text("utf-8") for path in shipped_templates().rglob("*.*") if path.suffix != ".yaml")
    said = set(re.findall(r'\b_\("([^"]*)"', written))
    assert said == set(texts)
    for english, text in texts.items():
        for form in text.values() if isinstance(text, dict) else [text]:
            lacking = set(re.findall(r"{\w+}", english)) - set(re.findall(r"{\w+}", form))
            assert lacking <= {"{n}"}, form


@pytest.mark.parametrize(
    ("locale", "title", "unsubscribe"),
    [
        ("de_DE", "Bereit, wann immer du es bist, Anna", "Abmelden"),
        ("fr_FR", "Toujours là, quand vous voudrez, Anna", "Se désabonner"),
        ("es_MX", "Aquí sigue, cuando quieras, Anna", "Darse de baja"),
        ("ar", "ما زالت هنا متى شئت، Anna", "إلغاء الاشتراك"),
        ("fi_FI", "Still here when you are, Anna", "Unsubscribe"),
    ],
)
def test_a_mail_speaks_the_readers_language(
    store: TemplateStore, context: Any, locale: str, title: str, unsubscribe: str
) -> None:
    sent = store.get("abandoned_cart").render(context(locale=locale))
    for part in (page_of(sent.html).text, sent.text):
        assert title in part
        assert unsubscribe in part


def test_numbers_take_the_readers_plural(store: TemplateStore, context: Any) -> None:
    for locale, words in (
        ("en_GB", "and 3 more products"),
        ("de_DE", "und 3 weitere Produkte"),
        ("ar", "و3 منتجات أخرى"),
    ):
        assert words in page_of(store.get("abandoned_cart").render(context(locale=locale, lines=15)).html).text


@EVERY_MAIL
def test_a_name_of_a_whole_sentence_is_left_out(mail: Any, name: str) -> None:
    sent = mail(name, "long words")
    for part in (sent.subject, page_of(sent.html).text, sent.text):
        assert "Maximiliana" not in part


def test_stars_run_in_the_direction_of_reading(store: TemplateStore, context: Any) -> None:
    for locale, direction in (("ar", "rtl"), ("en", "ltr")):
        html = store.get("post_purchase_review").render(context(locale=locale)).html
        rows = re.findall(r'<div\sdir="(\w+)"[^>]*><a\sclass="rk-star" [^>]*rating=(\d)', html)
        assert rows and set(rows) == {(direction, "1")}


def test_a_french_colon_has_its_space(store: TemplateStore, context: Any) -> None:
    text = store.get("abandoned_cart").render(context(locale="fr")).text
    assert "Se désabonner\u00a0: https" in text and "Total\u00a0: " in text
    assert not re.search(r"\w:( |\n)", text)

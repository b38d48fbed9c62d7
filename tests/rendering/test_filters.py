"""Money, dates, times and plural forms as a reader of the locale writes them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from babel.numbers import format_currency
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.rendering import EmailTemplate, RenderContext, TemplateProblem, profile_context
from campaigns.rendering.money import money_text

LOCALES = (
    "en",
    "en_GB",
    "de",
    "de_AT",
    "de_CH",
    "fr",
    "fr_CA",
    "ar",
    "hi",
    "ja",
    "pt_BR",
    "pl",
    "sv",
    "nl",
    "es",
    "he",
    "fa",
)


@settings(deadline=None)
@given(
    minor=st.integers(min_value=-(10**12), max_value=10**12),
    currency=st.sampled_from(["EUR", "USD", "JPY", "KWD", "CHF", "GBP", "INR", "SEK"]),
    locale=st.sampled_from(LOCALES),
)
def test_money_is_what_babel_writes(minor: int, currency: str, locale: str) -> None:
    digits = {"JPY": 0, "KWD": 3}.get(currency, 2)
    from decimal import Decimal

    assert money_text(minor, currency, locale) == format_currency(
        Decimal(minor).scaleb(-digits), currency, locale=locale
    )


@pytest.mark.parametrize(
    ("locale", "zone", "source", "shown"),
    [
        ("de-DE", "Europe/Berlin", "{{ cart.total_minor | money }}", "178,42\xa0€"),
        ("en-US", "UTC", "{{ 123450 | money('USD') }}", "$1,234.50"),
        ("ja", "Asia/Tokyo", "{{ 1234 | money('JPY') }}", "￥1,234"),
        ("en-US", "UTC", "{{ none | money }}", ""),
        ("en-US", "America/New_York", "{{ now | date }}", "March 14, 2026"),
        ("de-DE", "Asia/Tokyo", "{{ now | date }}", "15. März 2026"),
        ("en-GB", "Europe/London", "{{ now | time }}", "18:30"),
        ("en-GB", "Asia/Kolkata", "{{ now | datetime('short') }}", "15/03/2026, 00:00"),
        ("en", "UTC", "{{ now | date('d MMM') }}", "14 Mar"),
        ("en", "Mars/Olympus", "{{ now | time('HH:mm') }}", "18:30"),
        ("xx-YY", "UTC", "{{ now | date }}", "March 14, 2026"),
        ("en", "UTC", "{{ cart.count | plural('{n} item', '{n} items') }}", "6 items"),
        ("en", "UTC", "{{ 1 | plural('{n} item', '{n} items') }}", "1 item"),
        ("pl", "UTC", "{{ 3 | plural('{n} plik', '{n} plików', few='{n} pliki') }}", "3 pliki"),
        ("de", "UTC", "{{ 1234567 | number }}", "1.234.567"),
        ("de", "UTC", "{{ 0.25 | percent }}", "25\xa0%"),
        ("en", "UTC", "{{ 7500 | discount(10000) }} {{ 100 | discount(none) }}", "25 0"),
        ("en", "UTC", "{{ 7200 | duration }}", "2 hours"),
    ],
)
def test_as_the_reader_writes_it(
    locale: str,
    zone: str,
    source: str,
    shown: str,
    write: Callable[..., EmailTemplate],
    context_with: Callable[..., RenderContext],
) -> None:
    template = write("<mjml><mj-body></mj-body></mjml>", subject=source)
    context = context_with(profile=profile_context(profile_id="1", locale=locale, zone=zone))
    assert template.render(context).subject.replace("\u202f", " ") == shown.replace("\xa0", " ") or (
        template.render(context).subject == shown
    )


@pytest.mark.parametrize(("hours", "shown"), [(3, "in 3 hours"), (-48, "2 days ago")])
def test_relative_time(
    hours: int, shown: str, write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = write("<mjml><mj-body></mj-body></mjml>", subject="{{ coupon.expires_at | relative_time }}")
    now = datetime(2026, 3, 14, 18, 30, tzinfo=UTC)
    coupon = {"code": "x", "description": "", "expires_at": now + timedelta(hours=hours)}
    profile = profile_context(profile_id="1", locale="en")
    assert template.render(context_with(now=now, coupon=coupon, profile=profile)).subject == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{{ 1999 | money('eur') }}", "€19.99"),
        ("{{ 5000 | money('JPY') }} {{ -1999 | money }} {{ 0 | money }}", "¥5,000 -€19.99 €0.00"),
        ("{{ now | date('d MMM, HH:mm') }}", "14 Mar, 19:30"),
        ("[{{ none | duration }}{{ none | date }}{{ none | relative_time }}{{ none | percent }}]", "[]"),
        ("{{ none | plural('{n} a', '{n} b') }}", "0 b"),
        ("{% for n in [0, 1, 2, 3, 11, 100] %}"
         "{{ n | plural('one', 'other', zero='zero', two='two', few='few', many='many') }} {% endfor %}",
         "zero one two few many other"),
    ],
)  # fmt: skip
def test_odd_values(
    source: str, shown: str, write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    locale = "ar" if "for n in" in source else "en"
    profile = profile_context(profile_id="1", locale=locale, zone="Europe/Berlin")
    template = write("<mjml><mj-body></mj-body></mjml>", subject=source)
    assert template.render(context_with(profile=profile)).subject == shown


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (datetime(2026, 3, 29, 0, 30), "01:30"),  # naive: read as UTC
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "01:59"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "03:00"),  # the hour that is left out
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "02:30"),
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "02:30"),  # and the one that comes twice
    ],
)
def test_summer_time(
    at: datetime, shown: str, write: Callable[..., EmailTemplate], context_with: Callable[..., RenderContext]
) -> None:
    template = write("<mjml><mj-body></mj-body></mjml>", subject="{{ coupon.expires_at | time }}")
    profile = profile_context(profile_id="1", locale="de", zone="Europe/Berlin")
    context = context_with(profile=profile, coupon={"code": "c", "description": "", "expires_at": at})
    assert template.render(context).subject == shown


@pytest.mark.parametrize(
    "filtered", ["'x' | money", "'x' | number", "'x' | percent", "'x' | duration", "'x' | plural('a')", "'x' | date"]
)
def test_a_value_that_is_none_of_it_is_named(
    filtered: str, write: Callable[..., EmailTemplate], context: RenderContext
) -> None:
    with pytest.raises(TemplateProblem, match=r"'x' is no (number|time)"):
        write("<mjml><mj-body></mj-body></mjml>", subject=f"{{{{ {filtered} }}}}").render(context)

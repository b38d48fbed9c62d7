"""Filters of the shop: money, dates in the reader's zone, relative time, plural forms, safe URLs and CSS values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_decimal, format_percent
from jinja2 import pass_context
from jinja2.runtime import Context

from campaigns.rendering.css_values import safe_css
from campaigns.rendering.money import money_text
from campaigns.rendering.urls import safe_url
from campaigns.rendering.voice import SPEAKING, Voice

_FORMATS = frozenset({"short", "medium", "long", "full"})


def _voice() -> Voice:
    """The voice of this rendering. Filters take the context all the same, so that Jinja does not fold them at compile
    time.
    """
    found = SPEAKING.voice
    if found is None:
        raise TypeError("this filter needs the reader's locale, which only a rendering has")
    return found


@pass_context
def money(_: Context, minor: int | None, currency: str = "", locale: str = "") -> str:
    """Minor units as money: `{{ line.price_minor | money(line.currency) }}`. None shows nothing."""
    if minor is None:
        return ""
    voice = SPEAKING.voice or _voice()
    return money_text(int(_counted(minor)), currency or voice.currency, locale or voice.locale)


@pass_context
def local_date(_: Context, value: datetime | date | None, form: str = "long", locale: str = "") -> str:
    """The day in the reader's zone; `form` is short, medium, long, full or a CLDR pattern such as `d MMM`."""
    if value is None:
        return ""
    voice = _voice()
    if isinstance(value, date) and not isinstance(value, datetime):
        return str(format_date(value, _form(form), locale=locale or voice.locale))
    write = format_date if form in _FORMATS else format_datetime  # a pattern may ask for the hour too
    return str(write(_in_zone(value, voice), _form(form), locale=locale or voice.locale))


@pass_context
def local_time(_: Context, value: datetime | None, form: str = "short", locale: str = "") -> str:
    """The time of day in the reader's zone."""
    if value is None:
        return ""
    voice = _voice()
    return str(format_time(_in_zone(value, voice), _form(form), locale=locale or voice.locale))


@pass_context
def local_datetime(_: Context, value: datetime | None, form: str = "medium", locale: str = "") -> str:
    """Day and time in the reader's zone."""
    if value is None:
        return ""
    voice = _voice()
    return str(format_datetime(_in_zone(value, voice), _form(form), locale=locale or voice.locale))


@pass_context
def relative_time(_: Context, value: datetime | None, locale: str = "") -> str:
    """`in 3 hours`, `2 days ago`: from the moment of sending."""
    if value is None:
        return ""
    voice = _voice()
    distance = _aware(value) - _aware(voice.now)
    return str(format_timedelta(distance, add_direction=True, locale=locale or voice.locale))


@pass_context
def duration(_: Context, value: timedelta | int | float | None, locale: str = "") -> str:
    """A span of time in words: `3 hours`; a number is seconds, None shows nothing."""
    if value is None:
        return ""
    span = value if isinstance(value, timedelta) else timedelta(seconds=_counted(value))
    return str(format_timedelta(span, locale=locale or _voice().locale))


@pass_context
def plural(_: Context, count: int | None, one: str, other: str = "", **forms: str) -> str:
    """The form for a count by the locale's rules: `{{ cart.count | plural("{n} item", "{n} items") }}`.

    Locales with more forms take them by name (`few=`, `many=`, `two=`, `zero=`); `{n}` becomes the number.
    """
    voice, number = _voice(), _counted(count or 0)
    kind = plural_kind(voice.locale, number)
    text = forms.get(kind) or (one if kind == "one" else other or one)
    return text.replace("{n}", str(format_decimal(number, locale=voice.locale))) if "{n}" in text else text


@pass_context
def number(_: Context, value: int | float | None, form: str | None = None) -> str:
    """A number with the reader's separators."""
    return "" if value is None else str(format_decimal(_counted(value), format=form, locale=_voice().locale))


@pass_context
def percent(_: Context, value: float | None) -> str:
    """A share (0.25) as the reader writes it (25 %)."""
    return "" if value is None else str(format_percent(_counted(value), locale=_voice().locale))


def discount(price_minor: int | None, list_price_minor: int | None) -> int:
    """Whole percent saved against the list price, 0 where there is no reduction."""
    if not price_minor or not list_price_minor or list_price_minor <= price_minor:
        return 0
    return round((list_price_minor - price_minor) * 100 / list_price_minor)


@lru_cache(maxsize=4_096)
def plural_kind(locale: str, number: int) -> str:
    """The CLDR plural form of a number: one, few, other, ..."""
    return str(Locale.parse(locale).plural_form(number))


def _counted(value: Any) -> Any:
    if type(value) is int or isinstance(value, int | float):
        return value
    raise TypeError(f"{str(value)[:40]!r} is no number")  # a name that is not there says so itself, here


def _in_zone(value: datetime, voice: Voice) -> datetime:
    return _aware(value).astimezone(voice.zone)


def _aware(value: datetime) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"{str(value)[:40]!r} is no time")  # a name that is not there says so itself, here
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _form(form: str) -> Any:
    return form if form in _FORMATS else form[:40]


FILTERS: dict[str, Callable[..., Any]] = {
    "money": money,
    "date": local_date,
    "time": local_time,
    "datetime": local_datetime,
    "relative_time": relative_time,
    "duration": duration,
    "plural": plural,
    "number": number,
    "percent": percent,
    "discount": discount,
    "url": safe_url,
    "css": safe_css,
}

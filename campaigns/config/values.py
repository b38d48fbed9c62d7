"""The kinds of value a setting may have, beyond text and numbers: durations, quiet hours, colours, zones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time, timedelta
from difflib import get_close_matches
from typing import Annotated, Any
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from babel.numbers import is_currency
from pydantic import AfterValidator, BeforeValidator

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)(?:ecs?|econds?|ins?|inutes?|ours?|ays?|eeks?)?(?![a-z])")
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")
_ADDRESS = re.compile(r"[^@\s<>,;:\"]+@[^@\s<>,;:\"]+")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def parse_duration(value: object) -> timedelta:
    """A length of time from text such as "30s", "90 min", "1h", "5d", "2w" or "1h 30m".

    Raises ValueError for anything else, a bare number too: its unit would be a guess.
    """
    if isinstance(value, timedelta):
        return value
    text = str(value).strip().lower()
    seconds = sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION.findall(text))
    if not text or _DURATION.sub("", text).strip(" ,"):
        raise ValueError(f'"{value}" is not a length of time; write for example "30s", "90m", "1h" or "5d"')
    if seconds <= 0:
        raise ValueError(f'"{value}" is no time at all; a limit is switched off by "off", not by zero')
    return timedelta(seconds=seconds)


def _duration_or_off(value: object) -> timedelta | None:
    return None if _is_off(value) else parse_duration(value)


def _is_off(value: object) -> bool:
    return value is None or value is False or (isinstance(value, str) and value.strip().lower() == "off")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The hours of a shopper's night in which no marketing mail leaves; `end` may lie on the next day."""

    start: time
    end: time

    @classmethod
    def parse(cls, value: object) -> QuietHours:
        """From text such as "21:00-08:00". Raises ValueError."""
        try:
            start, end = (time.fromisoformat(part.strip().zfill(5)) for part in str(value).split("-"))
        except ValueError:
            raise ValueError(f'"{value}" is not a span of hours; write for example "21:00-08:00" or "off"') from None
        if start == end:
            raise ValueError(f'"{value}" begins and ends at once; write "off" for no quiet hours')
        return cls(start, end)

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"


def _quiet_hours_or_off(value: object) -> QuietHours | None:
    if isinstance(value, QuietHours):
        return value
    return None if _is_off(value) else QuietHours.parse(value)


def none_if_empty(value: object) -> object:
    """None for an empty text: `REKINDLE_REDIS_URL=` means "not set"."""
    return None if isinstance(value, str) and not value.strip() else value


def postgres_url(value: object) -> object:
    """The database's address with the driver this product uses; only PostgreSQL is understood. Raises ValueError."""
    if not isinstance(value, str) or none_if_empty(value) is None:
        return none_if_empty(value)
    scheme, _, rest = value.strip().partition("://")
    if not rest or scheme not in ("postgres", "postgresql", "postgresql+psycopg"):
        raise ValueError("only PostgreSQL is understood; write postgresql+psycopg://name:password@host/database")
    return f"postgresql+psycopg://{rest}"


def _zone(name: str) -> str:
    known = available_timezones()
    if name in known:
        return name
    raise ValueError(f'"{name}" is not a time zone{_perhaps(name, known)}; write for example "Europe/Berlin"')


def _locale(name: str) -> str:
    try:
        return str(Locale.parse(name.replace("-", "_")))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f'"{name}" is not a locale; write for example "en", "de" or "pt_BR"') from None


def _currency(code: str) -> str:
    if is_currency(code.upper()):
        return code.upper()
    raise ValueError(f'"{code}" is not a currency code; write for example "EUR", "USD" or "GBP"')


def _colour(value: str) -> str:
    if _COLOUR.fullmatch(value):
        return value.lower()
    raise ValueError(f'"{value}" is not a colour; write for example "#1f6feb"')


def _address(value: str) -> str:
    if value == "" or _ADDRESS.fullmatch(value):
        return value
    raise ValueError(f'"{value}" is not an email address; write for example "hello@shop.example"')


def _slug(value: str) -> str:
    if _SLUG.fullmatch(value):
        return value
    raise ValueError(f'"{value}" must be small letters, digits, "-" and "_", at most 63')


def _web_address(value: str) -> str:
    if value == "" or re.fullmatch(r"https?://[^\s/]+\S*", value):
        return value.rstrip("/")
    raise ValueError(f'"{value}" must begin with https:// or http://')


def _cart_address(value: str) -> str:
    for place in re.findall(r"\{[^}]*\}?", value):
        if place not in ("{cart_id}", "{items}"):
            raise ValueError(f'"{place}" cannot be filled; there is {{cart_id}} and {{items}}')
    return _web_address(value)


def _perhaps(name: str, known: Any) -> str:
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" (did you mean {near[0]}?)" if near else ""


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
DurationOrOff = Annotated[timedelta | None, BeforeValidator(_duration_or_off)]
QuietHoursOrOff = Annotated[QuietHours | None, BeforeValidator(_quiet_hours_or_off)]
ZoneName = Annotated[str, AfterValidator(_zone)]
LocaleName = Annotated[str, AfterValidator(_locale)]
CurrencyCode = Annotated[str, AfterValidator(_currency)]
Colour = Annotated[str, AfterValidator(_colour)]
EmailAddress = Annotated[str, AfterValidator(_address)]
Slug = Annotated[str, AfterValidator(_slug)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
CartAddress = Annotated[str, AfterValidator(_cart_address)]


def names_of(value: object) -> object:
    """A list of names; a variable holds them with commas between them, and bare numbers are taken as their digits."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list):
        return [str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in value]
    return value

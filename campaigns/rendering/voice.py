"""How a mail speaks to one reader: language, zone, money and the hour, resolved once per rendering."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError


@dataclass(frozen=True, slots=True)
class Voice:
    """The reader's locale (`de_AT`), zone, the shop's currency, and the moment the mail is about."""

    locale: str
    zone: tzinfo
    currency: str
    now: datetime

    @property
    def language(self) -> str:
        """The language as HTML's `lang` wants it: `de-AT`."""
        return self.locale.replace("_", "-")

    @property
    def direction(self) -> str:
        """`rtl` for Arabic, Hebrew, Persian and the like, else `ltr`."""
        return text_direction(self.locale)


class Speaking(threading.local):
    """The voice of the rendering under way on this thread: filters hear it inside macros imported without context
    too.
    """

    voice: Voice | None = None


SPEAKING = Speaking()


def voice_of(context: Mapping[str, Any]) -> Voice:
    """The profile's locale and zone, else the shop's; unknown ones fall back instead of losing the mail."""
    profile, shop = context.get("profile") or {}, context.get("shop") or {}
    now = context.get("now")
    return Voice(
        locale=known_locale(str(profile.get("locale") or ""), str(shop.get("locale") or "")),
        zone=known_zone(str(profile.get("zone") or ""), str(shop.get("zone") or "")),
        currency=str(shop.get("currency") or "EUR"),
        now=now if isinstance(now, datetime) else datetime.fromtimestamp(0, UTC),
    )


@lru_cache(maxsize=1_024)
def text_direction(locale: str) -> str:
    """How a locale that CLDR knows is written: `ltr` or `rtl`."""
    return str(Locale.parse(locale).text_direction)


@lru_cache(maxsize=4_096)
def known_locale(*wanted: str) -> str:
    """The first of the locales that CLDR knows (`pt-BR`, `pt_BR` and `pt` alike), else `en`."""
    for each in wanted:
        for candidate in (each, each.replace("-", "_").partition("_")[0]):
            try:
                return str(Locale.parse(candidate.replace("-", "_")))
            except (UnknownLocaleError, ValueError, TypeError):
                continue
    return "en"


@lru_cache(maxsize=4_096)
def known_zone(*wanted: str) -> tzinfo:
    """The first of the IANA zones that exists, else UTC."""
    for each in wanted:
        try:
            if each:
                return ZoneInfo(each)
        except (KeyError, ValueError, OSError):
            continue
    return UTC

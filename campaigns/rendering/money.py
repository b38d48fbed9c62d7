"""Money in the reader's words: minor units and a currency to `€1.234,50`, as CLDR (through Babel) writes it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, get_currency_precision, parse_pattern


@lru_cache(maxsize=65_536)
def money_text(minor: int, currency: str, locale: str) -> str:
    """`minor` units of `currency` as a reader of `locale` writes them: (123450, "EUR", "de") -> "1.234,50 €"."""
    return _writer(currency, locale)(minor)


@lru_cache(maxsize=512)
def _writer(currency: str, locale: str) -> Callable[[int], str]:
    """A quick writer where the pattern allows one: Babel's own takes longer than all else in a product card."""
    digits = get_currency_precision(currency)
    pattern = Locale.parse(locale).currency_formats["standard"]
    parsed = pattern if isinstance(pattern, NumberPattern) else parse_pattern(pattern)

    def by_babel(minor: int) -> str:
        return str(parsed.apply(_decimal(minor, digits), locale, currency=currency))

    return by_babel


def _decimal(minor: int, digits: int) -> Decimal:
    return Decimal(minor).scaleb(-digits)

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
    """Babel's own writing takes longer than all else in a product card: it is asked once for each length of number, and
    the digits are put in."""
    currency = currency.upper()
    digits = get_currency_precision(currency)
    spoken = Locale.parse(locale)
    pattern = spoken.currency_formats["standard"]
    parsed = pattern if isinstance(pattern, NumberPattern) else parse_pattern(pattern)
    forms: dict[int, str | None] = {}

    def by_babel(minor: int) -> str:
        return str(parsed.apply(_decimal(minor, digits), spoken, currency=currency))

    def quick(minor: int) -> str:
        text = str(minor).zfill(digits + 1)
        length = len(text)
        if length not in forms:
            forms[length] = _form(by_babel(int("1" * length)), by_babel(int("2" * length)), length)
        form = forms[length]
        return form % tuple(text) if form and minor >= 0 else by_babel(minor)

    return quick


def _form(ones: str, twos: str, length: int) -> str | None:
    """A number's form with `%s` for each digit, from two numbers of that length; None where it is not that simple."""
    if len(ones) != len(twos):
        return None
    pairs = list(zip(ones, twos, strict=True))
    if sum(pair == ("1", "2") for pair in pairs) != length or any(a != b and (a, b) != ("1", "2") for a, b in pairs):
        return None
    return "".join("%s" if a != b else "%%" if a == "%" else a for a, b in pairs)


def _decimal(minor: int, digits: int) -> Decimal:
    return Decimal(minor).scaleb(-digits)

"""Money in the reader's words: minor units and a currency to `€1.234,50`, as CLDR (through Babel) writes it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, get_currency_precision, parse_pattern


def money_text(minor: int, currency: str, locale: str) -> str:
    """`minor` units of `currency` as a reader of `locale` writes them: (123450, "EUR", "de") -> "1.234,50 €"."""
    return money_writer(currency, locale)(minor)


@lru_cache(maxsize=512)
def money_writer(currency: str, locale: str) -> Callable[[int], str]:
    """What writes minor units of a currency for the readers of a locale.

    Babel's own writing takes longer than all else in a product card: it is asked once for each length of number, and
    the digits are put in."""
    currency = currency.upper()
    digits = get_currency_precision(currency)
    spoken = Locale.parse(locale)
    pattern = spoken.currency_formats["standard"]
    parsed = pattern if isinstance(pattern, NumberPattern) else parse_pattern(pattern)
    forms: dict[int, Callable[[str], str] | None] = {}

    def by_babel(minor: int) -> str:
        return str(parsed.apply(_decimal(minor, digits), spoken, currency=currency))

    def quick(minor: int) -> str:
        text = str(minor)
        length = len(text)
        if length <= digits:
            text = text.zfill(digits + 1)
            length = digits + 1
        if length not in forms:
            forms[length] = _form(by_babel(int("1" * length)), by_babel(int("2" * length)), length)
        form = forms[length]
        return form(text) if form and minor >= 0 else by_babel(minor)

    return quick


def _form(ones: str, twos: str, length: int) -> Callable[[str], str] | None:
    """What puts digits into a number's form, found from two numbers of that length; None where it is not that
    simple."""
    if len(ones) != len(twos):
        return None
    pairs = list(zip(ones, twos, strict=True))
    if sum(pair == ("1", "2") for pair in pairs) != length or any(a != b and (a, b) != ("1", "2") for a, b in pairs):
        return None
    between, lengths = [""], [0]
    for one, two in pairs:
        if one != two:
            lengths[-1] += 1
        elif lengths[-1]:
            between.append(one)
            lengths.append(0)
        else:
            between[-1] += one
    return _filling(between, lengths)


def _filling(between: list[str], lengths: list[int]) -> Callable[[str], str]:
    """Cuts a number into parts of these lengths and writes each after the text before it."""
    ends = [sum(lengths[: place + 1]) for place in range(len(lengths))]
    if len(lengths) <= 4 and not any(lengths[3:]):  # 12 kr, €12.50, 1.234,50 €
        first, second, third, last = (*between, "", "", "")[:4]
        one, two = (*ends, ends[-1])[:2]
        return lambda text: f"{first}{text[:one]}{second}{text[one:two]}{third}{text[two:]}{last}"
    parts = [(text, slice(end - length, end)) for text, length, end in zip(between, lengths, ends, strict=True)]
    return lambda text: "".join([before + text[part] for before, part in parts])


def _decimal(minor: int, digits: int) -> Decimal:
    return Decimal(minor).scaleb(-digits)

"""Money in the reader's words: minor units and a currency to `€1.234,50`, as CLDR (through Babel) writes it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import NumberPattern, get_currency_precision, parse_pattern


def money_text(minor: int, currency: str, locale: str) -> str:
    """`minor` units of `currency` as a reader of `locale` writes them: (123450, "EUR", "de") -> "1.234,50 €"."""
    forms = money_forms(currency, locale)
    digits = str(minor)
    write = forms[len(digits)] if minor >= 0 else None
    return forms.by_babel(minor) if write is None else write(digits)


class MoneyForms(dict[int, Callable[[str], str] | None]):
    """How amounts of one currency are written for the readers of one locale, by the number of their digits: what
    writes them, or None where only Babel can.

    Babel's own writing takes longer than all else in a product card: it is asked once for each number of digits."""

    def __init__(self, currency: str, locale: str) -> None:
        self._currency, self._spoken = currency.upper(), Locale.parse(locale)
        self._decimals = get_currency_precision(self._currency)
        pattern = self._spoken.currency_formats["standard"]
        self._pattern = pattern if isinstance(pattern, NumberPattern) else parse_pattern(pattern)

    def by_babel(self, minor: int) -> str:
        """The amount, written the slow way."""
        amount = Decimal(minor).scaleb(-self._decimals)
        return str(self._pattern.apply(amount, self._spoken, currency=self._currency))

    def __missing__(self, length: int) -> Callable[[str], str] | None:
        least = self._decimals + 1
        if length < least:
            write = self[least]
            self[length] = write and (lambda digits: write(digits.zfill(least)))
        else:
            self[length] = _form(self.by_babel(int("1" * length)), self.by_babel(int("2" * length)), length)
        return self[length]


@lru_cache(maxsize=512)
def money_forms(currency: str, locale: str) -> MoneyForms:
    """The forms of a currency for a locale, kept."""
    return MoneyForms(currency, locale)


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

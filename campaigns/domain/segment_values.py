"""Single values as clients send them - ids, texts, times, amounts - made safe and exact."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

MAX_ID: Final = 255
MAX_TEXT: Final = 2048
MAX_DEPTH: Final = 16
MAX_MINOR: Final = 10**15
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)

# ISO 4217 "minor unit" column; every currency not named here has two digits.
_WITHOUT_DIGITS: Final = (
    *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_THREE_DIGITS: Final = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_EXPONENTS: Final = {
    **dict.fromkeys(_WITHOUT_DIGITS, 0),
    **dict.fromkeys(_THREE_DIGITS, 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
# What broken integrations send for "nobody": taken as an id, each would merge all strangers into one shopper.
_NOBODY: Final = frozenset(
    {
        *("0", "-1", "null", "none", "nil", "nan", "undefined", "anonymous", "guest", "unknown", "true", "false"),
        *("[object object]", "not_authenticated", "user_id", "userid", "distinct_id", "{}", "[]", "n/a", "na"),
        "00000000-0000-0000-0000-000000000000",
    }
)
_LONGEST_NOBODY: Final = max(map(len, _NOBODY))
_RUN_TOGETHER: Final = frozenset(
    f"{noun}id"
    for noun in ("product", "cart", "checkout", "order", "user", "anonymous", "message", "previous", "session")
)
_POWERS: Final = (1, 10, 100, 1_000, 10_000)
_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_WORD_BREAK: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_EMAIL: Final = re.compile(r"[^@\s<>()\[\],;:\"\\]{1,64}@[^@\s<>()\[\],;:\"\\.]+(?:\.[^@\s<>()\[\],;:\"\\.]+)+")
_EPOCH_TEXT: Final = re.compile(r"-?[0-9]+(?:\.[0-9]*)?")
_NOT_AMOUNT: Final = re.compile(r"[^0-9.,-]+")


@lru_cache(maxsize=16_384)
def snake(key: str) -> str:
    """The snake_case spelling of a key: `productId`, `Product ID`, `product-id`, `productid` are all `product_id`."""
    found = _WORD_BREAK.sub("_", key).strip("_").lower()
    return f"{found[:-2]}_id" if found in _RUN_TOGETHER else found


def is_given(value: object) -> bool:
    """False for None, empty text and NaN: the ways in which clients leave a field out."""
    return value not in (None, "") and not (isinstance(value, float) and math.isnan(value))


def text(value: object, limit: int = MAX_TEXT) -> str | None:
    """`value` as one safe text without control characters and outer blanks; None where nothing readable is left."""
    if value is None:
        return None
    if not isinstance(value, str):
        value = _number_as_text(value)
        if value is None:
            return None
    if value.isprintable() and len(value) <= limit:  # nearly always: nothing to cut, nothing to take out
        return value.strip() or None
    return _UNSAFE.sub("", value[: limit * 4]).strip()[:limit].rstrip() or None


def _number_as_text(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value) if abs(value) < 10**30 else None


def identifier(value: object) -> str | None:
    """An id as text (numbers become their digits). None for an empty one, one over 255 characters (cut short, two
    shoppers could become one) and for the placeholders broken integrations send for "nobody"."""
    found = None if value is None else text(value, MAX_ID + 1)
    if found is None or len(found) > MAX_ID or (len(found) <= _LONGEST_NOBODY and found.lower() in _NOBODY):
        return None
    return found


def email_address(value: object) -> str | None:
    """A plausible address in lower case, else None. Deliverability is not judged here."""
    if not isinstance(value, str) or "@" not in value or len(value) > 1024:
        return None
    found = text(value, 1024)
    if found is None or len(found) > 254 or not _EMAIL.fullmatch(found):
        return None
    return found.lower()


def scrub(value: Any, depth: int = MAX_DEPTH) -> Any:
    """The same JSON value with safe texts, NaN and infinity as None, wild numbers as text, cut below `depth` levels."""
    if isinstance(value, str):
        return value if value.isprintable() else _UNSAFE.sub("", value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else _number_as_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth <= 0:
        return None
    if isinstance(value, dict):
        return {scrub(str(key)): scrub(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrub(item, depth - 1) for item in value]
    return None


def moment(value: object) -> datetime | None:
    """A point in time from ISO 8601 text (no zone means UTC) or epoch seconds, milliseconds or microseconds."""
    try:
        if isinstance(value, str):
            stripped = value.strip()
            if stripped[4:5] == "-" or len(stripped) < 9 or not _EPOCH_TEXT.fullmatch(stripped):
                return _utc(datetime.fromisoformat(stripped))
            return _from_epoch(float(stripped))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _from_epoch(float(value))
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _utc(found: datetime) -> datetime:
    if found.tzinfo is UTC:
        return found
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _from_epoch(number: float) -> datetime:
    size = abs(number)
    seconds = number if size < 1e11 else number / 1e3 if size < 1e14 else number / 1e6
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def currency_code(value: object) -> str | None:
    """An ISO 4217 code in capitals, or None."""
    if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isalpha():
        return value.upper()
    return None


def minor_units(value: object, currency: str | None) -> int | None:
    """An amount in whole units ("1.299,00 EUR", 19.99) as minor units of `currency` (two digits where it is unknown).

    Half a unit rounds up. None for what is negative, not a number, or beyond 10**15.
    """
    exponent = _EXPONENTS.get(currency, 2) if currency else 2
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        scaled = value * _POWERS[exponent]
    elif isinstance(value, float):
        scaled = _scaled_float(value, exponent)
    elif isinstance(value, str):
        scaled = _scaled_text(value, exponent)
    else:
        return None
    return scaled if 0 <= scaled <= MAX_MINOR else None


def _scaled_float(value: float, exponent: int) -> int:
    if not math.isfinite(value):
        return -1
    product = value * _POWERS[exponent]
    nearest = round(product)
    if abs(product - nearest) < 0.1:
        return nearest
    return _half_up(Decimal(repr(value)), exponent)


def _scaled_text(value: str, exponent: int) -> int:
    try:
        return _half_up(Decimal(value[:64]), exponent)
    except InvalidOperation:
        digits = _NOT_AMOUNT.sub("", value[:64])
    if "," in digits:
        digits = _with_decimal_point(digits)
    elif digits.count(".") > 1:
        digits = digits.replace(".", "")
    try:
        return _half_up(Decimal(digits), exponent)
    except InvalidOperation:
        return -1


def _with_decimal_point(digits: str) -> str:
    head, _, tail = digits.rpartition(",")
    if "." in digits:
        return digits.replace(",", "") if "." in tail else head.replace(".", "").replace(",", "") + "." + tail
    # A single comma before exactly three digits separates thousands ("1,299"); any other one is a decimal comma.
    return f"{head}.{tail}" if "," not in head and len(tail) != 3 else head.replace(",", "") + tail


def _half_up(amount: Decimal, exponent: int) -> int:
    if not amount.is_finite() or abs(amount) > MAX_MINOR:
        return -1
    return int(amount.scaleb(exponent).quantize(Decimal(1), rounding=ROUND_HALF_UP))

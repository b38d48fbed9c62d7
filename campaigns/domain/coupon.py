"""Coupons: what a step promises, and codes nobody can guess."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, Literal

SIGNS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""What a `#` of a pattern becomes: capitals and digits that nobody mistakes for each other on paper or by phone."""
LEAST_SIGNS: Final = 8
"""Fewer drawn signs could be guessed: 8 of 30 signs are 39 bits, one guess in 650 million hits one of 1,000 codes."""
MOST_CHARACTERS: Final = 64
LEAST_LIFE: Final = timedelta(hours=24)
"""A code that ends sooner than this after the mail is not handed out."""
LOW_BELOW: Final = 100
"""A pool with fewer free codes is low, whatever went out lately."""

_PATTERN: Final = re.compile(r"[A-Za-z0-9#._-]+")
_SAMPLE: Final = "SAMPLE7QK2"


@dataclass(frozen=True, slots=True)
class CouponRule:
    """The coupon of a step: a code of `pool` for each message. With a `pattern` codes are made where the pool has none
    left; else a mail without a code is not sent (`skip`) or goes without the coupon (`fold`). `valid_for` counts from
    the mail; a code that ends earlier by itself keeps its own end."""

    pool: str
    pattern: str = ""
    description: str | Mapping[str, str] = ""
    valid_for: timedelta | None = None
    when_empty: Literal["skip", "fold"] = "skip"

    def describe(self, *locales: str) -> str:
        """What it is worth, in the first of the locales that has words for it (`de-AT`, then `de`), else in any."""
        if isinstance(self.description, str):
            return self.description
        words = {locale.replace("-", "_").lower(): text for locale, text in self.description.items()}
        for locale in (*locales, "en"):
            name = locale.replace("-", "_").lower()
            for wanted in (name, name.partition("_")[0]):
                if wanted in words:
                    return words[wanted]
        return next(iter(words.values()), "")

    def end(self, at: datetime, own_end: datetime | None) -> datetime | None:
        """Until when the mail may say the code is valid: the earlier of its own end and `valid_for`."""
        ends = [end for end in (own_end, at + self.valid_for if self.valid_for else None) if end is not None]
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class Coupon:
    """A code that a message carries."""

    pool: str
    code: str
    description: str = ""
    expires_at: datetime | None = None


def pattern_fault(pattern: str) -> str:
    """What is wrong with a pattern, in words; nothing where it will do."""
    if not _PATTERN.fullmatch(pattern):
        return 'may hold letters, digits, "-", "_", "." and "#" for each drawn sign'
    if len(pattern) > MOST_CHARACTERS:
        return f"is longer than {MOST_CHARACTERS} characters"
    if pattern.count("#") < LEAST_SIGNS:
        return f'has {pattern.count("#")} "#"; with fewer than {LEAST_SIGNS} drawn signs codes could be guessed'
    return ""


def make_code(secret: bytes, pattern: str, *seed: str) -> str:
    """The code that `seed` stands for: each `#` of the pattern drawn from a keyed BLAKE2b of it. The same secret and
    seed give the same code; without the secret it cannot be told."""
    key = blake2b(secret, person=b"rekindle-coupon").digest()
    drawn = int.from_bytes(blake2b("\x00".join((pattern, *seed)).encode(), key=key).digest())
    places = []
    for _ in range(pattern.count("#")):
        drawn, place = divmod(drawn, len(SIGNS))
        places.append(place)
    signs = iter(places)
    return "".join(SIGNS[next(signs)] if sign == "#" else sign for sign in pattern)


def sample_coupon(rule: CouponRule, at: datetime, *locales: str) -> Coupon:
    """What previews and checks show: a code of the right shape that was never in any pool."""
    filling = iter(_SAMPLE * MOST_CHARACTERS)
    code = "".join(next(filling) if sign == "#" else sign for sign in rule.pattern) or "SAMPLE-7QK2"
    return Coupon(rule.pool, code, rule.describe(*locales), rule.end(at, None))

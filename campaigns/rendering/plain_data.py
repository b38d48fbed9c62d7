"""Words and addresses out of a shop's data, made harmless where they enter a context."""

from __future__ import annotations

import re
from typing import Final

from campaigns.rendering.urls import followed

_PLAIN_START: Final = ("https://", "http://")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_TURNING = re.compile("[\u202a-\u202e]")


def plain_words(text: str) -> str:
    """The text without control characters, halves of characters, and the signs that turn all that follows around
    (an override makes `fdp.exe` look like `exe.pdf`); line breaks, joiners and isolates stay."""
    if text.isprintable():
        return text
    return _TURNING.sub("", _NO_TEXT.sub(" ", text))


def plain_address(address: str) -> str:
    """The address, or "" where no mail client should follow it (`javascript:`, `data:`...), on one line."""
    if address.startswith(_PLAIN_START) and address.isprintable():
        return address
    return followed(address)

"""Colours and their contrast, after WCAG 2.1 (relative luminance, 1.4.3)."""

from __future__ import annotations

import re

_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})\Z")
_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/]\s*([\d.]+%?))?\s*\)\Z")
_NAMED = {
    "black": "#000000", "white": "#ffffff", "red": "#ff0000", "green": "#008000", "blue": "#0000ff", "gray": "#808080",
    "grey": "#808080", "silver": "#c0c0c0", "navy": "#000080", "maroon": "#800000", "yellow": "#ffff00",
    "orange": "#ffa500", "purple": "#800080", "teal": "#008080", "lightgray": "#d3d3d3", "darkgray": "#a9a9a9",
}  # fmt: skip
Colour = tuple[int, int, int]


def parsed_colour(value: str) -> Colour | None:
    """Red, green and blue; None for what is no plain opaque colour."""
    text = value.strip().lower().removesuffix("!important").strip()
    text = _NAMED.get(text, text)
    if found := _HEX.match(text):
        digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    found = _RGB.match(text)
    if found is None or found[4] not in (None, "1", "1.0", "100%"):
        return None
    return min(int(found[1]), 255), min(int(found[2]), 255), min(int(found[3]), 255)


def contrast(first: Colour, second: Colour) -> float:
    """From 1 (the same) to 21 (black on white)."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    red, green, blue = (_linear(part / 255) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

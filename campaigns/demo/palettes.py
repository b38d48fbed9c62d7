"""The colours of the drawn pictures: products, and the studio they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Colour = tuple[int, int, int]


def hexed(text: str) -> Colour:
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """`colour` with `share` (0 to 1) of `other` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Backdrop:
    wall: Colour
    floor: Colour
    glow: Colour


def _backdrop(wall: str, floor: str, glow: str) -> Backdrop:
    return Backdrop(hexed(wall), hexed(floor), hexed(glow))


BACKDROPS: Final[dict[str, Backdrop]] = {
    "sand": _backdrop("F2E8DB", "E7D9C6", "FAF4EB"),
    "rose": _backdrop("F6E3DC", "EBD0C6", "FCF1EC"),
    "leaf": _backdrop("E2E9DD", "D1DCCA", "F0F4EC"),
    "mist": _backdrop("DEE8EE", "CBDAE3", "EEF4F8"),
    "butter": _backdrop("F8ECCD", "EFDDB3", "FDF7E6"),
    "lilac": _backdrop("E9E3EE", "DAD1E1", "F4F0F7"),
    "stone": _backdrop("E9E7E3", "DAD7D1", "F4F3F0"),
    "peach": _backdrop("F8E0CD", "EECBB0", "FDF0E4"),
}

# each product colour with the backdrops it looks good on
_SWATCHES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "moss": ("6F7F4F", ("sand", "rose", "butter", "stone")),
    "terracotta": ("C8704E", ("sand", "leaf", "mist", "butter")),
    "oat": ("D9C6A8", ("leaf", "mist", "rose", "lilac")),
    "ink": ("3A4763", ("butter", "rose", "sand", "peach")),
    "blush": ("E0A698", ("leaf", "stone", "mist", "butter")),
    "sage": ("9DB095", ("rose", "sand", "butter", "lilac")),
    "ochre": ("D29C42", ("mist", "lilac", "sand", "stone")),
    "slate": ("6E7D88", ("peach", "butter", "rose", "sand")),
    "coral": ("E5765F", ("mist", "sand", "butter", "leaf")),
    "mustard": ("DFA83A", ("mist", "lilac", "rose", "stone")),
    "sky": ("86B3CF", ("peach", "sand", "butter", "rose")),
    "forest": ("416B54", ("rose", "sand", "peach", "butter")),
    "navy": ("33486E", ("butter", "sand", "rose", "mist")),
    "plum": ("855270", ("leaf", "sand", "butter", "mist")),
    "cream": ("EFE1C6", ("leaf", "mist", "lilac", "peach")),
    "rust": ("B75D3F", ("mist", "sand", "leaf", "stone")),
    "oak": ("D1A671", ("leaf", "mist", "rose", "stone")),
    "walnut": ("835C3D", ("butter", "mist", "rose", "sand")),
    "beech": ("DFBE95", ("leaf", "mist", "lilac", "rose")),
    "cherry": ("AB6342", ("sand", "leaf", "mist", "butter")),
    "brass": ("CDA855", ("mist", "lilac", "leaf", "rose")),
    "copper": ("C98460", ("mist", "sand", "leaf", "stone")),
    "steel": ("B3BCC3", ("peach", "butter", "rose", "lilac")),
    "graphite": ("4C5058", ("butter", "stone", "rose", "mist")),
    "clear": ("CFE3E4", ("sand", "peach", "lilac", "rose")),
    "smoke": ("9C9FA3", ("butter", "peach", "rose", "leaf")),
    "amber": ("D8963C", ("mist", "leaf", "lilac", "sand")),
    "seafoam": ("9CCBBB", ("rose", "sand", "peach", "butter")),
}
ACCENTS: Final = ("coral", "mustard", "sky", "forest", "plum", "cream", "terracotta", "navy")

WHITE: Final = hexed("FFFFFF")
CREAM: Final = hexed("FBF4E6")
DARK: Final = hexed("33313A")
OAK: Final = hexed("D1A671")
WALNUT: Final = hexed("83603F")
BRASS: Final = hexed("CDA855")
STEEL: Final = hexed("BCC4CA")
LEAF: Final = hexed("6E8F5B")
LEAF_DEEP: Final = hexed("557447")
LIGHT: Final = hexed("FFE9B8")


def swatch(name: str) -> Colour:
    return hexed(_SWATCHES[name][0])


def backdrops_for(name: str) -> tuple[Backdrop, ...]:
    return tuple(BACKDROPS[backdrop] for backdrop in _SWATCHES[name][1])


@dataclass(frozen=True, slots=True)
class Inks:
    """The colours one picture is drawn with: the product's own, darker and paler ones of it, and two that go along."""

    body: Colour
    accent: Colour
    second: Colour

    @property
    def deep(self) -> Colour:
        return mixed(self.body, DARK, 0.32)

    @property
    def pale(self) -> Colour:
        return mixed(self.body, WHITE, 0.45)

    @property
    def inside(self) -> Colour:
        """The inside of a vessel, where less light comes."""
        return mixed(self.body, DARK, 0.45)

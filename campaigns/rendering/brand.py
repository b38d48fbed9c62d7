"""How a shop looks, and how it looks when it does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict


class Colours(TypedDict, total=False):
    """Colours as CSS values (`#rrggbb`). Dark mode gives the same names again under `brand.dark`."""

    primary: str
    on_primary: str
    accent: str
    background: str
    surface: str
    text: str
    muted: str
    border: str


class Brand(Colours, total=False):
    """How the shop looks: colours, fonts and the corner radius (a CSS length)."""

    font: str
    heading_font: str
    radius: str
    dark: Colours


DEFAULT_BRAND: Brand = {
    "primary": "#1f3a5f",
    "on_primary": "#ffffff",
    "accent": "#b3452f",
    "background": "#f4f2ee",
    "surface": "#ffffff",
    "text": "#1d1d1f",
    "muted": "#5f6368",
    "border": "#e3e0da",
    "font": "Helvetica, Arial, sans-serif",
    "heading_font": "Georgia, Times, serif",
    "radius": "8px",
    "dark": {
        "primary": "#8fb4e3",
        "on_primary": "#10141a",
        "accent": "#ff8f73",
        "background": "#121417",
        "surface": "#1c1f24",
        "text": "#f1f1f3",
        "muted": "#a9adb3",
        "border": "#33373d",
    },
}


def brand_context(tokens: Mapping[str, Any] | None = None) -> Brand:
    """Brand tokens over the defaults; `dark` is merged on its own."""
    given = dict(tokens or {})
    dark = {**DEFAULT_BRAND["dark"], **(given.pop("dark", None) or {})}
    return {**DEFAULT_BRAND, **given, "dark": dark}  # type: ignore[typeddict-item]

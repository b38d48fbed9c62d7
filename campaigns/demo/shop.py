"""The shop itself: its name, its address and the day that is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

DEMO_DAY = date(2026, 3, 12)

BRAND: Mapping[str, Any] = MappingProxyType(
    {
        "primary": "#3f6b54",
        "on_primary": "#ffffff",
        "accent": "#b4532f",
        "background": "#f4efe6",
        "surface": "#fffdf9",
        "text": "#26302a",
        "muted": "#66706a",
        "border": "#e6dfd2",
        "heading_font": "Georgia, 'Times New Roman', serif",
        "radius": "10px",
        "dark": {
            "primary": "#8fc4a5",
            "on_primary": "#10231a",
            "accent": "#eda27f",
            "background": "#141815",
            "surface": "#1d231f",
            "text": "#eef1ec",
            "muted": "#a9b3ac",
            "border": "#323a35",
        },
    }
)


@dataclass(frozen=True, slots=True)
class DemoShop:
    """Fern & Kettle, a lifestyle shop that does not exist. Equal shops make equal catalogs, shoppers and days.

    `url` is the storefront, `picture_url` where product pictures are served (the demo's own web process), both without
    a trailing slash. `day` is the simulated day: publication dates and history are counted back from it.
    """

    seed: int = 1
    day: date = DEMO_DAY
    url: str = "https://fern-and-kettle.example"
    picture_url: str = "https://fern-and-kettle.example/pictures"
    shop_id: str = "fern-and-kettle"
    name: str = "Fern & Kettle"
    tagline: str = "Good things for slow mornings"
    currency: str = "EUR"
    zone: str = "Europe/Dublin"
    locale: str = "en-IE"
    postal_address: str = "Fern & Kettle Ltd, 14 Lamplighter Lane, Dublin 8, Ireland"
    support_email: str = "hello@fern-and-kettle.example"
    shopper_count: int = 1500

    @property
    def brand(self) -> dict[str, Any]:
        """Colours and fonts of its mails, for light and (`dark`) for dark clients."""
        return {**BRAND, "dark": dict(BRAND["dark"])}

    @property
    def logo_url(self) -> str:
        return f"{self.picture_url}/logo.png"

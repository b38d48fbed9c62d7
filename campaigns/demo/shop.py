"""The shop itself: its name, its address and the day that is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

DEMO_DAY = date(2026, 3, 12)


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
    def logo_url(self) -> str:
        return f"{self.picture_url}/logo.png"

"""The shoppers of the built-in shop: who they are, what they like, how they come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final, Literal

from campaigns.demo.catalog import DEPARTMENTS
from campaigns.demo.chance import Chance, Lottery
from campaigns.demo.shop import DemoShop

Band = Literal["thrifty", "middle", "generous"]

KNOWN_SHARE: Final = 0.5
CONSENT_SHARE: Final = 0.93
SUPPRESSED_SHARE: Final = 0.02

# locale, zone, share of shoppers
PLACES: Final[tuple[tuple[str, str, float], ...]] = (
    ("en-IE", "Europe/Dublin", 34),
    ("en-GB", "Europe/London", 26),
    ("de-DE", "Europe/Berlin", 16),
    ("nl-NL", "Europe/Amsterdam", 11),
    ("fr-FR", "Europe/Paris", 8),
    ("en-US", "America/New_York", 5),
)
FIRST_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        "Aoife", "Niamh", "Saoirse", "Ciara", "Orla", "Róisín", "Sinéad", "Conor", "Cian", "Oisín", "Declan", "Eoin",
        "Alice", "Beatrix", "Charlotte", "Daisy", "Eleanor", "Freya", "Georgia", "Hazel", "Imogen", "Jasmine", "Kate",
        "Martha", "Nadia", "Olivia", "Poppy", "Rosa", "Sophie", "Tilda", "Adam", "Ben", "Callum", "Daniel", "Edward",
        "Finn", "George", "Harry", "Idris", "Jamal", "Leo", "Marcus", "Noah", "Owen", "Priya", "Ravi", "Samuel", "Theo",
    ),
    "de": ("Anna", "Bärbel", "Clara", "Emil", "Felix", "Greta", "Hannah", "Jonas", "Jürgen", "Lena", "Mia", "Paul"),
    "nl": ("Anouk", "Bram", "Daan", "Eva", "Fleur", "Joris", "Lotte", "Maud", "Sanne", "Sem", "Thijs", "Willemijn"),
    "fr": ("Amélie", "Benoît", "Camille", "Élodie", "François", "Hugo", "Inès", "Jules", "Léa", "Manon", "Noé"),
}  # fmt: skip
LAST_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        "Byrne", "Kelly", "Murphy", "O'Brien", "Walsh", "Ryan", "Doyle", "McCarthy", "Nolan", "Ashworth", "Bennett",
        "Clarke", "Davies", "Ellis", "Fletcher", "Grant", "Hughes", "Iqbal", "Jones", "Khan", "Lewis", "Morgan",
        "Okafor", "Patel", "Quinn", "Reid", "Shah", "Taylor", "Underhill", "Vaughan", "Whitaker", "Young",
    ),
    "de": ("Bauer", "Fischer", "Hoffmann", "Klein", "Krüger", "Müller", "Richter", "Schäfer", "Vogel", "Weiß"),
    "nl": ("Bakker", "de Boer", "de Vries", "Jansen", "Kuipers", "Mulder", "Smit", "van den Berg", "Visser"),
    "fr": ("Bernard", "Dubois", "Fournier", "Girard", "Lefèvre", "Martin", "Moreau", "Petit", "Roux"),
}  # fmt: skip
# referral source, medium, referrer, share of visits
SOURCES: Final[Mapping[str, tuple[str | None, str | None, float]]] = {
    "direct": (None, None, 26),
    "google": ("organic", "https://www.google.com/", 24),
    "newsletter": ("email", None, 16),
    "instagram": ("social", "https://www.instagram.com/", 14),
    "pinterest": ("social", "https://www.pinterest.com/", 11),
    "google_ads": ("cpc", "https://www.google.com/", 9),
}


@dataclass(frozen=True, slots=True)
class Shopper:
    """One shopper. Known ones have an account (`user_id`); strangers get one only if they check out.

    `tastes` weighs departments, `sources` where visits come from; `devices` are (device, anonymous_id) pairs, most used
    first; `visits` is the mean number of sessions on a busy day; `eager` how readily this person buys (1 is usual).
    """

    number: int
    user_id: str
    known: bool
    first_name: str
    last_name: str
    email: str
    locale: str
    zone: str
    tastes: Lottery[str]
    band: Band
    sources: Lottery[str]
    devices: tuple[tuple[str, str], ...]
    visits: float
    eager: float


@dataclass(frozen=True, slots=True)
class ShopperProfile:
    """What the shop already has on file for a known shopper when the day begins. `suppression` is a do-not-send reason
    ("unsubscribe", "hard_bounce", "complaint") or None; `consent_at` is None where there never was consent."""

    user_id: str
    anonymous_ids: tuple[str, ...]
    email: str
    first_name: str
    last_name: str
    locale: str
    zone: str | None
    consent: bool
    consent_source: str
    consent_at: datetime | None
    suppression: str | None
    created_at: datetime


@lru_cache(maxsize=4)
def shoppers(shop: DemoShop) -> tuple[Shopper, ...]:
    """Everybody who ever comes to the shop, about half of them known to it."""
    return tuple(_shopper(shop, number) for number in range(shop.shopper_count))


def profiles(shop: DemoShop) -> tuple[ShopperProfile, ...]:
    """The known shoppers' profiles, to be imported before the first event. Some have no consent, a few are suppressed,
    a few have no time zone on file."""
    return tuple(_profile(shop, shopper) for shopper in shoppers(shop) if shopper.known)


def _shopper(shop: DemoShop, number: int) -> Shopper:
    chance = Chance(shop.seed, "shopper", number)
    locale, zone = chance.draw(Lottery([(place[0], place[1]) for place in PLACES], [place[2] for place in PLACES]))
    language = locale[:2]
    first, last = chance.pick(FIRST_NAMES[language]), chance.pick(LAST_NAMES[language])
    return Shopper(
        number=number,
        user_id=f"C{20000 + number}",
        known=chance.happens(KNOWN_SHARE),
        first_name=first,
        last_name=last,
        email=f"{_plain(first)}.{_plain(last)}.{number}@shoppers.example",
        locale=locale,
        zone=zone,
        tastes=_tastes(chance),
        band=chance.draw(Lottery[Band](("thrifty", "middle", "generous"), (3, 5, 2))),
        sources=_habits(chance),
        devices=_devices(number, chance),
        visits=min(chance.around(2.3, 0.55), 8.0),
        eager=min(chance.around(1.0, 0.5), 3.0),
    )


def _tastes(chance: Chance) -> Lottery[str]:
    """Two or three departments make up most of what anybody looks at."""
    names = [department.name for department in DEPARTMENTS]
    favourites = {}
    for weight in (8.0, 4.0, 2.0)[: chance.whole(2, 3)]:
        favourites[chance.draw(Lottery(names, [department.pull for department in DEPARTMENTS]))] = weight
    return Lottery(names, [favourites.get(name, 0.15) for name in names])


def _habits(chance: Chance) -> Lottery[str]:
    weights = [share * chance.around(1.0, 1.1) for _, _, share in SOURCES.values()]
    return Lottery(tuple(SOURCES), weights)


def _devices(number: int, chance: Chance) -> tuple[tuple[str, str], ...]:
    """Most people have a phone in hand; some change to a second device during the day."""
    kinds = ["phone", "desktop"] if chance.happens(0.62) else ["desktop", "phone"]
    if chance.happens(0.08):
        kinds[0] = "tablet"
    owned = kinds[: 2 if chance.happens(0.3) else 1]
    return tuple((kind, f"anon-{number:04d}-{kind}") for kind in owned)


def _profile(shop: DemoShop, shopper: Shopper) -> ShopperProfile:
    chance = Chance(shop.seed, "profile", shopper.number)
    created_at = datetime.combine(shop.day, time(), UTC) - timedelta(minutes=chance.whole(40 * 1440, 1400 * 1440))
    consent = chance.happens(CONSENT_SHARE)
    suppressed = chance.happens(SUPPRESSED_SHARE)
    return ShopperProfile(
        user_id=shopper.user_id,
        anonymous_ids=tuple(anonymous_id for _, anonymous_id in shopper.devices[:1]),
        email=shopper.email,
        first_name=shopper.first_name if not chance.happens(0.06) else "",
        last_name=shopper.last_name,
        locale=shopper.locale,
        zone=None if chance.happens(0.04) else shopper.zone,
        consent=consent,
        consent_source=chance.pick(("checkout", "footer form", "account")) if consent else "",
        consent_at=created_at if consent else None,
        suppression=chance.pick(("unsubscribe", "unsubscribe", "hard_bounce", "complaint")) if suppressed else None,
        created_at=created_at,
    )


def _plain(name: str) -> str:
    """Letters an address may have: accents fall, other signs go."""
    replaced = name.lower().translate(str.maketrans("áéíóúäöüèêëîïôûçñœ", "aeiouaoueeeiioucno")).replace("ß", "ss")
    return "".join(letter for letter in replaced if letter.isascii() and letter.isalpha())

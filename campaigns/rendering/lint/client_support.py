"""What mail clients know of CSS and HTML: the data of caniemail.com, trimmed to what a check can look for.

`client_support.json` is made from the `caniemail.json` of the npm package `caniemail` (MIT) by

    python -m campaigns.rendering.lint.client_support package/data/caniemail.json

Each feature was tested by hand at some time, many in 2019: `tested` says when, and findings repeat it.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

DATA: Final = "client_support.json"
KINDS: Final = ("property", "declaration", "function", "unit", "at-rule", "pseudo", "element", "attribute")
"""What a feature may be looked for by: a CSS property, `display:flex`, `calc(`, `10vw`, `@media`, `:hover`, a tag, an
attribute."""

_WELL_KNOWN: Final = ("gmail", "apple-mail", "outlook", "yahoo", "samsung-email", "thunderbird", "gmx", "web-de")
_PLATFORMS: Final = {"windows-mail": "", "outlook-com": "web", "desktop-webmail": "web", "desktop-app": "desktop"}
_PLATFORM_NAMES: Final = {"ios": "iOS", "android": "Android", "windows": "Windows", "macos": "macOS"}
_LISTS: Final = {
    "gap, column-gap, row-gap": ("gap", "column-gap", "row-gap"),
    "left, right, top, bottom": ("left", "right", "top", "bottom"),
    "grid-template-* properties": ("grid-template", "grid-template-areas", "grid-template-columns"),
    "HTML5 semantics": ("article", "aside", "details", "figcaption", "figure", "footer", "header", "main", "section"),
}
_PROPERTY: Final = re.compile(r"([a-z-]+)(?: property| shorthand)?")
_LICENCE: Final = "MIT License, copyright Avi Goldman, Andrew Powell; data from caniemail.com"


@dataclass(frozen=True, slots=True)
class Feature:
    """A piece of CSS or HTML and who ignores it: `ignored_by` of the `tested_with` clients tried, the last time in the
    year `tested`. `clients` names them by family, best-known first: `Gmail`, `Outlook (Windows, macOS)`."""

    title: str
    url: str
    tested: int
    tested_with: int
    ignored_by: int
    clients: tuple[str, ...]
    is_well_known: bool
    """Whether one of the clients most shoppers use is among them."""


@lru_cache(maxsize=1)
def client_support() -> Mapping[str, Mapping[str, Feature]]:
    """kind -> what to look for -> feature."""
    text = resources.files("campaigns.rendering.lint").joinpath(DATA).read_text(encoding="utf-8")
    data, found = json.loads(text), {kind: dict[str, Feature]() for kind in KINDS}
    for one in data["features"]:
        clients = _by_family(data["clients"], [data["clients"][place] for place in one["no"]])
        known = any(place < data["well_known"] for place in one["no"])
        url = f"https://www.caniemail.com/features/{one['slug']}/"
        feature = Feature(one["title"], url, one["tested"], one["of"], len(one["no"]), clients, known)
        for kind, names in one["find"].items():
            for name in names:
                found[kind].setdefault(name, feature)
    return found


def _by_family(everyone: Sequence[str], some: Sequence[str]) -> tuple[str, ...]:
    """`Gmail` where all of its clients are among them, else `Outlook (Windows, macOS)`."""
    families: dict[str, list[str]] = {}
    for client in some:
        family, _, platform = client.removesuffix(")").partition(" (")
        families.setdefault(family, []).append(platform)
    whole = Counter(client.partition(" (")[0] for client in everyone)
    return tuple(
        family if len(names) == whole[family] else f"{family} ({', '.join(names)})"
        for family, names in families.items()
    )


def trimmed(full: Mapping[str, Any]) -> dict[str, Any]:
    """The part of caniemail's data that is kept: features somebody ignores and a check can find."""
    families = full["nicenames"]["family"]
    order = [*_WELL_KNOWN, *(family for family in families if family not in _WELL_KNOWN)]
    rows = [(feature, find, _states(feature, families)) for feature in full["data"] if (find := dict(_find(feature)))]
    used = {name: family for _, _, states in rows for name, (family, _) in states.items()}
    clients = sorted(used, key=lambda name: (order.index(used[name]), name))
    features = [
        {
            "slug": feature["slug"],
            "title": feature["title"].strip(),
            "tested": int(feature["last_test_date"][:4]),
            "of": len(states),
            "no": sorted(clients.index(name) for name, (_, state) in states.items() if state == "n"),
            "find": find,
        }
        for feature, find, states in rows
    ]
    return {
        "licence": _LICENCE,
        "updated": full["last_update_date"][:10],
        "well_known": sum(used[name] in _WELL_KNOWN[:5] for name in clients),
        "clients": clients,
        "features": [one for one in features if one["no"]],
    }


def _states(feature: Mapping[str, Any], families: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Client -> (family, y, a or n), by the latest version tested; unknown ones are left out."""
    found = {}
    for family, platforms in feature["stats"].items():
        for platform, versions in platforms.items():
            name = _PLATFORMS.get(platform, _PLATFORM_NAMES.get(platform, platform.replace("-", " ")))
            state = list(versions.values())[-1][:1] if versions else "u"
            if name and state in "yan":
                found[f"{families.get(family, family)} ({name})"] = (family, state)
    return found


def _find(feature: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """(kind, names) by which a feature is told; nothing for what cannot be told from its title."""
    title, category = feature["title"].strip(), feature["category"]
    if category == "html":
        elements = [found for found in re.findall(r"<(\w+)>", title) if "form" not in found] if "<" in title else []
        if title.endswith("attribute"):
            yield "attribute", [title.split()[0]]
        elif title in _LISTS or elements:
            yield "element", list(_LISTS.get(title, elements))
    elif category == "css":
        yield from _find_css(title)


def _find_css(title: str) -> Iterator[tuple[str, list[str]]]:
    if title in _LISTS:
        yield "property", list(_LISTS[title])
    elif title.startswith("@"):
        yield "at-rule", [title[1:]]
    elif title.startswith(":"):
        yield "pseudo", [title.removesuffix("()")]
    elif title == "CSS Variables (Custom Properties)":
        yield "function", ["var"]
    elif title != "lang()" and (functions := re.findall(r"([a-z-]+)\(\)", title)):
        yield "function", functions
    elif title.endswith(" unit") and title != "initial unit":
        yield "unit", [title.split(maxsplit=1)[0]]
    elif pair := re.fullmatch(r"([a-z-]+):\s*([a-z-]+)", title):
        yield "declaration", [f"{pair[1]}:{pair[2]}"]
    elif found := _PROPERTY.fullmatch(title):
        yield "property", [found[1]]


if __name__ == "__main__":
    made = trimmed(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    target = Path(__file__).with_name(DATA)
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in made.pop("features"))
    head = json.dumps(made, indent=1).removesuffix("\n}")
    target.write_text(f'{head},\n "features": [\n{lines}\n]}}\n', encoding="utf-8")

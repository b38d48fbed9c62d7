"""Data for templates as people write them who never saw our context: plain names, lists and numbers."""

from __future__ import annotations

from typing import Any

ITEMS = [
    {"name": "Red chair", "img": "https://shop.example/1.png", "url": "https://shop.example/p/1?a=1&b=2"}
    | {"price": 12.5, "sale": True},
    {"name": "Big table", "img": "https://shop.example/2.png", "url": "https://shop.example/p/2"}
    | {"price": 99, "sale": False},
    {"name": "Lamp", "img": "https://shop.example/3.png", "url": "https://shop.example/p/3"}
    | {"price": 5, "sale": True},
]
DATA: dict[str, Any] = {
    "name": "Ann",
    "cta": "Shop now",
    "site": "https://shop.example",
    "hero": "https://shop.example/h.png",
    "email": "a@b.example",
    "color": "#ff0000",
    "radius": 4,
    "height": 320,
    "align": "center",
    "mode": "horizontal",
    "wide": True,
    "id": "a1",
    "lang": "en",
    "dir": "ltr",
    "html": "<b>x</b>",
    "nothing": None,
    "items": ITEMS,
    "nav": [{"href": "/a", "text": "A", "color": "#fff"}, {"href": "/b", "text": "B & C", "color": "#000000"}],
    "social": [
        {"kind": "facebook", "url": "https://f.example", "label": "Share"},
        {"kind": "twitter", "url": "https://t.example", "label": "Tweet"},
        {"kind": "web", "url": "https://w.example", "label": "Web"},
    ],
    "faq": [{"q": "Why?", "a": "Because."}, {"q": "How?", "a": "So."}],
    "urls": ["https://a.example/x?y=1&z=2", "whatsapp://send?text=x", "//cdn.example/x", "relative/path", "", "#"],
}
EMPTY = {"name": "", "cta": "", "id": "", "items": [], "nav": [], "social": [], "faq": []}
OTHER = {"wide": False, "align": "right", "color": "blue", "radius": 0, "height": 100, "mode": "vertical"}
SHOPPERS: dict[str, dict[str, Any]] = {
    "plain": DATA,
    "other": {**DATA, **OTHER, "items": ITEMS[:1]},
    "empty": {**DATA, **EMPTY},
    "quotes": {**DATA, "name": 'O\'Hara "Bob"'},
    "markup": {**DATA, "name": "<b>&amp; </b>"},
    "long": {**DATA, "name": "x" * 5000},
    "no-break space": {**DATA, "name": "A\u00a0B"},
    "joiners": {**DATA, "name": "👩\u200d👧 \ufe0f"},
    "line breaks": {**DATA, "name": "a\nb\r\nc\t"},
    "right to left": {**DATA, "name": "ليلى \u202e"},
}
"""One shopper for each way in which data differs; the first is the one with everything."""

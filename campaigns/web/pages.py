"""The shop's public pages: one look, one policy for what they may load, nothing of the request in them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from campaigns.rendering import shipped_templates
from campaigns.web.services import ShopLook

_COLOUR: Final = re.compile(r"#(?:[0-9a-fA-F]{3}){1,2}")
_FONT: Final = re.compile(r"[\w ,'\"-]{1,200}")
_LENGTH: Final = re.compile(r"\d{1,3}(?:\.\d{1,2})?(?:px|em|rem)?")
_COLOURS: Final = ("primary", "on_primary", "accent", "background", "surface", "text", "muted", "border")
_COLOUR_PATTERNS: Final = dict.fromkeys(_COLOURS, _COLOUR)
_SHAPE_PATTERNS: Final = {"font": _FONT, "heading_font": _FONT, "radius": _LENGTH}


class Pages:
    """Renders `templates/console/public/<name>.html` in the shop's look."""

    def __init__(self, shop: ShopLook, folder: Path | None = None) -> None:
        folder = folder or shipped_templates().parent / "console" / "public"
        self._environment = Environment(
            loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._environment.globals.update(shop=shop, look=look_of(shop.brand))

    def show(
        self, name: str, status: int = 200, *, headers: Mapping[str, str] | None = None, **values: Any
    ) -> HTMLResponse:
        """The page as an answer. It may load pictures and post to itself, and run no script at all."""
        nonce = secrets.token_urlsafe(16)
        html = self._environment.get_template(f"{name}.html").render(nonce=nonce, **values)
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; img-src https: http: data:; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )
        return HTMLResponse(
            html, status, {"Content-Security-Policy": policy, "X-Robots-Tag": "noindex", **(headers or {})}
        )


def look_of(brand: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The brand's `shape` and its `light` and `dark` colours as CSS variables; what is unsafe in a style sheet is left
    out. Light colours never reach the dark page: a brand without a dark twin gets the plain one, which is readable."""
    dark = brand.get("dark")
    return {
        "shape": _tokens(brand, _SHAPE_PATTERNS),
        "light": _tokens(brand, _COLOUR_PATTERNS),
        "dark": _tokens(dark if isinstance(dark, Mapping) else {}, _COLOUR_PATTERNS),
    }


def _tokens(values: Mapping[str, Any], patterns: Mapping[str, re.Pattern[str]]) -> dict[str, str]:
    return {
        key.replace("_", "-"): value
        for key, pattern in patterns.items()
        if isinstance(value := values.get(key), str) and pattern.fullmatch(value)
    }


def masked(address: str) -> str:
    """An address its owner recognises and a stranger cannot use: `a•••@example.com`. Links are forwarded and logged."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}" if at else "•••"

"""Where the links of a mail lead: the shop's own analytics are told, and the cart is found again on any device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from campaigns.config import Settings
from campaigns.pipeline.subject import Subject
from campaigns.rendering import Utm


def utm_of(settings: Settings) -> Utm | None:
    """The parameters that links to the shop carry; None where the workspace wants none."""
    links = settings.links
    return Utm(links.utm_source, links.utm_medium) if links.utm else None


def link_options(settings: Settings) -> dict[str, Any]:
    """What a template store is told about links."""
    return {"utm": utm_of(settings), "open_pixel": settings.links.open_pixel}


def subjects_cart_url(settings: Settings, subject: Subject) -> str:
    """The address of the cart a mail is about, with its analytics parameters."""
    lines = [(line.product_id, line.quantity) for line in subject.cart_lines()]
    variant = subject.variant.name if subject.variant else ""
    content = f"{subject.step_number}-{variant}" if variant else str(subject.step_number)
    return address_of_cart(settings, subject.cart_id, lines, campaign=subject.campaign.campaign_id, content=content)


def address_of_cart(
    settings: Settings, cart_id: str, lines: Iterable[tuple[str, int]], *, campaign: str, content: str = ""
) -> str:
    """`shop.cart_url` with its places filled: the cart's id, and its lines as `id:quantity,id:quantity`."""
    pattern = settings.shop.cart_url or f"{settings.shop.url}/cart"
    if "{" in pattern:
        items = ",".join(f"{quote(product_id, safe='')}:{quantity}" for product_id, quantity in lines)
        pattern = pattern.replace("{cart_id}", quote(cart_id, safe="")).replace("{items}", items)
    utm = utm_of(settings)
    return utm.added(pattern, campaign=campaign, content=content) if utm else pattern

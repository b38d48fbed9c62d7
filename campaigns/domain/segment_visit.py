"""Where a visit came from and on what device, as far as the context of a message tells."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from campaigns.domain.segment_values import MAX_ID, MAX_TEXT, text
from triggers.events import Visit

_TABLET: Final = re.compile(r"ipad|tablet|kindle|silk/|playbook|android(?!.*mobile)", re.IGNORECASE)
_PHONE: Final = re.compile(r"iphone|ipod|mobile|android|windows phone|blackberry|opera mini", re.IGNORECASE)


def visit_of(context: Mapping[str, Any], known: Mapping[str, Any]) -> Visit | None:
    """The visit of an event from its context and its snake_case properties; None where nothing is known.

    A referrer of the landing page's own host is left out: a click from page to page is not where a visit came from.
    """
    page, campaign = _part(context, "page"), _part(context, "campaign")
    facts = (
        _text(page.get("url")) or _text(known.get("url")),
        _text(page.get("referrer")) or _text(_part(context, "referrer").get("url")) or _text(known.get("referrer")),
        _text(campaign.get("source")),
        _text(campaign.get("medium")),
        _text(campaign.get("name")),
        _device(context),
    )
    return None if facts == _NO_FACTS else _visit(facts)


_Facts = tuple[str | None, str | None, str | None, str | None, str | None, str | None]
_NO_FACTS: Final[_Facts] = (None,) * 6


@lru_cache(maxsize=2_048)  # a visit's events all say the same
def _visit(facts: _Facts) -> Visit | None:
    landing_url, referrer = text(facts[0]), text(facts[1])
    utm = _utm(landing_url) if landing_url and "utm_" in landing_url else {}
    visit = Visit(
        referrer=referrer if _is_elsewhere(referrer, landing_url) else None,
        source=text(facts[2], MAX_ID) or utm.get("utm_source"),
        medium=text(facts[3], MAX_ID) or utm.get("utm_medium"),
        campaign=text(facts[4], MAX_ID) or utm.get("utm_campaign"),
        landing_url=landing_url,
        device=facts[5],
    )
    return visit if visit != _NOTHING else None


_NOTHING: Final = Visit()
_NO_PART: Final[Mapping[str, Any]] = {}


def _part(context: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = context.get(key)
    return part if isinstance(part, dict) else _NO_PART


def _text(value: object) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def _is_elsewhere(referrer: str | None, landing_url: str | None) -> bool:
    """False also for what is no address, such as the "$direct" of RudderStack."""
    host = host_of(referrer or "")
    return bool(host) and host != host_of(landing_url or "")


def _utm(url: str) -> Mapping[str, str]:
    try:
        query = parse_qs(urlsplit(url).query, max_num_fields=100)
    except ValueError:
        return {}
    return {key: found for key, values in query.items() if (found := text(values[0], MAX_ID))}


def host_of(url: str) -> str:
    """The host of a URL in lower case without `www.`; empty where there is none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _device(context: Mapping[str, Any]) -> str | None:
    agent = context.get("userAgent") or context.get("user_agent")
    if isinstance(agent, str) and agent:
        return device_of(agent[:512])
    kind = _part(context, "device").get("type")
    return "phone" if isinstance(kind, str) and kind.lower() in {"ios", "android", "mobile", "phone"} else None


@lru_cache(maxsize=2_048)
def device_of(user_agent: str) -> str:
    """Tells `phone`, `tablet` or `desktop` from a User-Agent header; whatever names no small screen is a desktop."""
    if _TABLET.search(user_agent):
        return "tablet"
    return "phone" if _PHONE.search(user_agent) else "desktop"

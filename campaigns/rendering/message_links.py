"""The links of one mail: those to other sites become tracked ones, those to the shop get campaign parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from markupsafe import escape

from campaigns.rendering.links import LinkKind, LinkSigner, Utm, host_of
from campaigns.rendering.markup import unescaped

_PLAIN_URL = re.compile(
    r"(https?)://([a-z0-9.\-]+)(/[A-Za-z0-9\-._~/]*)?(?:\?([A-Za-z0-9\-._~/=&]+))?\Z"
).match  # nothing in it asks for more than the four replacements below


class MessageLinks(dict[str, str]):
    """Addresses as they stand in the HTML (escaped) to what stands there in the end; computed when first asked for.

    mailto, `#` and links signed already stay as they are."""

    def __init__(self, signer: LinkSigner, context: Mapping[str, Any], utm: Utm | None) -> None:
        campaign, ref = context["campaign"], str(context["message"]["ref"])
        self._base, self._utm = signer.base_url, utm
        self._sign = signer.signing(LinkKind.CLICK, ref)
        self._before = str(escape(f"{signer.base_url}/c/{ref}/"))
        self._names = (
            str(campaign["id"]),
            "-".join(str(part) for part in (campaign["step"], campaign["variant"]) if part),
        )
        self._shop = host_of(str(context["shop"]["url"] or "")) if utm is not None else ""
        self._own = frozenset(str(link) for link in context["links"].values() if link)

    def __missing__(self, address: str) -> str:
        url = unescaped(address)
        made = self[str(address)] = str(address) if self._stays(url) else self._tracked(url)
        return made

    def _stays(self, url: str) -> bool:
        return not url.startswith(("https://", "http://")) or url.startswith(self._base) or url in self._own

    def _tracked(self, url: str) -> str:
        plain = _PLAIN_URL(url)
        if plain is None or "utm_" in url:
            target = self._with_utm(url)
            quoted = quote(target, safe="")
        else:
            target, quoted = url, _quoted(*plain.groups())
            if self._shop and (plain[2] == self._shop or plain[2].endswith(f".{self._shop}")):
                added = _added(self._utm, *self._names, "&" if plain[4] else "?")
                target, quoted = target + added[0], quoted + added[1]
        return f"{self._before}{self._sign(target)}?u={quoted}"  # of signs that HTML need not escape

    def _with_utm(self, url: str) -> str:
        host = host_of(url)
        if self._utm is None or not self._shop or not (host == self._shop or host.endswith(f".{self._shop}")):
            return url
        return self._utm.added(url, campaign=self._names[0], content=self._names[1])


def _quoted(scheme: str, host: str, path: str | None, query: str | None) -> str:
    """A plain address percent-encoded, as `quote` does."""
    start = f"{scheme}%3A%2F%2F{host}{path.replace('/', '%2F') if path else ''}"
    if query is None:
        return start
    return f"{start}%3F{query.replace('/', '%2F').replace('=', '%3D').replace('&', '%26')}"


@lru_cache(maxsize=4_096)
def _added(utm: Utm | None, campaign: str, content: str, sign: str) -> tuple[str, str]:
    """What is put behind an address without `utm_*` parameters, and the same percent-encoded."""
    query = utm.added("", campaign=campaign, content=content).removeprefix("?") if utm else ""
    return (f"{sign}{query}", quote(f"{sign}{query}", safe="")) if query else ("", "")

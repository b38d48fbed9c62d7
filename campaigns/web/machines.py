"""Is it a shopper or a machine? Scanners of mail gateways open every link of a mail, previews fetch every picture.

What is marked as a machine's is recorded and kept out of rates and attribution; nobody is turned away for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

_SCANNERS: Final = re.compile(
    r"barracuda|proofpoint|mimecast|symantec|messagelabs|ironport|fireeye|trellix|trendmicro|trend micro|fortinet|"
    r"fortimail|sophos|cloudmark|zscaler|checkpoint|check point|vadesecure|avanan|area1|urlscan|virustotal|"
    r"safebrowsing|mailscanner|(?<!cu)bot\b|crawler|spider|slurp|bingpreview|uripreview|link ?preview|"
    r"facebookexternalhit|whatsapp/|embedly|headless|phantomjs|puppeteer|playwright|selenium|"
    r"python-|python/|aiohttp|httpx|curl/|wget|okhttp|go-http|java/|apache-http|libwww|node-fetch|axios|undici|ruby/|php/",
    re.IGNORECASE,
)
_PREFETCH: Final = ("purpose", "sec-purpose", "x-purpose", "x-moz")
# Apple Mail Privacy Protection fetches every picture through a proxy that names itself by nothing more than this.
_APPLE_PROXY: Final = "Mozilla/5.0"


def is_machine(
    method: str,
    headers: Mapping[str, str],
    *,
    occurred_at: datetime,
    sent_at: datetime | None = None,
    window: timedelta = timedelta(seconds=10),
) -> bool:
    """True for a HEAD request, a prefetch, a known scanner or library, no User-Agent at all, and for anything within
    `window` of the sending: no shopper reads that fast. `headers` has lower-case names."""
    if method == "HEAD" or any(_is_prefetch(headers.get(name, "")) for name in _PREFETCH):
        return True
    agent = headers.get("user-agent", "").strip()[:512]
    if not agent or agent == _APPLE_PROXY or _SCANNERS.search(agent):
        return True
    return sent_at is not None and occurred_at - sent_at < window


def _is_prefetch(value: str) -> bool:
    return "prefetch" in value.lower() or "preview" in value.lower()

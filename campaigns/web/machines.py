"""Is it a shopper or a machine? Scanners of mail gateways open every link of a mail, previews fetch every picture.

What is marked as a machine's is recorded and kept out of rates and attribution; nobody is turned away for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from campaigns.delivery.feedback import sign_of_machine

_PREFETCH: Final = ("purpose", "sec-purpose", "x-purpose", "x-moz")


def is_machine(
    method: str, headers: Mapping[str, str], *, is_click: bool, since_hand_over: timedelta | None = None
) -> bool:
    """True for a prefetch and for every sign of a machine that feedback knows: HEAD, a scanner's User-Agent, a click
    right after the hand-over. `headers` has lower-case names."""
    if any(_is_prefetch(headers.get(name, "")) for name in _PREFETCH):
        return True
    agent = headers.get("user-agent", "")[:512]
    return sign_of_machine(agent, is_click=is_click, method=method, since_hand_over=since_hand_over) is not None


def _is_prefetch(value: str) -> bool:
    return "prefetch" in value.lower() or "preview" in value.lower()

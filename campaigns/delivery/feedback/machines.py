"""Opens and clicks that no person made: security scanners following links, mail clients fetching images in advance.

The rules, in this order; the first that applies names the sign:

1. The provider says so (each webhook reader looks at its own field).
2. The request asks for headers only (HEAD): people's clients fetch.
3. The user agent is empty, names itself a bot, scanner, preview or programming library, or is the bare `Mozilla/5.0`
   behind which Apple's Mail Privacy Protection fetches every image.
4. A click within two seconds of the hand-over: no one reads that fast, scanners at the gate do.

Gmail's image proxy (`GoogleImageProxy`) fetches when a person opens the mail and is therefore not on the list.
"""

from __future__ import annotations

import re
from datetime import timedelta

from campaigns.delivery.feedback.event import FeedbackKind

FASTEST_READER = timedelta(seconds=2)

_SCANNERS = re.compile(
    r"bot\b|crawler|spider|scanner|preview|headless|phantomjs|barracuda|proofpoint|mimecast|symantec|trendmicro|"
    r"fortinet|sophos|forcepoint|messagelabs|safelinks|urldefense|cloudmark|virustotal|facebookexternalhit|slurp|"
    r"python|curl/|wget|go-http-client|java/|okhttp|libwww|axios|node-fetch|httpclient|apache-http",
    re.IGNORECASE,
)
_APPLE_PREFETCH = "Mozilla/5.0"


def sign_of_machine(
    user_agent: str, *, is_click: bool, method: str = "GET", since_hand_over: timedelta | None = None
) -> str | None:
    """Why this open or click is taken for a machine's, in words; None when a person may have done it.

    `since_hand_over` is the time since the mail was accepted, where it is known.
    """
    if method.upper() == "HEAD":
        return "asked for headers only"
    agent = user_agent.strip()
    if not agent:
        return "no user agent"
    if agent == _APPLE_PREFETCH:
        return "prefetched by a mail client"
    if found := _SCANNERS.search(agent):
        return f"user agent names {found.group().strip('/').lower()}"
    if is_click and since_hand_over is not None and since_hand_over < FASTEST_READER:
        return "clicked faster than anyone reads"
    return None


def is_machine_event(kind: FeedbackKind, user_agent: str) -> bool:
    """Whether a provider's open or click event is a machine's, by its user agent; one it does not tell is no sign."""
    if kind not in (FeedbackKind.OPENED, FeedbackKind.CLICKED) or not user_agent:
        return False
    return sign_of_machine(user_agent, is_click=kind is FeedbackKind.CLICKED) is not None

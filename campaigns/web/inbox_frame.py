"""A mail's own HTML, made safe to look at: no script, no form, no way out of its frame but a click into a new tab."""

from __future__ import annotations

import re
from typing import Final, Literal

Scheme = Literal["light", "dark"]

SANDBOX: Final = "allow-popups allow-popups-to-escape-sandbox"
POLICY: Final = (
    f"sandbox {SANDBOX}; default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'; "
    "font-src http: https: data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_ASKS_SCHEME: Final = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_HEAD_END: Final = re.compile(r"</head\s*>", re.IGNORECASE)
_ALWAYS, _NEVER = "(min-width: 0px)", "(max-width: 0px)"


def framed(html: str, scheme: Scheme) -> str:
    """The document for the reading pane: as a client in `scheme` would show it, its links opening in a new tab.

    The browser's own preference cannot be set from outside a frame, so the questions the mail's style sheet asks about
    it are answered here.
    """
    answered = _ASKS_SCHEME.sub(lambda asked: _ALWAYS if asked[1].lower() == scheme else _NEVER, html)
    ours = f'<base target="_blank"><style>:root{{color-scheme:{scheme} only}}</style>'
    head = _HEAD_END.search(answered)
    if head is None:
        return f"<!doctype html><html><head>{ours}</head><body>{answered}</body></html>"
    return answered[: head.start()] + ours + answered[head.start() :]

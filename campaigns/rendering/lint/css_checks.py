"""CSS that well-known mail clients ignore.

The table is our own, kept small: what templates are tempted to use and what then does not show. Support changes; read
findings as
advice, not as law.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from campaigns.rendering.lint.mail import Mail
from campaigns.rendering.lint.rules import Finding

_OUTLOOK, _GMAIL, _YAHOO = "Outlook on Windows", "Gmail", "Yahoo Mail"
SUPPORT: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("display: flex", r"display\s*:\s*(?:inline-)?flex", (_OUTLOOK, "Gmail app with other accounts")),
    ("display: grid", r"display\s*:\s*(?:inline-)?grid", (_OUTLOOK, _GMAIL, _YAHOO)),
    ("position", r"(?<![\w-])position\s*:\s*(?:absolute|fixed|sticky|relative)", (_OUTLOOK, _GMAIL, _YAHOO)),
    ("gap", r"(?<![\w-])gap\s*:", (_OUTLOOK, _GMAIL)),
    ("var()", r"var\(\s*--", (_OUTLOOK, _GMAIL, _YAHOO)),
    ("calc()", r"calc\(", (_OUTLOOK, "Outlook.com")),
    ("animation", r"(?<![\w-])animation(?:-name)?\s*:|@keyframes", (_OUTLOOK, _GMAIL, _YAHOO)),
    ("transform", r"(?<![\w-])transform\s*:", (_OUTLOOK, _GMAIL, _YAHOO)),
    ("filter", r"(?<![\w-])filter\s*:", (_OUTLOOK, _GMAIL)),
    ("clip-path", r"clip-path\s*:", (_OUTLOOK, _GMAIL, _YAHOO)),
    ("box-shadow", r"box-shadow\s*:", (_OUTLOOK,)),
    ("object-fit", r"object-fit\s*:", (_OUTLOOK, _YAHOO)),
    ("aspect-ratio", r"aspect-ratio\s*:", (_OUTLOOK, _GMAIL, _YAHOO)),
    ("@font-face", r"@font-face", (_OUTLOOK, _GMAIL, _YAHOO)),
    ("linear-gradient()", r"linear-gradient\(", (_OUTLOOK,)),
    (":has()", r":has\(", (_OUTLOOK, _GMAIL, _YAHOO)),
)
_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE), clients) for name, pattern, clients in SUPPORT)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def css_findings(mail: Mail) -> Iterator[Finding]:
    """css-support: one finding a feature, where the mail first uses it."""
    source = _COMMENT.sub(lambda found: " " * len(found[0]), mail.traced.source)
    for name, pattern, clients in _PATTERNS:
        found = pattern.search(source)
        if found:
            yield mail.at("css-support", f"{name} does nothing in {', '.join(clients)}", found.start())

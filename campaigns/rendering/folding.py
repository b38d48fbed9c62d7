"""Line breaks in HTML where a reader sees none: inside tags. MJML prints lines of up to 40,000 characters, mail allows
998 (RFC 5322), and a mail of short ASCII lines needs no transfer encoding.

What a tag does to its own text hangs on nothing around it, so parts compiled on their own come out as in the whole.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"<!--.*?-->"
    r"|(?P<sheet><style\b[^>]*>)(?P<css>.*?)(?=</style\b)"
    r"|<(?P<raw>script|textarea|title|xmp|iframe|noembed|noframes|noscript|plaintext)\b.*?</(?P=raw)\b"
    r"|(?P<tag><[A-Za-z][^\s<>/\"'=]*)[ \t\r\n]+(?P<attributes>[A-Za-z:@_](?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+>)",
    re.DOTALL | re.IGNORECASE,
)
_STYLE = re.compile(r"(\"[^\"]*\"|'[^']*')|[ \t\r\n]+(?=style\s*=)", re.IGNORECASE)
_LIKE_A_TAG = re.compile(r"<(?=[A-Za-z/])")


def folded(html: str) -> str:
    """The same document with line breaks after the name of every tag that has attributes and before its
    `style`.

    In style sheets `<` before a letter is written as CSS's escape, so that whoever looks for the next tag backwards
    from any place finds the one that place is in or after."""
    return _TOKEN.sub(_folded, html)


def _folded(found: re.Match[str]) -> str:
    if found["tag"]:
        return f"{found['tag']}\n{_STYLE.sub(_before_style, found['attributes'])}"
    if found["sheet"] and "<" in found["css"]:
        return found["sheet"] + _LIKE_A_TAG.sub(r"\\3c ", found["css"])
    return found[0]


def _before_style(found: re.Match[str]) -> str:
    return found[1] or "\n"

"""The bodies of a mail as ASCII bytes that every server hands on unchanged.

7bit wherever that can be: a mail read as it is written is the cheapest to make and to check, and what DKIM signs best
(RFC 6376, 5.3). For that, signs outside ASCII stand in HTML as numeric references, where a browser reads references.
Anything else is quoted-printable, or base64 where more than a quarter of it is not ASCII.
"""

from __future__ import annotations

import codecs
import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Callable
from functools import lru_cache

LONGEST_LINE = 990  # bytes, of the 998 that RFC 5322 allows
_MOST_GROWTH = 200  # references may lengthen HTML by this and a twentieth: mailbox providers cut long mails
_RAW = "(?:style|script|xmp|iframe|noembed|noframes|noscript|plaintext)\\b"
_READS_REFERENCES = re.compile(rf"</?(?!{_RAW})[a-z][a-z0-9:-]*[\s/>]", re.IGNORECASE).match
_COMMON_TAGS = frozenset(
    ["<td\n", "<td>", "</td", "<div", "</di", "<a\nh", "</a>", "<img", "<spa", "</sp", "<p>", "</p>", "<s>"]
)
_MAY_BE_RAW = re.compile(rb"<[SXINPsxinp][TCMFOLtcmfol][YRPALyrpal]")
_RAW_TEXT = re.compile(f"<({_RAW})".encode(), re.IGNORECASE).match
_NOT_ITSELF = re.compile("[\x80-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]").search
_BY_REFERENCE = "rekindle.reference"


def part(kind: str, text: str) -> list[bytes]:
    """A part of type `text/kind` (`plain` or `html`) with its headers, in pieces to join; ends with CRLF."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    encoding, body = _encoded(text, is_html=kind == "html")
    headers = f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return [headers.encode("ascii"), body, b"\r\n"]


def _encoded(text: str, *, is_html: bool) -> tuple[str, bytes]:
    """The transfer encoding and the text in it, with CRLF line ends."""
    plain = text.encode("ascii") if text.isascii() else _by_reference(text) if is_html else None
    if plain is not None and b"\0" not in plain and _lines_fit(plain):
        return "7bit", plain.replace(b"\n", b"\r\n")
    data = text.replace("\n", "\r\n").encode("utf-8", "replace")
    if (len(data) - len(text)) * 4 > len(data):
        return "base64", _base64(data)
    return "quoted-printable", _quoted_printable(data)


def _lines_fit(data: bytes) -> bool:
    """Whether no line is longer than mail servers take; looks at one place in each `LONGEST_LINE` bytes."""
    start, last = 0, len(data) - LONGEST_LINE
    while start < last:
        end = data.rfind(b"\n", start, start + LONGEST_LINE + 1)
        if end < 0:
            return False
        start = end + 1
    return True


def _by_reference(html: str) -> bytes | None:
    """The document with numeric references; None where one would not be read as the sign it stands for, or too
    many would be needed."""
    try:
        data = html.encode("ascii", _BY_REFERENCE)
    except UnicodeEncodeError:
        return None
    too_long = len(data) - len(html) > _MOST_GROWTH + len(html) // 20
    return None if too_long or _in_raw_text(data) else data


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """The references for one run of signs, if the tag before it is one whose text and attributes are read with them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, start, end = error.object, error.start, error.end
    opened = text.rfind("<", 0, start)
    written = _reference(text[start:end])
    if not written or (
        text[opened : opened + 4] not in _COMMON_TAGS and not _READS_REFERENCES(text, max(opened, 0), start)
    ):
        raise error
    return written, end


@lru_cache(maxsize=4_096)
def _reference(signs: str) -> str:
    """Signs outside ASCII as references; "" where one of them would be read as another or none."""
    return "" if _NOT_ITSELF(signs) else "".join([f"&#{ord(sign)};" for sign in signs])


codecs.register_error(_BY_REFERENCE, _replaced)


def _in_raw_text(data: bytes) -> bool:
    """Whether a reference stands in a style sheet or the like, where nobody reads it."""
    for may_be in _MAY_BE_RAW.finditer(data):
        found = _RAW_TEXT(data, may_be.start())
        if found is not None:
            closes = _closing(found[1].lower())(data, found.end())
            if data.find(b"&#", found.end(), closes.start() if closes else len(data)) >= 0:
                return True
    return False


@lru_cache
def _closing(name: bytes) -> Callable[..., re.Match[bytes] | None]:
    return re.compile(rb"</" + name + rb"\b", re.IGNORECASE).search


def _base64(data: bytes) -> bytes:
    encoded = b2a_base64(data, newline=False)
    return b"\r\n".join([encoded[at : at + 76] for at in range(0, len(encoded), 76)])


def _quoted_printable(data: bytes) -> bytes:
    # b2a_qp breaks lines in the style of the first line end it meets: without one it would use a bare LF.
    return b2a_qp(data + b"\r\n").removesuffix(b"\r\n")

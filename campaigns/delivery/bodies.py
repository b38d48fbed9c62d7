"""The bodies of a mail as ASCII bytes that every server hands on unchanged.

7bit wherever that can be: a mail read as it is written is the cheapest to make and to check, and what DKIM signs best
(RFC 6376, 5.3). For that, signs outside ASCII stand in HTML as numeric references, where a browser reads references.
Anything else is quoted-printable, or base64 where more than a quarter of it is not ASCII.
"""

from __future__ import annotations

import codecs
import re
from binascii import b2a_base64, b2a_qp
from functools import lru_cache

LONGEST_LINE = 990  # characters, of the 998 that RFC 5322 allows
_MOST_GROWTH = 200  # references may lengthen HTML by this and a twentieth: mailbox providers cut long mails
_RAW_TEXT = "(?:style|script|xmp|iframe|noembed|noframes|noscript|plaintext)\\b"
_TAG = rf"</?(?!{_RAW_TEXT})[A-Za-z][A-Za-z0-9:-]*[\s/>]"
_READS_REFERENCES = re.compile(_TAG, re.IGNORECASE).match
_DOUBTFUL = re.compile(f"<(?!{_TAG[1:]})", re.IGNORECASE).search
_BEGUN_TAGS = ("<td", "<div", "<a", "<img", "<span", "<p", "<h1", "<h2", "<h3", "<body", "<li")
_TAG_NAME = re.compile("</?[A-Za-z]+").match
_NOT_ITSELF = re.compile(
    "[\x80-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
).search  # as a reference, another sign or none
_BY_REFERENCE = "rekindle.reference"


def part(kind: str, text: str) -> bytes:
    """A part of type `text/kind` (`plain` or `html`) with its headers; ends with CRLF."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    encoding, body = _encoded(text, is_html=kind == "html")
    return (
        f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'.encode("ascii")
        + body
        + b"\r\n"
    )


def _encoded(text: str, *, is_html: bool) -> tuple[str, bytes]:
    """The transfer encoding and the text in it, with CRLF line ends."""
    lines = text.split("\n")
    plain = lines if text.isascii() else _by_reference(lines, len(text)) if is_html else None
    if plain is not None and "\0" not in text and max(map(len, plain)) <= LONGEST_LINE:
        return "7bit", "\r\n".join(plain).encode("ascii")
    data = "\r\n".join(lines).encode("utf-8", "replace")
    if (len(data) - len(text)) * 4 > len(data):
        return "base64", _base64(data)
    return "quoted-printable", _quoted_printable(data)


def _by_reference(lines: list[str], length: int) -> list[str] | None:
    """The lines with numeric references; None where one would not be read as the sign it stands for, or too many
    would be needed."""
    out, left = lines.copy(), _MOST_GROWTH + length // 20
    for place in [place for place, line in enumerate(lines) if not line.isascii()]:
        written = _quickly(lines, place) or _carefully(_tag_around(lines, place), lines[place])
        if written is None:
            return None
        left -= len(written) - len(lines[place])
        if left < 0:
            return None
        out[place] = written
    return out


def _quickly(lines: list[str], place: int) -> str | None:
    """The line with references, if it goes on in a tag begun on one of the two lines before, as nearly all do, and
    holds nothing that asks for a closer look."""
    if place < 2:
        return None
    line, before = lines[place], lines[place - 1]
    if "<" not in before:
        before = lines[place - 2]
    if not before.endswith(_BEGUN_TAGS) or _NOT_ITSELF(line):
        return None
    written = line.encode("ascii", "xmlcharrefreplace").decode("ascii")
    return None if _DOUBTFUL(written, 0, written.rfind("&#")) else written


def _carefully(around: str, line: str) -> str | None:
    try:
        return (around + line).encode("ascii", _BY_REFERENCE)[len(around) :].decode("ascii")
    except UnicodeEncodeError:
        return None


def _tag_around(lines: list[str], place: int) -> str:
    """The beginning of the last tag before a line."""
    while place:
        place -= 1
        at = lines[place].rfind("<")
        if at >= 0:
            name = _TAG_NAME(lines[place], at)
            return f"{name[0]}\n" if name else "<\n"
    return ""


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, start, end = error.object, error.start, error.end
    opened = text.rfind("<", 0, start)
    written = _reference(text[start:end])
    if opened < 0 or not written or not _READS_REFERENCES(text, opened, start):
        raise error
    return written, end


@lru_cache(maxsize=4_096)
def _reference(signs: str) -> str:
    """Signs outside ASCII as references; "" where one of them would be read as another."""
    return "" if _NOT_ITSELF(signs) else "".join([f"&#{ord(sign)};" for sign in signs])


codecs.register_error(_BY_REFERENCE, _replaced)


def _base64(data: bytes) -> bytes:
    encoded = b2a_base64(data, newline=False)
    return b"\r\n".join([encoded[at : at + 76] for at in range(0, len(encoded), 76)])


def _quoted_printable(data: bytes) -> bytes:
    # b2a_qp breaks lines in the style of the first line end it meets: without one it would use a bare LF.
    return b2a_qp(data + b"\r\n").removesuffix(b"\r\n")

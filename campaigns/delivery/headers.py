"""Header values by hand: fast, folded, and never able to smuggle in a second header.

Sources: RFC 5322 (format, folding), RFC 2047 (encoded words), RFC 6532 (UTF-8 local parts), RFC 5890 (IDNA domains).
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from functools import lru_cache
from urllib.parse import quote

import idna

from campaigns.domain.errors import InvalidInput
from campaigns.domain.message import Address

_FOLD_AT = 76
_LONGEST_WORD = 900
_WORD_BYTES = 45
_URL_CHARACTERS = "%/:?#[]@!$&'()*+;=~,"
_BREAKS = re.compile(r"[\r\n\0]")
_PLAIN_TEXT = re.compile(r"[!-~]+(?: [!-~]+)*")
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LOCAL_PART = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+)*"
)
_NOT_TOKEN = re.compile(r"[^A-Za-z0-9_-]+")


class UnsafeMail(InvalidInput):
    """A mail that must not leave: a line break in a header value, or an address no server could accept."""


def safe_value(name: str, value: str) -> str:
    """`value` unchanged; raises UnsafeMail when it holds CR, LF or NUL: it could write headers of its own."""
    if _BREAKS.search(value):
        raise UnsafeMail("a header value holds a line break or NUL", where=name, fix="take it out of the value")
    return value


def unstructured(name: str, value: str) -> str:
    """One folded `name: value` line for free text such as a subject."""
    safe_value(name, value)
    if not _PLAIN_TEXT.fullmatch(value) or "=?" in value:
        return f"{name}: {encoded_words(value)}" if value else f"{name}: "
    if len(name) + len(value) + 2 <= _FOLD_AT:
        return f"{name}: {value}"
    return _folded(name, value)


def encoded_words(text: str) -> str:
    """`text` as RFC 2047 words of at most 75 characters, cut between characters and joined by folds."""
    data = text.encode("utf-8", "replace")
    if len(data) <= _WORD_BYTES:
        return _encoded_word(data)
    return "\r\n ".join(_encoded_word(chunk) for chunk in _cut_between_characters(data))


def mailbox(name: str, address: Address) -> str:
    """`Name <local@domain>` for header `name`; quoted or encoded as the name needs, runs of spaces
    in it made one, the domain in its ASCII form."""
    spec = address_spec(address.address)
    phrase = _phrase(safe_value(name, address.name))
    return f"{phrase} <{spec}>" if phrase else spec


def address_spec(address: str) -> str:
    """`local@domain` as it goes on the wire: international domains become their ASCII form, the local part stays.

    Raises UnsafeMail for anything that is not one plain mailbox (spaces, brackets, several `@`, an impossible domain).
    """
    local, at, domain = address.rpartition("@")
    if (
        not at
        or len(local.encode("utf-8", "replace")) > 64
        or not _LOCAL_PART.fullmatch(local)
        or not local.isprintable()
    ):
        raise UnsafeMail(f"{address!r} is not a mail address", fix="use the form local@domain")
    return f"{local}@{_ascii_domain(domain)}"


def needs_smtputf8(spec: str) -> bool:
    """Whether a wire address (of `address_spec`) asks for the SMTPUTF8 extension: only its local part can."""
    return not spec.isascii()


def bracketed_url(name: str, url: str) -> str:
    """`<url>` with everything outside ASCII percent-encoded, for the List-* headers (RFC 2369)."""
    safe_value(name, url)
    return f"<{quote(url, safe=_URL_CHARACTERS, errors='replace')}>"


@lru_cache(maxsize=4096)
def token(value: str) -> str:
    """An identifier reduced to letters, digits, `_` and `-`: safe inside Feedback-ID and List-Id."""
    return _NOT_TOKEN.sub("-", value).strip("-") or "none"


@lru_cache(maxsize=4096)
def _ascii_domain(domain: str) -> str:
    if domain.isascii() and re.fullmatch(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*", domain):
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise UnsafeMail(f"{domain!r} is not a mail domain ({error})", fix="use the form local@domain") from error


@lru_cache(maxsize=4096)
def _phrase(name: str) -> str:
    name = " ".join(name.split())
    if len(name) > _WORD_BYTES or "=?" in name:
        return encoded_words(name)
    if not name or _PLAIN_PHRASE.fullmatch(name):
        return name
    if _PLAIN_TEXT.fullmatch(name):
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return encoded_words(name)


def _encoded_word(data: bytes) -> str:
    return "=?utf-8?b?" + b2a_base64(data, newline=False).decode("ascii") + "?="


def _cut_between_characters(data: bytes) -> list[bytes]:
    chunks, start = [], 0
    while start < len(data):
        end = min(start + _WORD_BYTES, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        chunks.append(data[start:end])
        start = end
    return chunks


def _folded(name: str, value: str) -> str:
    lines, line = [], f"{name}:"
    for word in value.split(" "):
        if len(word) > _LONGEST_WORD:
            return f"{name}: {encoded_words(value)}"
        if len(line) + 1 + len(word) > _FOLD_AT and line != f"{name}:":
            lines.append(line)
            line = ""
        line = f"{line} {word}"
    return "\r\n".join([*lines, line])

"""Signed links on the shop's own domain: clicks, opens, unsubscribe, preferences, web version, cart.

A link names the message and carries 96 bits of a keyed hash (BLAKE2b as a MAC, RFC 7693; a tenth of the time of HMAC
with
OpenSSL) over what it does, the message and the target, so that nobody can turn it into another link: no open
redirect, no
unsubscribing of others. Nothing is stored to make one. Paths:

    /c/<ref>/<signature>?u=<target>     click, redirects to the target
    /r/<ref>/<signature>?u=<target>     cart restored on this device, then to the target
    /u/<ref>/<signature>                unsubscribe (POST at once by RFC 8058, GET shows a page)
    /p/<ref>/<signature>                preferences
    /w/<ref>/<signature>                web version of the mail
    /o/<ref>/<signature>                open pixel
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from hmac import compare_digest
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from campaigns.rendering.context import LinksContext

SIGNATURE_BYTES = 12
MAX_LINK = 4_096
_UNRESERVED = re.compile(r"[A-Za-z0-9\-._~%]*\Z").match
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class LinkKind(StrEnum):
    """What a link does, and the first part of its path."""

    CLICK = "c"
    CART = "r"
    UNSUBSCRIBE = "u"
    PREFERENCES = "p"
    WEB_VERSION = "w"
    OPEN = "o"


@dataclass(frozen=True, slots=True)
class SignedLink:
    """A link that was checked: what it does, for which message, and where it leads ("" but for clicks and carts)."""

    kind: LinkKind
    message_ref: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Makes and checks the links of one workspace.

    `secret` is the workspace's own (at least 16 bytes); `base_url` is the address of the web process as shoppers
    reach it,
    on the shop's own domain. `former_secrets` are still accepted, for links in mails already sent.
    """

    secret: bytes = field(repr=False)
    base_url: str
    former_secrets: Sequence[bytes] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < 16:
            raise ValueError("the link secret needs at least 16 bytes")
        object.__setattr__(self, "base_url", self.base_url.rstrip("/"))

    def click(self, url: str, message_ref: str) -> str:
        """The tracked form of `url` in the message."""
        signature = _signature(self.secret, LinkKind.CLICK, message_ref, url)
        return f"{self.base_url}/c/{message_ref}/{signature}?u={_quoted(url)}"

    def cart(self, url: str, message_ref: str) -> str:
        """The link that fills the cart again on whatever device it is opened, and goes on to `url`."""
        signature = _signature(self.secret, LinkKind.CART, message_ref, url)
        return f"{self.base_url}/r/{message_ref}/{signature}?u={_quoted(url)}"

    def unsubscribe(self, message_ref: str) -> str:
        """Ends all marketing mail to the message's recipient; short enough for the List-Unsubscribe header."""
        return self._bare(LinkKind.UNSUBSCRIBE, message_ref)

    def preferences(self, message_ref: str) -> str:
        """The page where the recipient says which mails to get."""
        return self._bare(LinkKind.PREFERENCES, message_ref)

    def web_version(self, message_ref: str) -> str:
        """The mail as a page."""
        return self._bare(LinkKind.WEB_VERSION, message_ref)

    def open_pixel(self, message_ref: str) -> str:
        """The address of the invisible picture that notes an opening."""
        return self._bare(LinkKind.OPEN, message_ref)

    def signing(self, kind: LinkKind, message_ref: str) -> Callable[[str], str]:
        """What signs the targets of one kind of link in one message: a third of the time of one call each."""
        return _signing(self.secret, kind, message_ref)

    def verify(self, kind: str, message_ref: str, signature: str, target: str = "") -> SignedLink | None:
        """The link, if this workspace made it; None for anything else. Takes the same time right or wrong."""
        try:
            known = LinkKind(kind)
        except ValueError:
            return None
        if len(target) > MAX_LINK or not signature.isascii() or len(message_ref) > 200:
            return None
        for secret in (self.secret, *self.former_secrets):
            if compare_digest(_signature(secret, known, message_ref, target), signature):
                return SignedLink(known, message_ref, target)
        return None

    def read(self, url: str) -> SignedLink | None:
        """Checks a whole address, or its path and query."""
        split = urlsplit(url)
        base = urlsplit(self.base_url).path
        parts = split.path.removeprefix(base).strip("/").split("/")
        if len(parts) != 3:
            return None
        target = parse_qs(split.query, keep_blank_values=True).get("u", [""])[0]
        return self.verify(parts[0], unquote(parts[1]), parts[2], target)

    def _bare(self, kind: LinkKind, message_ref: str) -> str:
        return f"{self.base_url}/{kind}/{message_ref}/{_signature(self.secret, kind, message_ref, '')}"


@dataclass(frozen=True, slots=True)
class Utm:
    """Campaign parameters for the shop's own analytics; added to links to the shop, never to strangers' sites."""

    source: str = "rekindle"
    medium: str = "email"

    def added(self, url: str, *, campaign: str, content: str = "") -> str:
        """The address with `utm_*` parameters; those already there stay."""
        split = urlsplit(url)
        given = parse_qsl(split.query, keep_blank_values=True)
        names = {name for name, _ in given}
        wanted = {
            "utm_source": self.source,
            "utm_medium": self.medium,
            "utm_campaign": campaign,
            "utm_content": content,
        }
        new = [(name, value) for name, value in wanted.items() if value and name not in names]
        query = "&".join(part for part in (split.query, urlencode(new)) if part)
        return urlunsplit(split._replace(query=query))


def links_context(signer: LinkSigner, message_ref: str, *, cart_url: str = "") -> LinksContext:
    """The `links` part of a render context."""
    return {
        "unsubscribe": signer.unsubscribe(message_ref),
        "preferences": signer.preferences(message_ref),
        "web_version": signer.web_version(message_ref),
        "cart": signer.cart(cart_url, message_ref) if cart_url else "",
    }


def _quoted(url: str) -> str:
    """The address percent-encoded, as `quote` does: the usual signs first, and with its care where others are left."""
    text = url.replace("%", "%25").replace(":", "%3A").replace("/", "%2F").replace("?", "%3F")
    text = text.replace("=", "%3D").replace("&", "%26")
    return text if _UNRESERVED(text) else quote(url, safe="")


def host_of(url: str) -> str:
    """The host of an address without `www.`; "" where there is none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> blake2b:
    """The hash with the key taken in, to be copied: that is half the work of a short signature."""
    key = secret if len(secret) <= 64 else blake2b(secret).digest()
    return blake2b(digest_size=SIGNATURE_BYTES, key=key)


def _signing(secret: bytes, kind: LinkKind, message_ref: str) -> Callable[[str], str]:
    """Signs the targets of one kind of link in one message."""
    begun = _keyed(secret).copy()
    begun.update(f"{kind.value}\x00{message_ref}\x00".encode("utf-8", "surrogatepass"))

    def signature(target: str) -> str:
        signing = begun.copy()
        signing.update(target.encode("utf-8", "surrogatepass"))
        return b2a_base64(signing.digest(), newline=False).translate(_URL_SAFE).decode("ascii")

    return signature


def _signature(secret: bytes, kind: LinkKind, message_ref: str, target: str) -> str:
    return _signing(secret, kind, message_ref)(target)

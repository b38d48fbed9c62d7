"""Collect: who sent it, is it small enough, is it the right shape - then the batch is safe, and the sender may go.

Nothing is answered 200 before it is committed, and nothing that could pass later is answered 400: clients throw away
what got a 400 or a 401, and send again what got a 413, 429 or 503.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from campaigns.domain.segment import Reject, RejectReason
from campaigns.domain.segment_batch import Batch, UnreadableBody, pack_messages, read_batch, sift
from campaigns.storage.inbox import RejectedEvent

RETRY_SECONDS: Final = 5

_log = logging.getLogger(__name__)


class InboxStore(Protocol):
    """Where accepted batches and refused messages are kept. Both methods commit before they return."""

    def add_inbox(self, source: str, received_at: datetime, body: bytes, event_count: int) -> int: ...

    def add_rejects(self, source: str, received_at: datetime, rejected: Sequence[RejectedEvent]) -> None: ...


@dataclass(frozen=True, slots=True)
class CollectLimits:
    """What one request may carry, unpacked: bytes of one event, bytes of the whole body, events."""

    event_bytes: int = 32_768
    batch_bytes: int = 512_000
    batch_events: int = 2_500


@dataclass(frozen=True, slots=True)
class Source:
    """A place events come from, known by its write key; only the key's SHA-256 is kept."""

    name: str
    key_hash: bytes

    @classmethod
    def with_key(cls, name: str, write_key: str) -> Source:
        return cls(name, _hashed(write_key))

    def has_key(self, key: str) -> bool:
        """Whether it is this key; takes the same time for every wrong one."""
        return hmac.compare_digest(self.key_hash, _hashed(key))


@dataclass(frozen=True, slots=True)
class CollectResult:
    """The answer to one request: an HTTP status, how many events are safe, why others never will be, and one line
    for the person reading the answer. `retry_after` is in seconds."""

    status: int
    accepted: int = 0
    rejects: Sequence[Reject] = ()
    message: str = ""
    retry_after: int | None = None
    source: str | None = None


def collect(
    store: InboxStore,
    *,
    sources: Sequence[Source],
    call: str,
    body: bytes,
    headers: Mapping[str, str],
    received_at: datetime,
    query_key: str | None = None,
    limits: CollectLimits = CollectLimits(),
) -> CollectResult:
    """Takes one request of the event API ("batch", "track"... as `call`) and commits its events as one inbox row.

    `headers` has lower-case names. What the body is, is told from its content and never from its Content-Type.
    """
    key = key_of(headers) or query_key
    source = find_source(sources, key)
    if key is not None and source is None:
        return _wrong_key()
    try:
        batch = read_batch(unpacked(body, limits.batch_bytes), call)
    except TooLarge:
        return CollectResult(413, message=f"the body is over {limits.batch_bytes} bytes; send smaller batches")
    except UnreadableBody as error:
        return _unreadable(store, source, received_at, str(error))
    source = source or find_source(sources, batch.write_key)
    if source is None:
        return _wrong_key()
    if len(batch.messages) > limits.batch_events:
        return CollectResult(
            413, message=f"over {limits.batch_events} events; send smaller batches", source=source.name
        )
    return _commit(store, source.name, batch, received_at, limits)


def find_source(sources: Sequence[Source], write_key: str | None) -> Source | None:
    """The source a write key belongs to. Takes the same time whichever key it is, and for a wrong one."""
    hashed = _hashed(write_key or "")
    matches = [source for source in sources if hmac.compare_digest(source.key_hash, hashed)]
    return matches[0] if matches and write_key else None


def _hashed(write_key: str) -> bytes:
    return hashlib.sha256(write_key.encode("utf-8", "replace")).digest()


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key a request carries: the user name of Basic authorization, or a Bearer token."""
    scheme, _, value = headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    return decoded.partition(":")[0] or None


class TooLarge(Exception):
    """The body unpacks to more than the limit."""


def unpacked(body: bytes, limit: int) -> bytes:
    """The body without its compression, told by its first bytes; never more than the limit is unpacked."""
    if len(body) > limit:
        raise TooLarge
    if not body.startswith((b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")):
        return body
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise UnreadableBody("the body is not readable gzip") from error
    if len(unpacked) > limit:
        raise TooLarge
    if not unpacker.eof:
        raise UnreadableBody("the gzip body ends too early")
    return unpacked


def _wrong_key() -> CollectResult:
    line = "unknown write key; send it as the user name of Basic authorization, with an empty password"
    return CollectResult(401, message=line)


def _unreadable(store: InboxStore, source: Source | None, received_at: datetime, line: str) -> CollectResult:
    if source is not None:
        _keep_rejects(store, source.name, received_at, [RejectedEvent(None, RejectReason.UNREADABLE_BODY, line)])
    return CollectResult(400, message=line, source=source.name if source else None)


def _commit(
    store: InboxStore, source: str, batch: Batch, received_at: datetime, limits: CollectLimits
) -> CollectResult:
    kept, refused = sift(batch, received_at, limits.event_bytes)
    rejects = [one.reject for one in refused]
    try:
        if kept:
            store.add_inbox(source, received_at, pack_messages(kept, batch.sent_at), len(kept))
    except Exception:  # whatever broke, the sender still has the events and must keep them
        _log.exception("a batch of %d events from %s could not be stored", len(kept), source)
        line = "the events could not be stored; send them again"
        return CollectResult(503, message=line, retry_after=RETRY_SECONDS, source=source)
    noted = [RejectedEvent(one.reject.message_id, one.reject.reason, one.raw) for one in refused]
    _keep_rejects(store, source, received_at, noted)
    return CollectResult(200, len(kept), rejects, source=source)


def _keep_rejects(store: InboxStore, source: str, received_at: datetime, noted: Sequence[RejectedEvent]) -> None:
    if not noted:
        return
    try:
        store.add_rejects(source, received_at, noted)
    except Exception:  # the accepted events are safe already: a note about refused ones must not undo the answer
        _log.exception("%d refused messages from %s could not be noted", len(noted), source)

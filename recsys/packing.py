"""Ranked product lists as bytes for the cache: small, versioned, dated, with the shop's own product ids.

Layout (little endian): `RK`, format u8, number of lists u8, made_at u64 seconds, version as 12 bytes of ASCII; then per
list: name as 12 bytes of ASCII, rhythm f32 (days between repeat purchases, 0 unknown), count u16, byte length of the
ids u32, scores f32 each, one source code u8 each, the ids in UTF-8 joined by newlines.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from recsys.errors import BadArtifact

if TYPE_CHECKING:
    from recsys.arrays import Matrix

FORMAT = 1
_HEAD = struct.Struct("<2sBBQ12s")
_LIST = struct.Struct("<12sfHI")
_sizes = struct.Struct("<16xHI").unpack_from  # count and byte length of a list
_LIST_SIZE = _LIST.size
_MAGIC = b"RK" + bytes([FORMAT])
_NEWLINE = ord("\n")
_READS = 2  # as many lists of a record as one shopper is likely to need
_one_float = struct.Struct("<f").unpack_from
_floats = lru_cache(1024)(lambda size: struct.Struct(f"<{size}f").unpack_from)

# one byte each in the cache: only ever append
SOURCE_NAMES = (
    "unknown", "popular", "trending", "category", "brand", "referral", "local", "new",
    "item_knn", "session_knn", "als", "bpr", "ease", "rules", "sequence", "bought_together",
    "attributes", "history", "buy_again", "blend", "pinned", "price_band",
)  # fmt: skip
_CODES = {name: code for code, name in enumerate(SOURCE_NAMES)}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A ranked list: ids best first, their scores and sources; `rhythm_days` is of the product the list is about."""

    ids: Sequence[str]
    scores: Sequence[float]
    sources: Sequence[str] | str
    rhythm_days: float = 0.0


List = tuple[list[str], tuple[float, ...], bytes, float]  # ids, scores, source codes, rhythm in days
Head = tuple[list[str], tuple[float, ...]]  # ids and scores


class Unpacked:
    """A record as it lies in the cache. A list is found and decoded when it is asked for: a slot needs the head of one
    or two. Where lists are asked for again and again they are kept: many shoppers of a batch touched the product."""

    __slots__ = ("_kept", "_packed", "_reads")

    def __init__(self, packed: bytes) -> None:
        """Raise BadArtifact or struct.error where the bytes are cut off, foreign or of another format."""
        if not packed.startswith(_MAGIC):
            raise BadArtifact(f"recommendation bytes of another format ({packed[:3]!r})", "train again")
        at = _HEAD.size
        for _ in range(packed[3]):
            size, length = _sizes(packed, at)
            at += _LIST_SIZE + 5 * size + length
        if at > len(packed):
            raise BadArtifact("recommendation bytes are cut off", "train again")
        self._packed, self._reads = packed, 0
        self._kept: dict[int, tuple[int, Head]] | None = None

    @property
    def version(self) -> str:
        """The version of the artifacts the record came from."""
        return _text(self._packed[12:24])

    @property
    def made_at(self) -> int:
        """The time of training in seconds since 1970."""
        return int.from_bytes(self._packed[4:12], "little")

    @property
    def made(self) -> datetime:
        """The time of training, aware UTC."""
        return _moment(self.made_at)

    @property
    def lists(self) -> dict[str, List]:
        """All lists by name, decoded."""
        found = {}
        for name, at in self._starts():
            _, rhythm, size, _ = _LIST.unpack_from(self._packed, at)
            codes = at + _LIST_SIZE + 4 * size
            found[name] = (*self.first(at, size), self._packed[codes : codes + size], rhythm)
        return found

    def find(self, name: str) -> int:
        """Return where a list begins, for `first` and `said`; 0 where the record has no such list."""
        at, packed, padded = _HEAD.size, self._packed, _padded(name)
        for _ in range(packed[3]):
            if packed.startswith(padded, at):
                return at
            size, length = _sizes(packed, at)
            at += _LIST_SIZE + 5 * size + length
        return 0

    def first(self, at: int, most: int) -> Head:
        """Return ids and scores of the first `most` products of the list that begins at `at`."""
        if self._kept and (kept := self._kept.get(at)) and kept[0] >= most:
            ids, scores = kept[1]
            return kept[1] if len(ids) <= most else (ids[:most], scores[:most])
        packed = self._packed
        size, length = _sizes(packed, at)
        count = size if size < most else most
        scores, start = _floats(count)(packed, at + _LIST_SIZE), at + _LIST_SIZE + 5 * size
        ids = packed[start : start + length].decode("utf-8", "replace").split("\n", count)
        if len(ids) > count:
            ids.pop()
        found = ids, scores
        self._reads += 1
        if self._reads > _READS:
            self._kept = {**(self._kept or {}), at: (most, found)}
        return found

    def said(self, at: int, most: int, product_id: bytes) -> tuple[float, int] | None:
        """Return score and source code of a product (its id in UTF-8) among the first `most` of the list that begins at
        `at`, None where it is not; without decoding the list."""
        packed = self._packed
        size, length = _sizes(packed, at)
        at += _LIST_SIZE
        place = _place(packed, product_id, at + 5 * size, at + 5 * size + length)
        if place < 0 or place >= most:
            return None
        return _one_float(packed, at + 4 * place)[0], packed[at + 4 * size + place]

    def rhythm_days(self) -> float:
        """Return the rhythm of the product the lists are about, without decoding them."""
        return max((_LIST.unpack_from(self._packed, at)[1] for _, at in self._starts()), default=0.0)

    def _starts(self) -> Iterator[tuple[str, int]]:
        at = _HEAD.size
        for _ in range(self._packed[3]):
            yield _text(self._packed[at : at + 12]), at
            size, length = _sizes(self._packed, at)
            at += _LIST_SIZE + 5 * size + length


def _place(packed: bytes, product_id: bytes, start: int, stop: int) -> int:
    """Return the place of an id among ids joined by newlines, -1 where it is not."""
    at = packed.find(product_id, start, stop)
    while at >= 0:
        end = at + len(product_id)
        if (at == start or packed[at - 1] == _NEWLINE) and (end == stop or packed[end] == _NEWLINE):
            return packed.count(b"\n", start, at)
        at = packed.find(product_id, at + 1, stop)
    return -1


def pack(lists: Mapping[str, Ranked], *, version: str, made_at: datetime) -> bytes:
    """Return the bytes of some ranked lists. Ids may not contain newlines; version and names are cut to 12 letters."""
    parts = [_HEAD.pack(b"RK", FORMAT, len(lists), int(made_at.timestamp()), version.encode("ascii", "replace")[:12])]
    for name, ranked in lists.items():
        ids = "\n".join(ranked.ids).encode()
        count = len(ranked.ids)
        parts += [
            _LIST.pack(name.encode("ascii")[:12], ranked.rhythm_days, count, len(ids)),
            struct.pack(f"<{count}f", *ranked.scores),
            _source_codes(ranked.sources, count),
            ids,
        ]
    return b"".join(parts)


def pack_lists(
    lists: Mapping[str, Matrix],
    names: Sequence[bytes],
    source: str | Mapping[str, str],
    *,
    version: str,
    made_at: datetime,
    rhythm_days: Sequence[float] | None = None,
    rows: Iterable[int] | None = None,
) -> Iterator[bytes]:
    """Yield one record per row of some matrices (rows best first, `names` by column), or for some `rows` of them, as
    `pack` would write it, many times as fast; b"" for a row that is empty in all of them. `source` may differ by list;
    a row with a rhythm and nothing else holds it in an empty first list."""
    sources = dict.fromkeys(lists, source) if isinstance(source, str) else source
    opened = [
        (
            name.encode("ascii")[:12],
            bytes([_CODES.get(sources[name], 0)]),
            one.indptr.tolist(),
            one.indices.tolist(),
            np.ascontiguousarray(one.data, dtype="<f4").tobytes(),
        )
        for name, one in lists.items()
    ]
    stamp, letters = int(made_at.timestamp()), version.encode("ascii", "replace")[:12]
    heads = [_HEAD.pack(b"RK", FORMAT, count, stamp, letters) for count in range(len(opened) + 1)]
    for row in range(len(opened[0][2]) - 1) if rows is None else rows:
        rhythm, parts = 0.0 if rhythm_days is None else rhythm_days[row], []
        for name, code, starts, columns, scores in opened:
            a, b = starts[row], starts[row + 1]
            if b > a:
                ids = b"\n".join([names[column] for column in columns[a:b]])
                parts.append(_LIST.pack(name, rhythm, b - a, len(ids)) + scores[4 * a : 4 * b] + code * (b - a) + ids)
        if rhythm and not parts:
            parts.append(_LIST.pack(opened[0][0], rhythm, 0, 0))
        yield b"".join([heads[len(parts)], *parts]) if parts else b""


def _source_codes(sources: Sequence[str] | str, count: int) -> bytes:
    if isinstance(sources, str):
        return bytes([_CODES.get(sources, 0)]) * count
    return bytes(_CODES.get(source, 0) for source in sources)


def unpack(packed: bytes) -> Unpacked:
    """Read what `pack` wrote; BadArtifact where the bytes are cut off, foreign or of another format."""
    try:
        return Unpacked(packed)
    except (struct.error, IndexError) as problem:
        raise BadArtifact(f"recommendation bytes are damaged: {problem}", "train again") from problem


def readable(packed: bytes | None) -> Unpacked | None:
    """Return the record, None where there is none or `unpack` would not read it."""
    if not packed:
        return None
    try:
        return Unpacked(packed)
    except (BadArtifact, struct.error, IndexError):
        return None


@lru_cache(256)
def _text(padded: bytes) -> str:
    """Return a name of fixed length without its padding; there are few of them, and they come all the time."""
    return padded.rstrip(b"\0").decode("utf-8", "replace")


@lru_cache(256)
def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@lru_cache(256)
def _padded(name: str) -> bytes:
    return name.encode("ascii", "replace")[:12].ljust(12, b"\0")

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
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recsys.errors import BadArtifact

if TYPE_CHECKING:
    from recsys.arrays import Matrix

FORMAT = 1
_HEAD = struct.Struct("<2sBBQ12s")
_LIST = struct.Struct("<12sfHI")
_LIST_SIZE = _LIST.size
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


class Lists(Mapping[str, List]):
    """The lists of a record by name, each decoded when it is first asked for: a slot needs one or two of them."""

    __slots__ = ("_packed", "_read", "_spans")

    def __init__(self, packed: bytes, spans: dict[str, tuple[int, int, int, float]]) -> None:
        self._packed, self._spans, self._read = packed, spans, dict[str, List]()

    def __getitem__(self, name: str) -> List:
        return self.first(name, self._spans[name][1])

    def first(self, name: str, most: int) -> List:
        """Return the first `most` products of a list, or more of them where they are at hand."""
        known = self._read.get(name)
        if known is None or len(known[0]) < min(most, self._spans[name][1]):
            known = self._read[name] = self._decode(most, *self._spans[name])
        return known

    def _decode(self, most: int, at: int, size: int, length: int, rhythm: float) -> List:
        kept = min(size, most)
        scores = _floats(kept)(self._packed, at)
        at += 4 * size
        ids = self._packed[at + size : at + size + length].decode("utf-8", "replace").split("\n", kept)
        return ids[:kept] if len(ids) > kept else ids, scores, self._packed[at : at + kept], rhythm

    def __contains__(self, name: object) -> bool:
        return name in self._spans

    def __iter__(self) -> Iterator[str]:
        return iter(self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def rhythm_days(self) -> float:
        """Return the rhythm of the product the lists are about, without decoding them."""
        return max((span[3] for span in self._spans.values()), default=0.0)


class Unpacked(NamedTuple):
    """What `unpack` reads: made_at in seconds since 1970, and the lists by name."""

    version: str
    made_at: int
    lists: Lists

    @property
    def made(self) -> datetime:
        """The time of training, aware UTC."""
        return datetime.fromtimestamp(self.made_at, UTC)


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
        return _unpack(packed)
    except (struct.error, UnicodeDecodeError, IndexError) as problem:
        raise BadArtifact(f"recommendation bytes are damaged: {problem}", "train again") from problem


def _unpack(packed: bytes) -> Unpacked:
    magic, layout, count, made_at, version = _HEAD.unpack_from(packed)
    if magic != b"RK" or layout != FORMAT:
        raise BadArtifact(f"recommendation bytes of another format ({magic!r}, {layout})", "train again")
    at, spans, next_list = _HEAD.size, {}, _LIST.unpack_from
    for _ in range(count):
        name, rhythm, size, length = next_list(packed, at)
        at += _LIST_SIZE
        spans[_text(name)] = (at, size, length, rhythm)
        at += 5 * size + length
    if at > len(packed):
        raise BadArtifact("recommendation bytes are cut off", "train again")
    return Unpacked(_text(version), made_at, Lists(packed, spans))


@lru_cache(256)
def _text(padded: bytes) -> str:
    """Return a name of fixed length without its padding; there are few of them, and they come all the time."""
    return padded.rstrip(b"\0").decode()

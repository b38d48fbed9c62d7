"""Redis: the packed slates, neighbours and popularity lists, read with one MGET a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

import redis

from campaigns.domain.errors import UnusableEnvironment

_CHUNK = 1_000
_SET_ALL = "for i, key in ipairs(KEYS) do redis.call('SET', key, ARGV[i + 1], 'EX', ARGV[1]) end"


class SlateCache:
    """Packed bytes by key. Reading never fails a mail: a cache that does not answer reads as empty."""

    def __init__(self, url: str, *, prefix: str = "rekindle:") -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)
        self._prefix = prefix
        self._set_all = self._redis.register_script(_SET_ALL)

    @property
    def world(self) -> str:
        """The last part of the prefix: whose records these are."""
        return self._prefix.rstrip(":").rpartition(":")[2]

    def read(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The values of `keys` that are there, in one round trip; {} when Redis is gone."""
        if not keys:
            return {}
        try:
            values = self._redis.mget([self._prefix + key for key in keys])
        except redis.RedisError:
            return {}
        return {key: value for key, value in zip(keys, values, strict=True) if isinstance(value, bytes)}

    def write(self, values: Mapping[str, bytes], *, ttl_seconds: int) -> None:
        """Writes values in chunks, each with a time to live (so that what is never refreshed goes away). One script
        call a chunk: a command a value costs the client ten times as much."""
        items = iter(values.items())
        while chunk := list(islice(items, _CHUNK)):
            names = [self._prefix + name for name, _ in chunk]
            try:
                self._set_all(keys=names, args=[ttl_seconds, *(value for _, value in chunk)])
            except redis.RedisError as error:
                raise UnusableEnvironment(
                    f"Redis at {self._where()} did not take the slates ({error})",
                    fix="see its log and its memory limit",
                ) from error

    def delete(self, keys: Iterable[str]) -> None:
        """Removes values; those that are not there count as removed."""
        items = iter(keys)
        while chunk := list(islice(items, _CHUNK)):
            self._redis.unlink(*(self._prefix + key for key in chunk))

    def find_missing(self, keys: Sequence[str]) -> list[str]:
        """Those of `keys` that hold nothing; all of them when Redis is gone."""
        missing: list[str] = []
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            try:
                if self._redis.exists(*(self._prefix + key for key in chunk)) == len(chunk):
                    continue
                with self._redis.pipeline(transaction=False) as pipe:
                    for key in chunk:
                        pipe.exists(self._prefix + key)
                    missing += [key for key, there in zip(chunk, pipe.execute(), strict=True) if not there]
            except redis.RedisError:
                missing += chunk
        return missing

    def sizes(self) -> dict[str, int]:
        """How many records of each kind there are: `products`, `profiles`, `lists`; {} when Redis is gone."""
        found = {"products": 0, "profiles": 0, "lists": 0}
        kinds = {b"p:": "products", b"s:": "profiles"}
        start = len(self._prefix)
        try:
            for key in self._redis.scan_iter(match=self._prefix + "*", count=10 * _CHUNK):
                found[kinds.get(key[start : start + 2], "lists")] += 1
        except redis.RedisError:
            return {}
        return found

    def clear(self) -> None:
        """Removes everything this product put there."""
        batch: list[bytes] = []
        for key in self._redis.scan_iter(match=self._prefix + "*", count=_CHUNK):
            batch.append(key)
            if len(batch) >= _CHUNK:
                self._redis.delete(*batch)
                batch.clear()
        if batch:
            self._redis.delete(*batch)

    def check(self) -> None:
        """Raises `UnusableEnvironment` with one readable line when Redis does not answer."""
        try:
            self._redis.ping()
        except redis.RedisError as error:
            raise UnusableEnvironment(
                f"Redis at {self._where()} does not answer",
                where="REKINDLE_REDIS_URL",
                fix="start the server, correct the URL, or unset the variable to use the embedded one",
            ) from error

    def _where(self) -> str:
        options = self._redis.connection_pool.connection_kwargs
        return str(options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}")

    def close(self) -> None:
        self._redis.close()

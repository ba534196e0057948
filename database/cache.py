"""Caches of what was gathered for a keystroke: in this process, and in Redis shared by all workers.

Both keep the promises of `core.ports.CandidateCache` and pass one suite of tests.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from config.settings import Settings

T = TypeVar("T")

_NAMESPACE = "cadence:candidates:"
_AT_ONCE = 500
RETRY_SECONDS = 1.0  # pause after a failure: an absent Redis costs one timeout a second, not one per keystroke


@dataclass(slots=True)
class CacheCounts:
    """Since the start. A failed lookup counts as a miss and as a failure."""

    hits: int = 0
    misses: int = 0
    failures: int = 0


class MemoryCache(Generic[T]):
    """At most `max_entries` values; the least recently used goes first. `clock` gives seconds and never goes back."""

    kind = "memory"

    def __init__(self, max_entries: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts = CacheCounts()
        self._max_entries = max_entries
        self._clock = clock
        self._entries: OrderedDict[str, tuple[float, T]] = OrderedDict()  # key → (expires at, value)

    async def get(self, key: str) -> T | None:
        entry = self._entries.get(key)
        if entry is None or entry[0] <= self._clock():
            self._entries.pop(key, None)
            self.counts.misses += 1
            return None
        self._entries.move_to_end(key)
        self.counts.hits += 1
        return entry[1]

    async def put(self, key: str, value: T, ttl_seconds: float) -> None:
        self._entries[key] = (self._clock() + ttl_seconds, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    async def available(self) -> bool:
        return True

    async def close(self) -> None:
        self._entries.clear()


def redis_client(url: str, timeout_seconds: float) -> Redis:
    """One that gives up after the timeout and does not try again. Raises ValueError for a URL that is none."""
    return Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )


class RedisCache:
    """Values in a Redis server, whose own limits and eviction apply (`maxmemory-policy allkeys-lru` suits).

    Raises ValueError for a URL that is none; a server that is away is no error (see the port).
    """

    kind = "redis"

    def __init__(self, url: str, timeout_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts = CacheCounts()
        self._clock = clock
        self._resume_at = float("-inf")
        self._redis = redis_client(url, timeout_seconds)

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = None
        if self._clock() >= self._resume_at:
            try:
                answer = await self._redis.get(_name(key))
                value = answer if isinstance(answer, bytes) else None
            except (RedisError, OSError):
                self._failed()
        if value is None:
            self.counts.misses += 1
        else:
            self.counts.hits += 1
        return value

    async def put(self, key: str, value: bytes, ttl_seconds: float) -> None:
        if self._clock() < self._resume_at:
            return
        try:
            await self._redis.set(_name(key), value, px=max(1, round(ttl_seconds * 1_000)))
        except (RedisError, OSError):
            self._failed()

    async def clear(self) -> bool:
        """Delete every value; False where the server did not answer. Other keys of the same server stay."""
        try:
            some: list[bytes] = []
            async for key in self._redis.scan_iter(match=f"{_NAMESPACE}*", count=1_000):
                some.append(key)
                if len(some) == _AT_ONCE:
                    await self._redis.unlink(*some)
                    some = []
            if some:
                await self._redis.unlink(*some)
        except (RedisError, OSError):
            self._failed()
            return False
        return True

    async def available(self) -> bool:
        """Whether the server answers now."""
        try:
            return bool(await self._redis.ping())
        except (RedisError, OSError):
            return False

    async def close(self) -> None:
        await self._redis.aclose()

    def _failed(self) -> None:
        self.counts.failures += 1
        self._resume_at = self._clock() + RETRY_SECONDS


def _name(key: str) -> str:
    """Keys hold what somebody typed. Redis may write them down, so it gets a hash."""
    return _NAMESPACE + hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def shared_cache(settings: Settings) -> RedisCache | None:
    """The cache that all workers share, where REDIS_URL is set."""
    if settings.storage.redis_url:
        return RedisCache(settings.storage.redis_url, settings.storage.redis_timeout_ms / 1_000)
    return None

"""The two caches: one suite of behaviour for both, and what each does alone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from config.settings import Settings, StorageSettings
from core.ports import CandidateCache
from database.cache import RETRY_SECONDS, MemoryCache, RedisCache, shared_cache

pytestmark = pytest.mark.anyio
Cache = MemoryCache[bytes] | RedisCache
ABSENT = "unix:///nowhere/redis.sock"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class CacheBehaviour:
    """What the port promises. Subclasses give `cache` and let time pass."""

    async def elapse(self, cache: Cache, seconds: float) -> None:
        raise NotImplementedError

    async def test_what_was_put_is_found(self, cache: Cache) -> None:
        port: CandidateCache = cache
        value = bytes(range(256))
        assert await port.get("a") is None
        await port.put("a", value, 10)
        await port.put("\x1fключ 🔥", b"", 10)
        assert await port.get("a") == value
        assert await port.get("\x1fключ 🔥") == b""
        assert (cache.counts.hits, cache.counts.misses, cache.counts.failures) == (2, 1, 0)

    async def test_a_value_is_replaced(self, cache: Cache) -> None:
        await cache.put("a", b"old", 10)
        await cache.put("a", b"new", 10)
        assert await cache.get("a") == b"new"

    async def test_a_value_ends_with_its_time(self, cache: Cache) -> None:
        await cache.put("short", b"1", 10)
        await cache.put("long", b"2", 30)
        await self.elapse(cache, 9)
        assert await cache.get("short") == b"1"
        await self.elapse(cache, 11)
        assert await cache.get("short") is None
        assert await cache.get("long") == b"2"

    async def test_it_is_available(self, cache: Cache) -> None:
        assert await cache.available()


class TestMemoryCache(CacheBehaviour):
    @pytest.fixture
    async def cache(self, clock: Clock) -> AsyncIterator[MemoryCache[bytes]]:
        self.clock = clock
        cache = MemoryCache[bytes](max_entries=3, clock=clock)
        yield cache
        await cache.close()

    async def elapse(self, cache: Cache, seconds: float) -> None:
        self.clock.now += seconds

    async def test_the_least_recently_used_goes_first(self, cache: MemoryCache[bytes]) -> None:
        for key in "abc":
            await cache.put(key, b"", 10)
        await cache.get("a")
        await cache.put("d", b"", 10)
        assert [await cache.get(key) is not None for key in "abcd"] == [True, False, True, True]


class TestRedisCache(CacheBehaviour):
    @pytest.fixture
    async def cache(self, redis_url: str, clock: Clock) -> AsyncIterator[RedisCache]:
        self.redis = Redis.from_url(redis_url)
        await self.redis.flushall()
        cache = RedisCache(redis_url, timeout_seconds=5, clock=clock)
        yield cache
        await cache.close()
        await self.redis.aclose()

    async def elapse(self, cache: Cache, seconds: float) -> None:
        """Redis has a clock of its own, so every key is moved that much closer to its end."""
        for key in await self.redis.keys():
            left_ms = await self.redis.pttl(key)
            assert left_ms > 0, "a value without an end"
            if left_ms <= seconds * 1_000:
                await self.redis.delete(key)
            else:
                await self.redis.pexpire(key, left_ms - int(seconds * 1_000))

    async def test_workers_share_it(self, cache: RedisCache, redis_url: str) -> None:
        other = RedisCache(redis_url, timeout_seconds=5)
        await cache.put("a", b"1", 10)
        assert await other.get("a") == b"1"
        await other.close()


async def test_an_absent_redis_misses_is_counted_and_left_alone_for_a_while(clock: Clock) -> None:
    cache = RedisCache(ABSENT, timeout_seconds=1, clock=clock)
    assert not await cache.available()
    assert await cache.get("a") is None
    await cache.put("a", b"1", 10)
    assert await cache.get("a") is None
    assert (cache.counts.hits, cache.counts.misses, cache.counts.failures) == (0, 2, 1)
    clock.now += RETRY_SECONDS
    await cache.put("a", b"1", 10)
    assert cache.counts.failures == 2
    await cache.close()


async def test_a_redis_that_answers_something_else_misses(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    cache = RedisCache(redis_url, timeout_seconds=5)
    await redis.flushdb()
    await cache.put("list", b"value", 60)
    [name] = await redis.keys("cadence:candidates:*")
    await redis.delete(name)
    await redis.lpush(name, "x")
    assert await cache.get("list") is None
    assert cache.counts.failures == 1
    await cache.close()
    await redis.aclose()


async def test_settings_choose_the_cache(tmp_path: Path) -> None:
    assert shared_cache(Settings()) is None
    cache = shared_cache(Settings(storage=StorageSettings(cadence_home=tmp_path, redis_url=ABSENT)))
    assert cache is not None and cache.kind == "redis"
    await cache.close()
    with pytest.raises(ValueError, match="scheme"):
        shared_cache(Settings(storage=StorageSettings(redis_url="localhost:6379")))

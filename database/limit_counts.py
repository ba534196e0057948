"""How often something was asked for in a window of time: in this process, and in Redis for all workers together.

Windows are aligned to the clock and of fixed length, so one increment tells count and reset in one round trip; across
an edge up to twice a limit may pass, which the defaults allow for. Each key's windows are shifted by its own hash:
otherwise everybody who was refused would come back in the same moment. Workers must agree about the time to a fraction
of a window.

Redis counts through the `limits` library: its script increments and sets the expiry in one step. This process counts by
itself, because the memory storage of `limits` looks through all keys with each increment (measured: 8 µs with 10 keys,
82 with 1,000, 930 with 10,000); here it is one look-up, and the number of keys is bounded. It counts beside Redis, too:
who is over a limit by this worker's count alone is refused without asking, so a flood costs no round trips, and while
Redis is away or slow this worker goes on from what it has seen. That is counted, and Redis is left alone for a second.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from zlib import crc32

from limits.aio.storage import RedisStorage
from redis.exceptions import RedisError

from config.settings import Settings
from database.cache import RETRY_SECONDS, redis_client

MAX_KEYS = 100_000  # of one generation, about 20 MB; beyond it the oldest counts are forgotten, and that is counted
_NAMESPACE = "cadence:limits"


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `limit` a window for whoever `key` names."""

    key: str
    limit: int


@dataclass(frozen=True, slots=True)
class Used:
    """`count`: with this request. `reset_seconds`: until it begins anew, more than 0."""

    budget: Budget
    count: int
    reset_seconds: float

    @property
    def over(self) -> bool:
        return self.count > self.budget.limit

    @property
    def remaining(self) -> int:
        return max(0, self.budget.limit - self.count)


class LocalCounts:
    """Counts of this process, the latest two generations of them; at most 2 · `max_keys`."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self.forgotten = 0  # generations that ended before their window did
        self._max_keys, self._generation = max_keys, -1
        self._now: dict[str, tuple[int, int]] = {}  # key → (number of its window, count)
        self._before: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._now) + len(self._before)

    def add(self, key: str, window: int, generation: int) -> int:
        """The count of `key` in its `window` with this one. A `generation` is as long as a window."""
        if generation != self._generation:
            self._before = self._now if generation == self._generation + 1 else {}
            self._now, self._generation = {}, generation
        elif len(self._now) >= self._max_keys and key not in self._now:
            self._before, self._now = self._now, {}
            self.forgotten += 1
        known, count = self._now.get(key) or self._before.get(key) or (window, 0)
        count = count + 1 if known == window else 1
        self._now[key] = (window, count)
        return count


class SharedCounts:
    """Counts in a Redis server. Raises ValueError for a URL that is none."""

    def __init__(self, url: str, timeout_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.failures = 0
        self._timeout_seconds, self._clock, self._resume_at = timeout_seconds, clock, float("-inf")
        self._redis = redis_client(url, timeout_seconds)
        # The pool says where the server is, and how long it may take; the address given here is not used.
        self._storage = RedisStorage(
            "async+redis://",
            implementation="redispy",
            key_prefix=_NAMESPACE,
            connection_pool=self._redis.connection_pool,  # type: ignore[arg-type]  # documented, but not in its type
        )

    @property
    def available(self) -> bool:
        """Whether it is asked, rather than left alone after a failure."""
        return self._clock() >= self._resume_at

    async def add(self, keys: Sequence[str], ttl_seconds: int) -> list[int] | None:
        """The counts of `keys`, each with this one, asked for at the same time; None: Redis is away or too slow."""
        if not self.available:
            return None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                if len(keys) == 1:
                    return [await self._storage.incr(keys[0], ttl_seconds)]
                return list(await asyncio.gather(*(self._storage.incr(key, ttl_seconds) for key in keys)))
        except (RedisError, OSError, TimeoutError):
            self.failures += 1
            self._resume_at = self._clock() + RETRY_SECONDS
            return None

    async def close(self) -> None:
        await self._redis.aclose()


class LimitCounts:
    """Charges budgets, in Redis where there is one. `clock`: seconds since the epoch."""

    def __init__(
        self, window_seconds: int, shared: SharedCounts | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.window_seconds, self.shared, self.local = window_seconds, shared, LocalCounts()
        self._clock = clock

    @property
    def failures(self) -> int:
        """How often Redis did not answer in time."""
        return 0 if self.shared is None else self.shared.failures

    async def charge(self, budgets: Sequence[Budget]) -> list[Used]:
        """What was used of each, with this request; the first that is over ends it, and the ones after it stay whole.

        So put the narrowest first: who has used up the own budget takes nothing from those who share an address.
        """
        now, length, used, keys = self._clock(), self.window_seconds, list[Used](), list[str]()
        for budget in budgets:
            digest = blake2b(budget.key.encode("utf-8", "replace"), digest_size=12).hexdigest()
            shifted = now + crc32(digest.encode()) % (1_000 * length) / 1_000
            window, passed = divmod(shifted, length)
            count = self.local.add(digest, int(window), int(now // length))
            used.append(Used(budget, count, length - passed))
            keys.append(f"{digest}:{int(window)}")
            if used[-1].over:
                return used
        if self.shared is not None and (counts := await self.shared.add(keys, length + 1)) is not None:
            return [
                Used(mine.budget, max(mine.count, count), mine.reset_seconds)
                for mine, count in zip(used, counts, strict=True)
            ]
        return used

    async def close(self) -> None:
        if self.shared is not None:
            await self.shared.close()


def limit_counts(settings: Settings) -> LimitCounts:
    """As the settings say; shared by all workers where REDIS_URL is set."""
    storage = settings.storage
    shared = SharedCounts(storage.redis_url, storage.redis_timeout_ms / 1_000) if storage.redis_url else None
    return LimitCounts(settings.limits.rate_limit_window_seconds, shared)

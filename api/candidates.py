"""What was gathered for a keystroke, kept in this process, and in Redis where it is set; computed once for all.

Keys carry the artifact version, so that a swap of versions needs no flush: what is old is never asked for again.
"""

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import TypeAdapter, ValidationError

from core.services.gathered import Gathered
from database.cache import CacheCounts, MemoryCache, RedisCache

_stored = TypeAdapter(Gathered)


class Candidates:
    """Two levels of cache and a single flight. `counts` are of lookups, `failures` of those Redis did not answer."""

    def __init__(self, memory: MemoryCache[Gathered], shared: RedisCache | None, ttl_seconds: float) -> None:
        self.counts = CacheCounts()
        self.unreadable = 0  # entries of another release that shares this Redis
        self._memory, self._shared, self._ttl_seconds = memory, shared, ttl_seconds
        self._flights: dict[str, asyncio.Task[Gathered]] = {}

    @property
    def kind(self) -> str:
        return self._shared.kind if self._shared else self._memory.kind

    @property
    def failures(self) -> int:
        return self._shared.counts.failures if self._shared else 0

    async def available(self) -> bool:
        """Whether the shared cache answers now; without one there is nothing that could be away."""
        return await self._shared.available() if self._shared else True

    async def known(self, key: str) -> Gathered | None:
        """What is kept under `key`."""
        found = await self._memory.get(key)
        if found is None and self._shared:
            found = await self._from_shared(key, self._shared)
        if found is None:
            self.counts.misses += 1
        else:
            self.counts.hits += 1
        return found

    async def holds(self, key: str) -> bool:
        """Whether something is kept under `key`; not counted as a lookup."""
        if await self._memory.get(key) is not None:
            return True
        return self._shared is not None and await self._from_shared(key, self._shared) is not None

    def computed(self, key: str, compute: Callable[[], Awaitable[Gathered]]) -> "asyncio.Task[Gathered]":
        """The running computation for `key`, started if there is none. What is complete is kept, whoever waits."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._flight(key, compute))
        return flight

    async def keep(self, key: str, gathered: Gathered) -> None:
        """A list cut short by a busy moment is not kept."""
        if gathered.complete:
            await self._memory.put(key, gathered, self._ttl_seconds)
            if self._shared:
                await self._shared.put(key, _stored.dump_json(gathered), self._ttl_seconds)

    async def clear(self) -> bool:
        """Keep nothing of what was gathered; False where Redis did not answer, and may have lists still."""
        await self._memory.close()
        return self._shared is None or await self._shared.clear()

    async def close(self) -> None:
        for flight in list(self._flights.values()):
            flight.cancel()
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        if self._shared:
            await self._shared.close()

    async def _flight(self, key: str, compute: Callable[[], Awaitable[Gathered]]) -> Gathered:
        try:
            gathered = await compute()
            await self.keep(key, gathered)
            return gathered
        finally:
            del self._flights[key]

    async def _from_shared(self, key: str, shared: RedisCache) -> Gathered | None:
        stored = await shared.get(key)
        if stored is None:
            return None
        try:
            gathered = _stored.validate_json(stored)
        except ValidationError:
            self.unreadable += 1
            return None
        await self._memory.put(key, gathered, self._ttl_seconds)
        return gathered

"""The few interfaces behind which two implementations stand."""

from typing import Protocol


class CandidateCache(Protocol):
    """Bytes by key with a time to live: in this process, or in Redis shared by all workers.

    A cache never raises for being unreachable: it misses, and counts the failure.
    """

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, ttl_seconds: float) -> None: ...

    async def close(self) -> None: ...

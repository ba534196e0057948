"""The few interfaces behind which two implementations stand, or can stand."""

from typing import Protocol

from core.domain import SearchQuery, SearchReply
from core.personalization.shopper import Shopper


class CandidateCache(Protocol):
    """Bytes by key with a time to live: in this process, or in Redis shared by all workers.

    A cache never raises for being unreachable: it misses, and counts the failure.
    """

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, key: str, value: bytes, ttl_seconds: float) -> None: ...

    async def close(self) -> None: ...


class ProductSearch(Protocol):
    """Products for a query: the embedded index of this process, or a remote one.

    The result set, and with it totals, facets and pages, is what `core.retrieval.products` defines.
    """

    async def search(self, query: SearchQuery, shopper: Shopper | None = None) -> SearchReply:
        """For nobody in particular without a `shopper`.

        Raises NoCatalogError without a catalogue, OverloadedError where too many wait.
        """
        ...

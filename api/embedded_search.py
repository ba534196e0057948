"""The search of this process behind `core.ports.ProductSearch`: computed in threads, beside the event loop."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from api.inference import InferenceThreads
from core.domain import SearchQuery, SearchReply
from core.personalization.shopper import Shopper


@dataclass(frozen=True, slots=True)
class EmbeddedSearch:
    """`current` gives the search of the version that is served now."""

    current: Callable[[], Callable[[SearchQuery, Shopper | None], SearchReply]]
    threads: InferenceThreads

    async def search(self, query: SearchQuery, shopper: Shopper | None = None) -> SearchReply:
        return await self.threads.run(partial(self.current(), query, shopper))

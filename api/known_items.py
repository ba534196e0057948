"""Which products the catalogue knows: who asks while somebody is being answered is answered together with others.

A read of its own for each event took as long as all else that an event costs: threads that wait for each other.
"""

import asyncio
from collections.abc import Collection, Iterable
from functools import partial

from database.connection import Database
from database.repositories.products import find_known


class KnownItems:
    """For one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._one_at_a_time = asyncio.Lock()
        self._wanted: set[str] = set()
        self._next: asyncio.Task[set[str]] | None = None  # has not begun to read

    async def among(self, product_ids: Iterable[str]) -> Collection[str]:
        """All known ones of these ids, perhaps with some of others; as of now or later. Raises SQLAlchemyError."""
        wanted = set(product_ids)
        if not wanted:
            return ()
        self._wanted |= wanted
        if self._next is None:
            self._next = asyncio.create_task(self._read())
            self._next.add_done_callback(lambda done: done.cancelled() or done.exception())  # heard by who still waits
        return await asyncio.shield(self._next)  # others may wait for it, too

    async def _read(self) -> set[str]:
        async with self._one_at_a_time:
            wanted, self._wanted, self._next = self._wanted, set(), None
            return await self._database.read(partial(find_known, product_ids=sorted(wanted)))

"""Changes of the catalogue, followed in the background: read from the database, made on the index that is served.

The database is the truth, the index is derived from it: so a change that was acknowledged is found after a crash too,
and every worker follows by itself. Nothing waits for the encoder: a new title is found by its words first.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.exc import SQLAlchemyError

from database.connection import Database
from database.repositories.product_changes import ChangedProduct, changes_after

if TYPE_CHECKING:  # it brings numerical libraries along, which creating the app does not need
    from core.services.live_catalog import LiveCatalog

_CHANGES_AT_ONCE = 1_000  # a bulk update shows piece by piece, a fraction of a second each
_REST_SECONDS = 0.25  # at most, between two indexes: what comes meanwhile goes together, and searches have the machine
_ANSWER_SECONDS = 0.1  # that the answer to a change waits for its index: mostly it takes a few milliseconds
_TITLES_AT_ONCE = 32  # a few milliseconds each, in a thread beside the searches
_VECTORS_AT_ONCE = 256  # that one index takes up

_log = structlog.get_logger(__name__)


class CatalogFollower:
    """`followed` is the catalogue of the version that is served; None where there is none."""

    def __init__(self, database: Database, check_seconds: float, catalog: "LiveCatalog | None") -> None:
        self.followed = catalog
        self._database = database
        self._check_seconds = check_seconds
        self._one_at_a_time = asyncio.Lock()  # each index is made from the one before
        self._changed = asyncio.Event()  # here, so that nobody need wait for the next look
        self._served = asyncio.Event()  # another one after each index
        self._titles_wait = asyncio.Event()

    async def refresh(self) -> None:
        """Serve what has changed. Raises SQLAlchemyError when the database cannot be read."""
        while await self._serve_more():
            pass

    async def serve(self, seq: int) -> None:
        """Returns when the change `seq`, which is on disk, is served here, or after `_ANSWER_SECONDS`: it soon is."""
        self._changed.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                while self.followed is not None and self.followed.seq < seq:
                    await self._served.wait()

    async def follow(self, catalog: "LiveCatalog | None") -> None:
        """Another version is about to be served: brings its catalogue up to date, and keeps that one so from now on."""
        try:
            while await self._step(catalog):  # it may be much, and what changes meanwhile is served as before
                pass
            async with self._one_at_a_time:
                while await self._step(catalog):
                    pass
                self.followed = catalog
        except SQLAlchemyError as error:  # no reason to refuse a version: the next look makes up for it
            _log.warning("changes of the catalogue not read", error=type(error).__name__)
            self.followed = catalog

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Look at intervals, and at once after a change here, until told to stop.

        A failed look leaves the index in place for the next one.
        """
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            self._changed.clear()
            begun, more = time.perf_counter(), False
            try:
                more = await self._serve_more()
            except SQLAlchemyError as error:
                _log.warning("changes of the catalogue not read", error=type(error).__name__)
            if more:
                await asyncio.wait([stopping], timeout=min(_REST_SECONDS, time.perf_counter() - begun))
            else:
                await _first_of(stopping, self._changed, self._check_seconds)

    async def keep_embedding(self, stop: asyncio.Event) -> None:
        """Give new titles their vectors, a few at a time, until told to stop."""
        stopping = asyncio.create_task(stop.wait())
        while not stop.is_set():
            if not await self.embed_some():
                await _first_of(stopping, self._titles_wait)

    async def embed_some(self) -> int:
        """Embeds the titles that have waited longest; returns how many, 0 when none waits."""
        async with self._one_at_a_time:
            catalog = self.followed
            titles = catalog.titles(_VECTORS_AT_ONCE) if catalog else {}
        if catalog is None or not titles:
            self._titles_wait.clear()
            return 0
        texts, vectors = list(titles.values()), []
        for start in range(0, len(texts), _TITLES_AT_ONCE):
            vectors += [*await asyncio.to_thread(catalog.embed, texts[start : start + _TITLES_AT_ONCE])]
        async with self._one_at_a_time:  # held for a moment only: changes do not wait for the encoder
            await asyncio.to_thread(catalog.add_vectors, titles, vectors)
        return len(titles)

    async def _serve_more(self) -> bool:
        async with self._one_at_a_time:
            return await self._step(self.followed)

    async def _step(self, catalog: "LiveCatalog | None") -> bool:
        """Serves the next few changes; whether there were any."""
        if catalog is None:
            return False
        changed = await self._database.read(partial(changes_after, seq=catalog.seq, limit=_CHANGES_AT_ONCE))
        if not changed:
            return False
        await asyncio.to_thread(_apply, catalog, changed)
        self._titles_wait.set()
        self._served.set()
        self._served = asyncio.Event()
        return True


async def _first_of(stopping: "asyncio.Task[bool]", event: asyncio.Event, seconds: float | None = None) -> None:
    """Returns when it is time to stop, when `event` is set, or after so many seconds."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait([stopping, waiting], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def _apply(catalog: "LiveCatalog", changed: Sequence[ChangedProduct]) -> None:
    from core.services.live_catalog import Change

    changes = {one.product_id: Change(one.product, one.title_seq) for one in changed}
    catalog.apply(changes, changed[-1].seq)

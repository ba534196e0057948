"""What many shoppers search these days, counted in the background."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from config.settings import SuggestSettings
from database.connection import Database
from database.repositories.events import EventRepository

_KEPT = 50  # more than the longest list, so that some may be filtered out

_log = structlog.get_logger(__name__)


class Trending:
    """`queries`, best first, as of the last counting."""

    def __init__(
        self, database: Database, settings: SuggestSettings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.queries: tuple[str, ...] = ()
        self._database = database
        self._settings = settings
        self._clock = clock

    async def refresh(self) -> None:
        """Count anew. Raises SQLAlchemyError when the database cannot be read."""
        since = self._clock() - timedelta(seconds=self._settings.trending_window_seconds)
        async with self._database.reading() as session:
            top = await EventRepository(session).top_queries(since, _KEPT, self._settings.suggestion_min_shoppers)
        self.queries = tuple(top)

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Count at intervals until told to stop. A failed counting leaves the last result in place."""
        while not stop.is_set():
            try:
                await self.refresh()
            except SQLAlchemyError as error:
                _log.warning("trending queries not counted", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._settings.trending_refresh_seconds)

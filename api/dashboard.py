"""What GET /admin/dashboard answers: the figures of a range of time that ends now, and of as much time before it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection

from api.dashboard_answers import answer_from_counts, answer_from_log
from api.schemas.dashboard import DashboardResponse
from database.connection import Database
from database.repositories.insights import Span
from database.repositories.rollup_spans import Freshness, Stretches

T = TypeVar("T")


class Dashboard:
    """Counts for one caller at a time: what is not counted yet may take long, and others need the database, too."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database, self._clock = database, clock
        self._one_at_a_time = asyncio.Lock()
        self._stretches = Stretches()

    async def answer(self, hours: int) -> DashboardResponse:
        """The last `hours`, of one consistent state. Raises SQLAlchemyError when the database cannot be read."""
        end = self._clock().replace(microsecond=0) + timedelta(seconds=1)  # what happened this second counts
        span = Span(end - timedelta(hours=hours), end)
        return await self.count(partial(_answer, span=span, now=self._clock(), stretches=self._stretches))

    async def count(self, work: Callable[[Connection], T]) -> T:
        """What `work` counts, when it is its turn."""
        async with self._one_at_a_time:
            return await self._database.count(work)


def _answer(connection: Connection, span: Span, now: datetime, stretches: Stretches) -> DashboardResponse:
    fresh = Freshness.of(connection, Span(span.before.start, span.end), now)
    if fresh.is_complete:
        return answer_from_counts(connection, span, fresh, stretches)
    return answer_from_log(connection, span)

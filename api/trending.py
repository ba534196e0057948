"""What more shoppers search these days than usual, counted in the background.

With `now` the shoppers who searched a query in the window (TRENDING_WINDOW_SECONDS), and `expected` their number in a
window like those before,

    score = (now − expected) / √(expected + 1),

how many standard deviations of a Poisson count `now` lies above what was expected; the 1 keeps what nobody searched
before from being infinitely surprising. `expected` is the mean over the four windows before, or the imported log's rate
in its last four windows where that is greater: a shop that has just gone live knows the usual from its log alone.
Without any earlier searches everything is expected 0 times, and the order is that of popularity.
"""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from api.intervals import at_intervals
from api.rules import RulesFollower
from config.settings import SuggestSettings
from core.text.personal import looks_personal
from database.connection import Database
from database.repositories.trends import SearchTrend, TrendRepository

_KEPT = 50  # more than the longest list, so that some may be filtered out


def rise(now: float, expected: float) -> float:
    """The score of the formula above; below 0 for what fewer search than usual."""
    return (now - expected) / math.sqrt(expected + 1)


class Trending:
    """The rising queries as of the last counting. What few shoppers search stays private (SUGGESTION_MIN_SHOPPERS)."""

    def __init__(
        self,
        database: Database,
        settings: SuggestSettings,
        rules: RulesFollower,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ranked: tuple[str, ...] = ()
        self._database = database
        self._settings = settings
        self._rules = rules
        self._clock = clock

    @property
    def queries(self) -> tuple[str, ...]:
        """Best first, without what the rules block right now."""
        return tuple(text for text in self._ranked if not self._rules.current.blocks(text))

    async def refresh(self) -> None:
        """Count anew. Raises SQLAlchemyError when the database cannot be read."""
        window = timedelta(seconds=self._settings.trending_window_seconds)
        start = self._clock() - window
        async with self._database.reading() as session:
            trends = TrendRepository(session)
            searches = await trends.searches(start, window, self._settings.suggestion_min_shoppers)
            logged = await trends.logged([one.text for one in searches], start, window)

        def order(one: SearchTrend) -> tuple[float, int, str]:
            return -rise(one.now, max(one.earlier, logged.get(one.text, 0.0))), -one.now, one.text

        public = (one.text for one in sorted(searches, key=order) if not looks_personal(one.text))
        self._ranked = tuple(public)[:_KEPT]

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Count at intervals until told to stop. A failed counting leaves the last result in place."""
        await at_intervals(self.refresh, self._settings.trending_refresh_seconds, stop, "trending queries not counted")

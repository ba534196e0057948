"""Shoppers by window, in the events and in the imported log."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from core.domain import Action, Engagement, QueryRow
from database.connection import Database
from database.repositories.events import EventRepository
from database.repositories.query_log import QueryLogRepository
from database.repositories.trends import SearchTrend, TrendRepository

pytestmark = pytest.mark.anyio
START = datetime(2025, 1, 31, tzinfo=UTC)
WEEK = timedelta(days=7)


async def searched(
    database: Database, query: str, weeks: float, sessions: Sequence[str], user: str | None = None
) -> None:
    """These sessions searched `query` so many weeks after START."""
    at = START + weeks * WEEK
    batch = [Engagement(f"{query}{weeks}{one}{user}", Action.SEARCH, at, one, user, query=query) for one in sessions]
    async with database.transaction() as session:
        await EventRepository(session).add_many(batch, at)


async def trends(database: Database, min_shoppers: int = 1) -> list[SearchTrend]:
    async with database.reading() as session:
        return await TrendRepository(session).searches(START, WEEK, min_shoppers)


async def logged(database: Database, *texts: str) -> dict[str, float]:
    async with database.reading() as session:
        return await TrendRepository(session).logged(texts, START, WEEK)


async def log(database: Database, *rows: QueryRow) -> None:
    async with database.transaction() as session:
        await QueryLogRepository(session).add_many([(row, row.query, row.user_id) for row in rows], None)


def row(query: str, weeks: float, user: str | None = None, relevance: float | None = None) -> QueryRow:
    return QueryRow(query, occurred_at=START + weeks * WEEK, user_id=user, relevance=relevance)


async def test_a_shopper_counts_once_a_window(database: Database) -> None:
    await searched(database, "hat", 0, ["a", "b"])
    await searched(database, "hat", 0.5, ["b", "c"])
    await searched(database, "hat", 0.6, ["s1", "s2"], user="mary")
    await searched(database, "hat", -0.5, ["a", "b"])
    await searched(database, "hat", -0.6, ["a"])
    await searched(database, "hat", -3.5, ["a", "b", "c", "d"])
    await searched(database, "hat", -4.5, ["a", "b", "c", "d", "e"])  # too long ago
    assert await trends(database) == [SearchTrend("hat", 4, (2 + 0 + 0 + 4) / 4)]


async def test_few_shoppers_stay_private(database: Database) -> None:
    await searched(database, "hat", 0, ["a", "b"])
    await searched(database, "cap", 0, ["a", "a2", "b"])
    await searched(database, "old", -1, ["a", "b", "c"])
    assert await trends(database, 3) == [SearchTrend("cap", 3, 0.0)]


async def test_the_mean_is_over_the_windows_that_are_known(database: Database) -> None:
    await searched(database, "hat", 0, ["a"])
    await searched(database, "hat", -0.5, ["a", "b"])
    assert await trends(database) == [SearchTrend("hat", 1, 2.0)]
    await searched(database, "cap", -2, ["a"])
    assert await trends(database) == [SearchTrend("hat", 1, 1.0)]


async def test_the_rate_of_the_log_is_that_of_its_last_windows(database: Database) -> None:
    await log(
        database,
        row("hat", -50, "mary"),
        row("hat", -50.5, "mary"),
        row("hat", -51.5, "mary"),
        row("hat", -51.5, "john"),
        row("hat", -51.5),
        row("hat", -52, relevance=3.0),
        row("hat", -55, "mary"),
        row("hat", 0.5, "later"),
        row("cap", -53),
    )
    assert await logged(database, "hat", "cap", "unknown") == {"hat": (1 + 3) / 4, "cap": 1 / 4}


async def test_a_log_without_times_has_no_rate(database: Database) -> None:
    await log(database, QueryRow("hat"))
    assert await logged(database, "hat") == {}

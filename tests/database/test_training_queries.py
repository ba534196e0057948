"""What is learnt: the log and, from enough shoppers, what was searched since; and which of it is newest."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain import Action, Engagement, QueryRow, WeightedQuery
from database.connection import Database
from database.repositories.events import EventRepository
from database.repositories.query_log import QueryLogRepository
from database.repositories.training_queries import TrainingQueryRepository

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)


async def fill(database: Database) -> None:
    """Six searches of "red lamp" by three shoppers on three days, one private search, and a log."""
    searches = [("s0", "Red Lamp", 0), ("s0", "red lamp", 0), ("s0", "red  lamp", 0), ("s0", "red lamp", 1)]
    searches += [("s1", "red lamp", 2), ("s2", "red lamp", 3), ("s2", "my secret", 3), ("s2", "🔥", 3)]
    events = [
        Engagement(f"e{number}", Action.SEARCH, NOW + days * DAY, session_id, query=query)
        for number, (session_id, query, days) in enumerate(searches)
    ]
    events.append(Engagement("viewed", Action.VIEW, NOW, "s9", query="red lamp"))
    log = [
        (QueryRow("red lamp", count=10), "red lamp", None),
        (QueryRow("oak table", count=4, occurred_at=NOW - DAY), "oak table", None),
        (QueryRow("oak table", count=2, occurred_at=NOW + 9 * DAY), "oak table", "key"),
        (QueryRow("judged", relevance=1.0, occurred_at=NOW), "judged", None),
    ]
    async with database.transaction() as session:
        await EventRepository(session).add_many(events, NOW)
        await QueryLogRepository(session).add_many(log, None)


@pytest.mark.parametrize(
    "min_shoppers, before, lamp, table",
    [(1, None, 13, 6), (3, None, 13, 6), (4, None, 10, 6), (3, NOW + 3 * DAY, 10, 4), (2, NOW + 3 * DAY, 12, 4)],
)
async def test_live_searches_count_once_a_shopper_where_enough_made_them(
    database: Database, min_shoppers: int, before: datetime | None, lamp: float, table: float
) -> None:
    await fill(database)
    async with database.reading() as session:
        learnt = await TrainingQueryRepository(session, min_shoppers).weighted(before)
    private = [WeightedQuery("my secret", 1)] if min_shoppers == 1 and before is None else []
    logged = [WeightedQuery("judged", 1)] if before is None or before > NOW else []
    assert learnt == [*logged, *private, WeightedQuery("oak table", table), WeightedQuery("red lamp", lamp)]


async def test_the_digest_names_what_is_learnt(database: Database) -> None:
    async with database.reading() as session:
        assert await TrainingQueryRepository(session, 1).searches_digest() == ""
    await fill(database)
    async with database.reading() as session:
        three, four = TrainingQueryRepository(session, 3), TrainingQueryRepository(session, 4)
        known = await three.searches_digest()
        assert known and known == await three.searches_digest(NOW + 4 * DAY)
        assert known != await TrainingQueryRepository(session, 2).searches_digest(NOW + 3 * DAY)
        assert await three.searches_digest(NOW + 3 * DAY) == "" == await four.searches_digest()
    more = Engagement("more", Action.SEARCH, NOW, "s7", query="red lamp")
    async with database.transaction() as session:
        await EventRepository(session).add_many([more], NOW)
        assert await TrainingQueryRepository(session, 3).searches_digest() != known


async def test_the_newest_come_first_each_shopper_with_their_last(database: Database) -> None:
    await fill(database)
    async with database.reading() as session:
        queries = TrainingQueryRepository(session, 5)
        newest = await queries.newest(10)
        assert newest == [
            ("oak table", NOW + 9 * DAY),
            ("my secret", NOW + 3 * DAY),
            ("red lamp", NOW + 3 * DAY),
            ("red lamp", NOW + 2 * DAY),
            ("red lamp", NOW + 1 * DAY),
            ("oak table", NOW - DAY),
        ]
        assert await queries.completions() == 6
        assert await queries.completions(NOW + 3 * DAY) == 3
        assert await queries.newest(2, NOW + 3 * DAY) == newest[:2]
        assert await queries.newest(9, NOW + 9 * DAY + timedelta(seconds=1)) == []

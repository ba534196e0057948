"""What rises, by hand-computed scores."""

from datetime import UTC, datetime, timedelta

import pytest

from api.rules import RulesFollower
from api.trending import Trending, rise
from config.settings import SuggestSettings
from core.domain import Action, Engagement, QueryRow
from database.connection import Database
from database.repositories.events import EventRepository
from database.repositories.query_log import QueryLogRepository
from database.repositories.suggestion_rules import Match, RuleKind, SuggestionRuleRepository

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("now", "expected", "score"), [(5, 0, 5.0), (0, 0, 0.0), (15, 3, 6.0), (30, 24, 1.2), (24, 24, 0.0), (3, 8, -5 / 3)]
)
def test_the_score_is_the_formula(now: float, expected: float, score: float) -> None:
    assert rise(now, expected) == pytest.approx(score)


async def search(database: Database, query: str, shoppers: int, weeks_ago: float) -> None:
    at = NOW - weeks_ago * WEEK
    batch = [
        Engagement(f"{query} {weeks_ago} {number}", Action.SEARCH, at, f"s{number}", query=query)
        for number in range(shoppers)
    ]
    async with database.transaction() as session:
        await EventRepository(session).add_many(batch, at)


async def trending(database: Database, min_shoppers: int = 3) -> tuple[Trending, RulesFollower]:
    rules = RulesFollower(database, 1.0)
    await rules.refresh()
    trending = Trending(database, SuggestSettings(suggestion_min_shoppers=min_shoppers), rules, lambda: NOW)
    await trending.refresh()
    return trending, rules


async def test_without_earlier_searches_the_most_popular_come_first(database: Database) -> None:
    for query, shoppers in (("cap", 4), ("hat", 9), ("rare", 2), ("bag", 4)):
        await search(database, query, shoppers, 0.5)
    assert (await trending(database))[0].queries == ("hat", "bag", "cap")


async def test_what_rises_comes_before_what_is_always_popular(database: Database) -> None:
    for weeks in (1.5, 2.5, 3.5, 4.5):
        await search(database, "hat", 24, weeks)
        await search(database, "steady", 8, weeks)
        await search(database, "falling", 8, weeks)
    await search(database, "hat", 30, 0.5)  # (30 − 24) / √25 = 1.2
    await search(database, "steady", 8, 0.5)  # 0
    await search(database, "falling", 3, 0.5)  # (3 − 8) / √9 = −1.67
    await search(database, "new", 4, 0.5)  # 4 / √1 = 4
    assert (await trending(database))[0].queries == ("new", "hat", "steady", "falling")


async def test_the_log_says_what_is_usual_where_it_says_more(database: Database) -> None:
    await search(database, "hat", 9, 0.5)  # against 8 in the log: (9 − 8) / √9 = 0.33
    await search(database, "cap", 4, 0.5)  # 4
    at = NOW - 20 * WEEK
    rows = [(QueryRow("hat", occurred_at=at, session_id=f"s{number}"), "hat", None) for number in range(8)]
    async with database.transaction() as session:
        await QueryLogRepository(session).add_many(rows, None)
    assert (await trending(database))[0].queries == ("cap", "hat")


async def test_blocked_and_personal_ones_do_not_trend(database: Database) -> None:
    for query in ("hat", "jane.doe@example.com", "12 main street"):
        await search(database, query, 5, 0.5)
    await search(database, "red cap", 4, 0.5)
    counted, rules = await trending(database)
    assert list(counted.queries) == ["hat", "red cap"]
    async with database.transaction() as session:
        await SuggestionRuleRepository(session).add(RuleKind.BLOCK, "cap", NOW, match=Match.CONTAINS)
    await rules.refresh()
    assert list(counted.queries) == ["hat"]  # without a new counting

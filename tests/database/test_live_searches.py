"""What came in since the last look, and since a version was made."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, text

from core.domain import Action, Engagement
from database.connection import Database
from database.repositories.events import insert_new
from database.repositories.live_searches import LiveSearch, searches_received, searches_since

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


async def store(database: Database, received_at: datetime, *batch: Engagement) -> None:
    await database.commit(lambda connection: insert_new(connection, batch, received_at))


def searched(name: str, query: str, seconds: float, user: str | None = None, **more: Action) -> Engagement:
    return Engagement(name, more.get("action", Action.SEARCH), after(seconds), "s", user, query=query)


def received(connection: Connection, since: datetime) -> list[LiveSearch]:
    return list(searches_received(connection, since))


def since(connection: Connection, cut: datetime | None) -> list[str]:
    return [search.event_id for search in searches_since(connection, cut)]


async def test_searches_come_in_the_order_in_which_they_occurred(database: Database) -> None:
    await store(
        database,
        after(100),
        searched("late", "Red Hat", 2),
        searched("early", "hat", 1, "mary"),
        searched("longer", "hats", 0),
        searched("shorter", "hat", 0),
        searched("click", "hat", 1, action=Action.SUGGESTION_CLICK),
        searched("no word", "!", 1),
    )
    await store(database, after(99), searched("before", "hat", 3))
    found = await database.read(partial(received, since=after(100)))
    assert [search.event_id for search in found] == ["shorter", "longer", "early", "late"]
    assert found[2:] == [
        LiveSearch("early", "hat", "hat", "mary", after(1), after(100)),
        LiveSearch("late", "red hat", "Red Hat", "s", after(2), after(100)),
    ]


async def test_since_a_cut_or_ever(database: Database) -> None:
    await store(database, after(100), searched("a", "hat", 1), searched("b", "hat", 2), searched("c", "hat", 3))
    assert await database.read(partial(since, cut=after(2))) == ["b", "c"]
    assert await database.read(partial(since, cut=None)) == ["a", "b", "c"]


async def test_what_is_new_is_found_by_an_index(database: Database) -> None:
    plan = text(
        "EXPLAIN QUERY PLAN SELECT event_id FROM events "
        "WHERE action = 'search' AND normalized IS NOT NULL AND received_at >= '2025'"
    )
    found = await database.read(lambda connection: [row.detail for row in connection.execute(plan)])
    assert "ix_events_action_received_at (action=? AND received_at>?)" in " ".join(found)

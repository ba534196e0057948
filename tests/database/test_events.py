"""Events, what is read from them, and who may see whose."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain import Action, Engagement
from database.connection import Database
from database.identity import UserKeys
from database.repositories.events import EventRepository, content_digest, find_previous_queries

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
MARY, JOHN = "mary's key", "john's key"


def searched(number: int, query: str, session_id: str, user_key: str | None = None, **more: object) -> Engagement:
    occurred_at = NOW + timedelta(seconds=number)
    return replace(
        Engagement(f"e{number}", Action.SEARCH, occurred_at, session_id, user_key, query=query),
        **more,  # type: ignore[arg-type]
    )


async def add(database: Database, *batch: Engagement) -> set[str]:
    async with database.transaction() as session:
        return await EventRepository(session).add_many(batch, NOW)


async def recent(database: Database, session_id: str, user_key: str | None = None, limit: int = 10) -> list[str]:
    read = partial(find_previous_queries, session_id=session_id, user_key=user_key, limit=50)
    return list(dict.fromkeys(query.text for query in await database.read(read)))[:limit]


async def test_an_event_is_written_once(database: Database) -> None:
    first, second = searched(1, "a", "s"), searched(2, "b", "s")
    assert await add(database, first) == {"e1"}
    assert await add(database, first, second, second) == {"e2"}
    async with database.reading() as session:
        events = EventRepository(session)
        assert await events.count() == 2
        assert await events.counts_by_action() == {"search": 2}
        assert await events.digests(["e1", "unknown"]) == {"e1": content_digest(first)}


async def test_recent_queries_are_distinct_and_newest_first(database: Database) -> None:
    await add(
        database,
        searched(1, "Red Shoes", "s"),
        searched(2, "jacket", "s"),
        searched(3, "red  shoes", "s"),
        searched(4, "hat", "s", action=Action.SUGGESTION_CLICK),
        searched(5, "not completed", "s", action=Action.IMPRESSION),
        searched(6, "🔥", "s"),
    )
    assert await recent(database, "s") == ["hat", "red shoes", "jacket"]
    assert await recent(database, "s", limit=1) == ["hat"]
    assert await recent(database, "other") == []


async def test_a_session_id_alone_does_not_open_a_users_history(database: Database) -> None:
    await add(
        database,
        searched(1, "marys", "shared", MARY),
        searched(2, "johns", "shared", JOHN),
        searched(3, "nobodys", "shared"),
        searched(4, "marys elsewhere", "else", MARY),
    )
    assert await recent(database, "shared") == ["nobodys"]
    assert await recent(database, "shared", MARY) == ["marys elsewhere", "nobodys", "marys"]


@pytest.mark.parametrize(
    "change",
    [
        {"action": Action.SUGGESTION_CLICK},
        {"session_id": "other"},
        {"user_key": MARY},
        {"item_id": "p1"},
        {"query": "b"},
        {"item_rank": 1},
        {"duration_seconds": 1.0},
        {"request_id": "r"},
        {"additional_data": {"a": 1}},
    ],
)
def test_every_part_of_the_content_is_in_the_digest(change: dict[str, object]) -> None:
    event = searched(1, "a", "s")
    assert content_digest(event) != content_digest(replace(event, **change))  # type: ignore[arg-type]


def test_the_time_is_not_in_the_digest_since_the_server_may_have_set_it() -> None:
    assert content_digest(searched(1, "a", "s")) == content_digest(searched(1, "a", "s", occurred_at=NOW))


@settings(derandomize=True, max_examples=50)
@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_users_are_kept_as_hashes_under_a_key(user_id: str) -> None:
    key = UserKeys(b"k" * 32).key(user_id)
    assert len(key) == 64
    assert key == UserKeys(b"k" * 32).key(user_id)
    assert key != UserKeys(b"other" * 8).key(user_id)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        UserKeys(b"short")

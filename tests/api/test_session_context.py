"""What a session searched before: from memory, from the database, and through the API."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from api.session_context import SessionContext
from core.domain import Action, Engagement, PreviousQuery
from database.connection import Database
from database.repositories.events import EventRepository
from tests.api.calls import in_service, post, start_session, state_of

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def context(
    database: Database, clock: Clock, max_sessions: int = 100, patience_seconds: float = 20.0
) -> SessionContext:
    return SessionContext(database, 5.0, max_sessions, clock, patience_seconds)


async def store(database: Database, query: str, at: datetime, session_id: str = "s", user: str | None = None) -> None:
    event = Engagement(f"{query}{at}{session_id}{user}", Action.SEARCH, at, session_id, user, query=query)
    async with database.transaction() as session:
        await EventRepository(session).add_many([event], at)


def texts(found: tuple[PreviousQuery, ...]) -> list[str]:
    return [query.text for query in found]


async def test_the_first_keystroke_reads_what_is_stored(database: Database) -> None:
    clock = Clock()
    for number in range(12):
        await store(database, f"Query {number}", NOW - timedelta(minutes=number))
    await store(database, "query 3", NOW - timedelta(days=1))
    found = await context(database, clock).previous("s", None)
    assert texts(found) == [f"query {number}" for number in range(10)]
    assert found[3].at == NOW - timedelta(minutes=3)


async def test_other_workers_searches_are_seen_when_the_entry_is_too_old(database: Database) -> None:
    clock = Clock()
    sessions = context(database, clock)
    assert await sessions.previous("s", None) == ()
    await store(database, "hat", clock.now)
    clock.advance(4.9)
    assert await sessions.previous("s", None) == ()
    clock.advance(0.1)
    assert await sessions.previous("s", None) == ()  # nobody waits for it: it is read for the next keystroke
    await sessions.settled()
    assert texts(await sessions.previous("s", None)) == ["hat"]
    await store(database, "cap", clock.advance(60))
    assert texts(await sessions.previous("s", None)) == ["cap", "hat"]  # too old to be shown once more


async def test_keystrokes_at_once_read_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = 0
    read = database.read

    async def counted(work: Callable[[Connection], object]) -> object:
        nonlocal readings
        readings += 1
        return await read(work)

    monkeypatch.setattr(database, "read", counted)
    await store(database, "hat", NOW)
    sessions = context(database, Clock())
    found = await asyncio.gather(*(sessions.previous("s", None) for _ in range(5)))
    assert [texts(one) for one in found] == [["hat"]] * 5
    assert readings == 1


async def test_a_slow_database_is_not_waited_for(database: Database) -> None:
    await store(database, "hat", NOW - timedelta(minutes=1))
    sessions = context(database, Clock(), patience_seconds=0.0)
    sessions.note("s", None, "cap", NOW)
    assert texts(await sessions.previous("s", None)) == ["cap"]
    assert sessions.late == 1
    await sessions.settled()
    assert texts(await sessions.previous("s", None)) == ["cap", "hat"]
    assert await sessions.previous("other", None) == ()
    await sessions.close()  # what is still being read is left


async def test_own_searches_are_seen_at_once_before_they_are_on_disk(database: Database) -> None:
    clock = Clock()
    sessions = context(database, clock)
    await store(database, "cap", NOW - timedelta(hours=1))
    sessions.note("s", None, " Red HAT ", clock.now)  # before the first keystroke
    assert texts(await sessions.previous("s", None)) == ["red hat", "cap"]
    sessions.note("s", None, "cap", clock.advance(1))
    sessions.note("s", None, "!", clock.now)
    assert texts(await sessions.previous("s", None)) == ["cap", "red hat"]
    assert await sessions.previous("other", None) == ()
    clock.advance(60)  # neither came to the database
    assert texts(await sessions.previous("s", None)) == ["cap"]


async def test_half_typed_searches_are_left_out(database: Database) -> None:
    clock = Clock()
    sessions = context(database, clock)
    for text in ("ru", "run", "run", "running", "hat"):
        await store(database, text, clock.now, "stored")
        sessions.note("noted", None, text, clock.advance(1))
    assert texts(await sessions.previous("stored", None)) == ["hat", "running"]
    assert texts(await sessions.previous("noted", None)) == ["hat", "running"]


async def test_a_session_id_does_not_open_a_users_history(database: Database) -> None:
    sessions = context(database, Clock())
    await store(database, "marys", NOW, "shared", "mary")
    await store(database, "johns", NOW, "shared", "john")
    await store(database, "elsewhere", NOW - timedelta(minutes=1), "else", "mary")
    assert texts(await sessions.previous("shared", None)) == []
    assert texts(await sessions.previous("shared", "mary")) == ["marys", "elsewhere"]


async def test_the_least_recently_active_session_goes_first(database: Database) -> None:
    clock = Clock()
    sessions = context(database, clock, max_sessions=2)
    for session_id in ("a", "b"):
        sessions.note(session_id, None, "hat", clock.now)
        await sessions.previous(session_id, None)
    await sessions.previous("a", None)
    sessions.note("c", None, "hat", clock.now)
    assert len(sessions) == 2
    assert texts(await sessions.previous("a", None)) == ["hat"]
    assert texts(await sessions.previous("b", None)) == []


async def test_without_the_database_what_is_known_remains(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    sessions = context(database, clock)
    sessions.note("s", None, "hat", clock.now)
    clock.advance(60)

    async def fail(_: object) -> object:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(database, "read", fail)
    assert texts(await sessions.previous("s", None)) == ["hat"]
    assert await sessions.previous("new", None) == ()
    assert sessions.failures == 2


def test_searches_and_events_of_this_worker_are_noted(client: TestClient) -> None:
    state = state_of(client)
    header = start_session(client, "mary")
    found = post(client, "/search", {"query": "Red Shoes"}, header).json()
    session_id, user_key = found["session_id"], state.gate.users.key("mary")
    event = {"user_id": "mary", "session_id": session_id, "action_type": "search", "query": "hat"}
    post(client, "/engagement", event, header)
    post(client, "/engagement", {**event, "action_type": "view", "item_id": "p1", "query": "viewed"}, header)
    post(
        client, "/engagement/batch", {"events": [{**event, "action_type": "suggestion_click", "query": "cap"}]}, header
    )
    assert texts(in_service(client, state.sessions.previous, session_id, user_key)) == ["cap", "hat", "red shoes"]

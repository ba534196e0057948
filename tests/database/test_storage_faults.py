"""When the storage fails, every write is refused and nothing acknowledged is missing; when it is back, writing goes on.

No restart in between, no retry storm, and no memory that grows while a disk hangs. And clocks may jump.
"""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from core.domain import Action, Engagement
from core.errors import OverloadedError
from database import writer as writer_module
from database.connection import Database
from database.models import events, profiles
from database.repositories.profiles import compare, merge, owners
from database.writer import EventWriter

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def writer(database: Database, clock: Clock) -> AsyncIterator[EventWriter]:
    writer = EventWriter(database, clock=clock)
    writer.start()
    yield writer
    await writer.close()


def event(number: int, session: str = "s", user: str | None = None) -> Engagement:
    at = NOW + timedelta(seconds=number)
    return replace(Engagement(f"e{number:04}", Action.VIEW, at, session, item_id="p1"), user_key=user)


def _ids(connection: Connection) -> set[str]:
    return set(connection.execute(select(events.c.event_id)).scalars())


def _wrong(connection: Connection) -> list[str]:
    return [owner for owner in owners(connection) if not compare(connection, owner)]


def _versions(connection: Connection) -> dict[str, int]:
    return {row.owner: row.version for row in connection.execute(select(profiles.c.owner, profiles.c.version))}


@contextmanager
def stuck_disk(database: Database) -> Iterator[None]:
    """The thread that writes is inside a transaction that does not end."""
    is_stuck, freed = threading.Event(), threading.Event()

    def hang(_: Connection) -> None:
        is_stuck.set()
        assert freed.wait(60)

    hanging = asyncio.get_running_loop().create_task(database.commit(hang))
    try:
        yield
    finally:
        freed.set()
    assert not hanging.cancelled()


async def _busy_for(milliseconds: int, database: Database) -> None:
    await database.commit(lambda connection: connection.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}"))


async def test_a_locked_database_is_waited_for_once_and_not_by_every_caller(
    database: Database, writer: EventWriter, home: Path
) -> None:
    await writer.append(event(0))
    await _busy_for(1, database)
    tried = 0
    commit = database.commit

    async def counted(work: Callable[[Connection], object]) -> object:
        nonlocal tried
        tried += 1
        return await commit(work)

    database.commit = counted  # type: ignore[method-assign,assignment]  # counts, and does the real thing
    other = sqlite3.connect(home / "cadence.sqlite3", isolation_level=None)  # as another process would
    other.execute("BEGIN IMMEDIATE")
    refused = await asyncio.gather(*(writer.append(event(number)) for number in range(1, 600)), return_exceptions=True)
    other.execute("ROLLBACK")
    other.close()
    assert all(isinstance(one, OperationalError) for one in refused)
    assert tried <= 2  # the first group and, where it was taken before the others came, the next one
    assert await database.read(_ids) == {"e0000"}
    assert all(await asyncio.gather(*(writer.append(event(number)) for number in range(600, 700))))
    assert not await writer.append(event(0))
    assert len(await database.read(_ids)) == 101
    assert await database.read(_wrong) == []


async def test_a_disk_that_hangs_fills_the_queue_and_no_more(
    database: Database, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_EVENTS_WAITING", 50)
    with stuck_disk(database):
        first = asyncio.create_task(writer.append(event(0)))
        await asyncio.sleep(0)  # lets it ask
        waiting = [asyncio.create_task(writer.append(event(number))) for number in range(1, 500)]
        refused, _ = await asyncio.wait(waiting, return_when="FIRST_COMPLETED")
        assert len(refused) >= 500 - 50 - 1
        assert all(isinstance(one.exception(), OverloadedError) for one in refused)
        with pytest.raises(OverloadedError):
            writer.append_soon(event(501))
    accepted = [first, *(one for one in waiting if one not in refused)]
    assert all(await asyncio.gather(*accepted))
    assert len(await database.read(_ids)) == len(accepted)


async def test_clocks_may_jump(database: Database, writer: EventWriter, clock: Clock) -> None:
    versions: dict[str, int] = {}
    for number, jump in enumerate((0, -1, 0, 1, 2, -2, 0, 30, -30)):
        clock.now = NOW + jump * DAY
        await writer.append_many([event(10 * number + one, "s", user) for one, user in enumerate((None, "u1", "u2"))])
        newer = await database.read(_versions)
        assert all(newer[owner] > version for owner, version in versions.items())
        versions = newer
        assert await database.read(_wrong) == []
    assert len(await database.read(_ids)) == 27


async def test_clocks_may_jump_while_somebody_signs_in(database: Database, writer: EventWriter, clock: Clock) -> None:
    """What came in before the sign-in is the user's and what comes later is the session's, in the order of commits."""
    sign_in = partial(merge, owner="s:s", into="u:u1", clock=clock)
    await writer.append(event(1))
    clock.now = NOW - DAY  # the link is older than the event
    await database.commit(sign_in)
    assert await database.read(_wrong) == []
    assert set(await database.read(_versions)) == {"u:u1"}
    clock.now = NOW - 2 * DAY  # the event is older than the link
    await writer.append(event(2))
    assert await database.read(_wrong) == []
    assert set(await database.read(_versions)) == {"u:u1", "s:s"}
    await database.commit(sign_in)
    assert await database.read(_wrong) == []
    assert set(await database.read(_versions)) == {"u:u1"}

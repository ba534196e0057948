"""Group commit: acknowledged means on disk, repeated means once, one bad event harms no other."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from core.domain import Action, Engagement
from core.errors import ConflictError, OverloadedError
from database import writer as writer_module
from database.connection import Database
from database.repositories.events import EventRepository
from database.repositories.lists import ListLog, ListRepository, ShownItem, items_text
from database.writer import Appended, EventWriter

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


def event(event_id: str, **more: object) -> Engagement:
    return replace(Engagement(event_id, Action.VIEW, NOW, "s", item_id="p1"), **more)  # type: ignore[arg-type]


def shown(request_id: str) -> ListLog:
    items = items_text([ShownItem("red shoes", 1, "history", 0.5, {"popularity": 1.0})])
    return ListLog(request_id, "suggest", "s", "red", items, "v1", NOW)


def noon() -> datetime:
    return NOW


@pytest.fixture(params=["in a thread", "in a process"])
async def writer(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[EventWriter]:
    if request.param == "in a process":
        await database.write_apart()
        assert database.apart is not None and database.apart.ready
    writer = EventWriter(database, clock=noon)
    writer.start()
    yield writer
    await writer.close()


async def stored(database: Database) -> int:
    async with database.reading() as session:
        return await EventRepository(session).count()


def counted_commits(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is written from now on, transaction by transaction."""
    transactions: list[object] = []
    commit = database.commit_apart

    async def counted(work: Callable[[Connection], object]) -> object:
        transactions.append(work)
        return await commit(work)

    monkeypatch.setattr(database, "commit_apart", counted)
    return transactions


async def test_an_acknowledged_event_is_there(database: Database, writer: EventWriter) -> None:
    assert await writer.append(event("e1"))
    assert await stored(database) == 1


async def test_a_repeated_event_is_stored_once(database: Database, writer: EventWriter) -> None:
    outcomes = await asyncio.gather(*(writer.append(event("e1")) for _ in range(5)))
    assert sorted(outcomes) == [False, False, False, False, True]
    assert not await writer.append(event("e1", occurred_at=datetime(2025, 1, 1, tzinfo=UTC)))
    assert await stored(database) == 1


async def test_a_reused_id_is_refused_and_changes_nothing(database: Database, writer: EventWriter) -> None:
    await writer.append(event("e1"))
    with pytest.raises(ConflictError, match="e1"):
        await writer.append(event("e1", item_id="p2"))
    assert await writer.append_many([event("e2"), event("e1", item_id="p2"), event("e1"), event("e2")]) == [
        Appended.NEW,
        Appended.CONFLICT,
        Appended.DUPLICATE,
        Appended.DUPLICATE,
    ]
    assert await stored(database) == 2


async def test_what_waits_shares_a_transaction(
    database: Database, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    transactions = counted_commits(database, monkeypatch)
    await asyncio.gather(*(writer.append(event(f"e{number}")) for number in range(300)))
    assert len(transactions) <= 2  # the first, and all that came meanwhile
    assert await stored(database) == 300


async def test_who_comes_alone_waits_for_nobody_and_in_a_busy_time_for_company(
    database: Database, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "GATHER_SECONDS", 0.5)
    transactions = counted_commits(database, monkeypatch)
    begun = asyncio.get_running_loop().time()
    await writer.append(event("alone"))
    alone = asyncio.get_running_loop().time()
    assert alone - begun < 0.5
    gathering, gather = asyncio.Event(), writer._gather

    async def noted() -> None:
        gathering.set()
        await gather()

    monkeypatch.setattr(writer, "_gather", noted)
    first = asyncio.create_task(writer.append(event("e1")))
    await gathering.wait()  # its own time would have come
    await asyncio.gather(first, writer.append(event("e2")))
    assert asyncio.get_running_loop().time() - alone > 0.49
    assert len(transactions) == 2
    assert await stored(database) == 3


async def test_a_full_group_does_not_wait(
    database: Database, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "GATHER_SECONDS", 60.0)
    monkeypatch.setattr(writer, "events_per_commit", 10)
    await writer.append(event("first"))
    await writer.append_many([event(f"e{number}") for number in range(10)])
    assert await stored(database) == 11


async def test_one_bad_event_harms_no_other(database: Database, writer: EventWriter) -> None:
    bad = event("bad", item_rank=2**70)
    outcomes = await asyncio.gather(
        writer.append(event("e1")), writer.append(bad), writer.append(event("e2")), return_exceptions=True
    )
    assert outcomes[0] is True
    assert isinstance(outcomes[1], Exception)
    assert outcomes[2] is True
    assert await stored(database) == 2
    assert await writer.append(event("e3"))


async def test_a_caller_that_leaves_does_not_stop_the_others(database: Database, writer: EventWriter) -> None:
    leaving = asyncio.create_task(writer.append(event("e1")))
    staying = asyncio.create_task(writer.append(event("e2")))
    await asyncio.sleep(0)  # lets both ask, and nothing more
    leaving.cancel()
    assert await staying


async def test_too_many_waiting_are_told_at_once(writer: EventWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_EVENTS_WAITING", 3)
    with pytest.raises(OverloadedError):
        await writer.append_many([event(f"e{number}") for number in range(4)])
    assert await writer.append(event("e1"))


async def test_a_database_that_cannot_write_is_an_error_and_not_the_end(
    database: Database, writer: EventWriter
) -> None:
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE events RENAME TO elsewhere"))
    with pytest.raises(SQLAlchemyError):
        await writer.append(event("e1"))
    async with database.transaction() as session:
        await session.execute(text("ALTER TABLE elsewhere RENAME TO events"))
    assert await writer.append(event("e1"))


async def test_closing_writes_all_that_waits(database: Database) -> None:
    writer = EventWriter(database)
    writer.start()
    waiting = [asyncio.create_task(writer.append(event(f"e{number}"))) for number in range(10)]
    for number in range(10):
        writer.log_list(shown(f"r{number}"))
    await asyncio.sleep(0)  # lets the tasks ask
    await writer.close()
    assert await asyncio.gather(*waiting) == [True] * 10
    async with database.reading() as session:
        assert await EventRepository(session).count() == 10
        assert await ListRepository(session).count() == 10
    with pytest.raises(OverloadedError):
        await writer.append(event("late"))
    writer.log_list(shown("late"))
    assert writer.lists_dropped == 1


async def test_lists_are_written_whole_and_a_repeated_request_keeps_its_first(
    database: Database, writer: EventWriter
) -> None:
    writer.log_list(shown("r1"))
    writer.log_list(replace(shown("r1"), query="other"))
    await writer.flush_lists()
    async with database.reading() as session:
        row = (await session.execute(text("SELECT query, items, arm FROM list_log"))).one()
    assert row.query == "red"
    assert json.loads(row.items) == [
        {"item": "red shoes", "rank": 1, "source": "history", "score": 0.5, "features": {"popularity": 1.0}}
    ]
    assert row.arm == "default"


async def test_lists_beyond_the_bound_are_dropped_and_counted(
    database: Database, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "MAX_LISTS_WAITING", 2)
    for number in range(5):
        writer.log_list(shown(f"r{number}"))
    assert writer.lists_dropped == 3
    await writer.flush_lists()
    async with database.reading() as session:
        assert await ListRepository(session).count() == 2


_KILLED = """
import asyncio, os, sys
from datetime import UTC, datetime
from core.domain import Action, Engagement
from database.connection import Database
from database.writer import EventWriter

async def main():
    database = Database(sys.argv[1])
    await database.migrate()
    writer = EventWriter(database)
    writer.start()
    number = 0
    while True:
        await writer.append(Engagement(f"e{number}", Action.VIEW, datetime.now(UTC), "s", item_id="p1"))
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "killed.sqlite3"
    url = f"sqlite+aiosqlite:///{path.as_posix()}"
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, url], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 20:
            break
    process.kill()
    rest, _ = process.communicate()
    acknowledged = [int(number) for number in (line + rest).split("\n")[:-1]]
    with sqlite3.connect(path) as connection:
        kept = {row[0] for row in connection.execute("SELECT event_id FROM events")}
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert {f"e{number}" for number in range(max(acknowledged) + 1)} <= kept


async def test_a_database_that_was_left_open_can_be_opened_again(database: Database, home: Path) -> None:
    copy = home / "copy.sqlite3"
    async with database.transaction() as session:
        await EventRepository(session).add_many([event("e1")], NOW)
    for suffix in ("", "-wal"):  # as a crash leaves them
        shutil.copy(f"{home / 'cadence.sqlite3'}{suffix}", f"{copy}{suffix}")
    reopened = Database(f"sqlite+aiosqlite:///{copy.as_posix()}")
    await reopened.migrate()
    assert await stored(reopened) == 1
    await reopened.dispose()

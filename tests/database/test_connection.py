"""Migrations from nothing, transactions that keep their promises, readers that cannot write."""

import asyncio
import os
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError, StatementError

import database.connection as connection_module
from database.connection import Database
from database.models import metadata
from database.repositories.sessions import SessionRepository, ShopSession

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path.as_posix()}"


async def count(database: Database) -> int:
    async with database.reading() as session:
        return int((await session.execute(text("SELECT count(*) FROM sessions"))).scalar_one())


async def test_migrations_make_what_the_models_describe(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.reading() as session:
        connection = await session.connection()
        assert await connection.run_sync(differences) == []
        tables = await connection.run_sync(lambda one: set(inspect(one).get_table_names()))
    assert tables == set(metadata.tables) | {"alembic_version"}


async def test_migrating_twice_and_from_two_processes_at_once_is_harmless(tmp_path: Path) -> None:
    one, other = Database(url(tmp_path / "new.sqlite3")), Database(url(tmp_path / "new.sqlite3"))
    await asyncio.gather(one.migrate(), other.migrate())
    await one.migrate()
    assert await count(other) == 0
    await one.dispose()
    await other.dispose()


async def test_a_migration_that_stops_halfway_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(url(tmp_path / "new.sqlite3"))

    def stop(*_: object, **__: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.op.create_index", stop)
        with pytest.raises(RuntimeError):
            await database.migrate()
    async with database.reading() as session:
        assert (await session.execute(text("SELECT count(*) FROM sqlite_master"))).scalar_one() == 0
    await database.migrate()
    assert await count(database) == 0
    await database.dispose()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_home_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    Database(url(tmp_path / "home" / "cadence.sqlite3"))
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


async def test_the_pragmas_hold(database: Database) -> None:
    async def pragma(name: str, *, writing: bool) -> object:
        opened = database.transaction() if writing else database.reading()
        async with opened as session:
            return (await session.execute(text(f"PRAGMA {name}"))).scalar_one()

    assert await pragma("journal_mode", writing=True) == "wal"
    assert await pragma("synchronous", writing=True) == 2  # FULL
    assert await pragma("foreign_keys", writing=True) == 1
    assert await pragma("busy_timeout", writing=True) == 5_000
    assert await pragma("query_only", writing=False) == 1


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as session:
            await SessionRepository(session).add(ShopSession("s1", NOW))
            raise RuntimeError
    assert await count(database) == 0


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(OperationalError, match="readonly"):
        async with database.reading() as session:
            await SessionRepository(session).add(ShopSession("s1", NOW))


async def test_a_reader_beside_a_writer_sees_the_state_before(database: Database) -> None:
    async with database.transaction() as session:
        await SessionRepository(session).add(ShopSession("s1", NOW))
        assert await count(database) == 0
    assert await count(database) == 1


async def test_reads_and_writes_go_on_while_something_is_counted(database: Database) -> None:
    done = threading.Event()

    def slow(connection: Connection) -> int:
        found: int = connection.execute(text("SELECT count(*) FROM sessions")).scalar_one()
        assert done.wait(timeout=60)
        return found

    counting = asyncio.create_task(database.count(slow))
    reads = [database.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one()) for _ in range(4)]
    assert await asyncio.gather(*reads) == [1, 1, 1, 1]
    async with database.transaction() as session:
        await SessionRepository(session).add(ShopSession("s1", NOW))
    assert not counting.done()
    done.set()
    assert await counting in (0, 1)  # before or after the write, which it did not hold up
    with pytest.raises(OperationalError, match="readonly"):
        await database.count(lambda connection: connection.execute(text("DELETE FROM sessions")))


async def test_many_writers_of_one_process_queue_up(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.transaction() as session:
            await SessionRepository(session).add(ShopSession(f"s{number}", NOW))

    await asyncio.gather(*(write(number) for number in range(50)))
    assert await count(database) == 50


async def test_a_checkpoint_moves_the_log_into_the_file(database: Database, home: Path) -> None:
    async with database.transaction() as session:
        await SessionRepository(session).add(ShopSession("s1", NOW))
    await database.checkpoint()
    alone = home / "copy.sqlite3"
    alone.write_bytes((home / "cadence.sqlite3").read_bytes())  # without its write-ahead log
    with sqlite3.connect(alone) as copy:
        assert copy.execute("SELECT session_id FROM sessions").fetchall() == [("s1",)]


async def test_naive_times_are_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="naive time"):
        async with database.transaction() as session:
            await SessionRepository(session).add(ShopSession("s1", datetime(2025, 1, 1)))


async def test_a_writer_waits_for_its_turn_only_so_long(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "WRITER_WAIT_SECONDS", 0.05)
    async with database.transaction():
        with pytest.raises(SQLAlchemyError, match="take too long"):
            async with database.transaction():
                pass
        with pytest.raises(SQLAlchemyError, match="take too long"):
            await database.commit(lambda _: None)
    await database.commit(lambda _: None)

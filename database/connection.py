"""The engines, their kinds of connection and the migrations.

SQLite takes one writer at a time. Inside this process a lock queues the writers, so they never see SQLITE_BUSY from
each other; between processes `BEGIN IMMEDIATE` and the busy timeout do the same, and on hot paths a thread that looks
again every half millisecond: SQLite itself would sleep ever longer, up to 100 ms, while two workers share the lock.
Readers run beside the writer (WAL). What comes with every event is written by a process of its own (`commit_apart`).
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import TimeoutError as WriterBusyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from database.writing_process import WritingProcess

T = TypeVar("T")
_MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_TIMEOUT_MS = 60_000  # all tables and indexes, on the slow disk of a busy machine
BUSY_TIMEOUT_MS = 5_000  # how long a writer waits for another process: longer than any bulk batch
_LOOK_AGAIN_SECONDS = 0.0005  # a group commit of another process takes some 10 ms
WRITER_WAIT_SECONDS = 5.0  # how long one waits for its turn in this process, before it waits for others
# Pages (of 4 KB) in the write-ahead log at which a commit must stop to copy them: far off, as `checkpoint` is called
# in quiet moments; only a bulk import gets there.
AUTOCHECKPOINT_PAGES = 10_000


_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # `dumps` makes an encoder for every call


class _Direct:
    """SQLite without an event loop in between: whole transactions in threads of their own.

    The async driver changes threads for every step, and on a busy machine each change waits for a slice of the
    scheduler: measured with a load of 3 on 2 cores, a commit took 14 ms at p99 that way and takes 9 ms this way.
    """

    def __init__(self, url: URL, *, writes: bool, threads: int) -> None:
        self._engine = sqlite_writer(url) if writes else _direct_engine(url, writes=False, connections=threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sqlite")

    async def run(self, work: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._transact, work)

    def _transact(self, work: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return work(connection)

    async def outside(self, work: Callable[[DBAPIConnection], T]) -> T:
        """What `work` does with the connection, where no transaction is open."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._raw, work)

    def _raw(self, work: Callable[[DBAPIConnection], T]) -> T:
        connection = self._engine.raw_connection()
        try:
            return work(connection.driver_connection)  # type: ignore[arg-type]
        finally:
            connection.close()

    async def dispose(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._engine.dispose)


def sqlite_writer(url: str | URL) -> Engine:
    """An engine with one connection that writes, for one thread that may sleep until it has the lock."""
    return _direct_engine(make_url(url), writes=True, connections=1)


def _direct_engine(url: URL, *, writes: bool, connections: int) -> Engine:
    engine = create_engine(
        url.set(drivername="sqlite"), pool_size=connections, max_overflow=0, json_serializer=_to_json
    )
    _prepare_sqlite(engine, writes=writes, begin=_begin_soon if writes else None)
    return engine


def _engine(url: str, *, writes: bool = True, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> AsyncEngine:
    pool_size = 1 if writes and url.startswith("sqlite") else 4
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=0, json_serializer=_to_json)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine.sync_engine, writes=writes, busy_timeout_ms=busy_timeout_ms)
    return engine


def _prepare_sqlite(
    engine: Engine,
    *,
    writes: bool,
    busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    begin: Callable[[Connection], None] | None = None,
) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={busy_timeout_ms}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # what is deleted or replaced is overwritten: it may be somebody's
        # FULL: a commit is on disk before it returns, which is what a 200 of /engagement promises.
        cursor.execute("PRAGMA synchronous=FULL" if writes else "PRAGMA query_only=ON")
        cursor.execute(f"PRAGMA wal_autocheckpoint={AUTOCHECKPOINT_PAGES}")
        cursor.close()

    def begin_at_once(connection: Connection) -> None:
        # IMMEDIATE takes the write lock at once: a transaction that reads first could otherwise never upgrade.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "begin", begin or begin_at_once)


def _begin_soon(connection: Connection) -> None:
    """Takes the write lock once it is free, in a thread that may sleep. Raises OperationalError as SQLite would."""
    cursor = connection.connection.cursor()
    until = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    cursor.execute("PRAGMA busy_timeout=0")
    try:
        while time.monotonic() < until:
            try:
                cursor.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            time.sleep(_LOOK_AGAIN_SECONDS)
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises what everybody expects, or the lock is free just now
    finally:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.close()


class Database:
    """One database, for one event loop.

    `url` names an async driver (`config.settings` makes it so). Nothing is opened before the first use.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            Path(self.url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._writing = _engine(url, writes=True)
        self._reading = _engine(url, writes=False)
        self._one_writer = asyncio.Lock()
        self._apart: WritingProcess | None = None
        self._file = _file(self.url)
        is_sqlite = self.url.get_backend_name() == "sqlite"
        self._direct_writing = _Direct(self.url, writes=True, threads=1) if is_sqlite else None
        self._direct_reading = _Direct(self.url, writes=False, threads=2) if is_sqlite else None
        self._direct_counting = _Direct(self.url, writes=False, threads=1) if is_sqlite else None

    async def migrate(self) -> None:
        """Bring the tables to the newest revision, all or nothing. A second process that migrates too waits."""
        engine = _engine(self.url.render_as_string(hide_password=False), busy_timeout_ms=MIGRATION_TIMEOUT_MS)
        try:
            async with self._one_writer, engine.begin() as connection:
                await connection.run_sync(_upgrade)
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session that may write: committed (and on disk) when the block ends, rolled back when it raises."""
        async with (
            self._turn_to_write(),
            AsyncSession(self._writing, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    async def commit(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, once its transaction is committed (and on disk). The short way, for hot paths."""
        async with self._turn_to_write():
            return await self._committed(work)

    async def _committed(self, work: Callable[[Connection], T]) -> T:
        if self._direct_writing is not None:
            return await self._direct_writing.run(work)
        async with self._writing.begin() as connection:
            return await connection.run_sync(work)

    async def commit_apart(self, work: Callable[[Connection], T]) -> T:
        """As `commit`, in the writing process while there is one: `work` and what it returns must be picklable.

        Raises OutcomeUnknownError where that process ended before it said what became of the transaction.
        """
        async with self._turn_to_write():
            if self._apart is None or not self._apart.ready:
                return await self._committed(work)
            return await self._apart.run(work)

    @property
    def apart(self) -> WritingProcess | None:
        """The writing process, where there is one."""
        return self._apart

    async def write_apart(self) -> None:
        """Starts the writing process of a migrated SQLite file, which `dispose` ends. Other databases have none.

        Raises OSError, EOFError or TimeoutError where it cannot be started, SQLAlchemyError where it finds no table.
        """
        if self._file is not None:
            apart = WritingProcess(self._file)
            await apart.start()
            self._apart = apart

    @asynccontextmanager
    async def _turn_to_write(self) -> AsyncIterator[None]:
        """Raises SQLAlchemy's TimeoutError where those before take too long: behind a locked database each would wait
        for all of them, one busy timeout after the other."""
        try:
            async with asyncio.timeout(WRITER_WAIT_SECONDS):
                await self._one_writer.acquire()
        except TimeoutError:
            raise WriterBusyError("the writers before take too long") from None
        try:
            yield
        finally:
            self._one_writer.release()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` reads from one consistent state. The short way, for hot paths."""
        if self._direct_reading is not None:
            return await self._direct_reading.run(work)
        async with self._reading.connect() as connection:
            return await connection.run_sync(work)

    async def count(self, work: Callable[[Connection], T]) -> T:
        """As `read`, for what takes seconds: in a thread of its own, so that neither reads nor the event loop wait."""
        if self._direct_counting is not None:
            return await self._direct_counting.run(work)
        return await self.read(work)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that sees one consistent state and cannot write."""
        async with AsyncSession(self._reading) as session:
            yield session

    async def ping(self) -> None:
        """Raises SQLAlchemyError when the database does not answer."""
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def checkpoint(self) -> None:
        """Copy the write-ahead log of SQLite into the main file as far as no reader is in the way.

        Called in quiet moments, so that no commit has to do it while a shopper waits.
        """
        if self.url.get_backend_name() == "sqlite":
            async with self._reading.connect() as connection:
                await connection.run_sync(_checkpoint)

    async def empty_log(self) -> bool:
        """Copy the write-ahead log of SQLite whole and cut it to nothing: what was deleted is then in no file.

        False where a reader or another writer is in the way for too long; to be tried again. PostgreSQL recycles its
        log by itself.
        """
        if self._direct_writing is None:
            return True
        async with self._one_writer:
            return await self._direct_writing.outside(_truncate)

    async def dispose(self) -> None:
        """Close every connection, and end the writing process. The next use would open new connections."""
        if self._apart is not None:
            await self._apart.close()
            self._apart = None
        await self._reading.dispose()
        await self._writing.dispose()
        for direct in (self._direct_writing, self._direct_reading, self._direct_counting):
            if direct is not None:
                await direct.dispose()


def _file(url: URL) -> str | None:
    """The same URL with an absolute path; None for what is no file of SQLite."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return url.set(database=str(Path(url.database).resolve())).render_as_string(hide_password=False)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _checkpoint(connection: Connection) -> None:
    cursor = connection.connection.cursor()  # below SQLAlchemy, which would begin a transaction first
    cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
    cursor.close()


def _truncate(connection: DBAPIConnection) -> bool:
    cursor = connection.cursor()
    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ((busy, *_),) = cursor.fetchall()
    cursor.close()
    return not busy

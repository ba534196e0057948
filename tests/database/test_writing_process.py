"""The writing process: what it is sent is done whole or not at all, however it ends, and nobody waits for ever."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from config import kept_process
from config.child_process import Child
from core.domain import Action, Engagement
from core.errors import OutcomeUnknownError
from database import writing_process
from database.connection import Database
from database.profile_cache import ChangeMarks, ProfileCache
from database.repositories.events import EventRepository
from database.repositories.profiles import StoredProfile, compare, find_profile
from database.writer import EventWriter
from database.writing_process import WritingProcess

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def count_events(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM events")).scalar_one())


def pid_of(connection: Connection) -> int:
    return os.getpid()


def insert_and_die(connection: Connection) -> None:
    _insert(connection)
    os.kill(os.getpid(), signal.SIGKILL)


def commit_and_die(connection: Connection) -> None:
    """As where the process is killed after the commit and before it says so."""
    _insert(connection)
    connection.commit()
    os.kill(os.getpid(), signal.SIGKILL)


def stop(connection: Connection) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def fail(connection: Connection) -> None:
    _insert(connection)
    raise LookupError("no such thing")


class Unsendable(Exception):  # noqa: N818  # as drivers name theirs
    """Cannot be made anew from its arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(one + two)


def fail_unsendably(connection: Connection) -> None:
    raise Unsendable(1, 2)


def miss_a_table(connection: Connection) -> None:
    connection.execute(text("SELECT * FROM nowhere"))


def _insert(connection: Connection) -> None:
    columns = "event_id, action, occurred_at, received_at, digest"
    connection.execute(text(f"INSERT INTO events ({columns}) VALUES ('raw', 'view', '{NOW}', '{NOW}', '')"))


def event(event_id: str) -> Engagement:
    return Engagement(event_id, Action.VIEW, datetime.now(UTC), "s", "user", item_id="p1")


@pytest.fixture
async def apart(database: Database) -> AsyncIterator[WritingProcess]:
    await database.write_apart()
    assert database.apart is not None
    yield database.apart


async def until(fulfilled: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not fulfilled():  # noqa: ASYNC110  # of another process
            await asyncio.sleep(0.01)


async def stored(database: Database) -> int:
    async with database.reading() as session:
        return await EventRepository(session).count()


async def test_work_runs_there_and_comes_back(database: Database, apart: WritingProcess) -> None:
    assert await database.commit_apart(pid_of) == apart.pid != os.getpid()
    assert await database.commit_apart(count_events) == 0


async def test_what_work_raises_is_raised_here_and_rolls_it_back(database: Database, apart: WritingProcess) -> None:
    with pytest.raises(LookupError, match="no such thing"):
        await database.commit_apart(fail)
    with pytest.raises(OperationalError, match="nowhere"):
        await database.commit_apart(miss_a_table)
    with pytest.raises(SQLAlchemyError, match="Unsendable"):
        await database.commit_apart(fail_unsendably)
    assert await database.commit_apart(count_events) == 0
    assert apart.restarts == 0


@pytest.mark.parametrize(("work", "events"), [(insert_and_die, 0), (commit_and_die, 1)])
async def test_a_process_that_is_killed_leaves_all_or_nothing(
    database: Database, apart: WritingProcess, work: Callable[[Connection], None], events: int
) -> None:
    first = apart.pid
    with pytest.raises(OutcomeUnknownError):
        await database.commit_apart(work)
    assert await database.commit_apart(pid_of) == os.getpid()  # a thread writes meanwhile
    assert await stored(database) == events
    await until(lambda: apart.ready)
    assert await database.commit_apart(pid_of) == apart.pid != first
    assert apart.restarts == 1


async def test_one_that_does_not_answer_is_killed(
    database: Database, apart: WritingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing_process, "STUCK_SECONDS", 0.3)
    stuck = apart.pid
    with pytest.raises(OutcomeUnknownError):
        await database.commit_apart(stop)
    assert await database.commit_apart(count_events) == 0
    await until(lambda: apart.ready and apart.pid != stuck)


async def test_a_caller_that_leaves_does_not_shift_the_answers(database: Database, apart: WritingProcess) -> None:
    leaving = asyncio.create_task(database.commit_apart(stop))
    first = apart.pid
    await until(lambda: apart.pid is not None and _is_stopped(apart.pid))
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await until(lambda: apart.ready and apart.pid != first)
    assert await database.commit_apart(count_events) == 0
    assert await database.commit_apart(pid_of) == apart.pid


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def test_events_in_flight_when_it_dies_are_stored_once_and_in_the_profile(
    database: Database, apart: WritingProcess, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five times: killed while a group of events is on its way."""
    monkeypatch.setattr(kept_process, "LONGEST_PAUSE_SECONDS", 0.05)
    cache = ProfileCache(database, ChangeMarks(home / "marks.bin"))
    writer = EventWriter(database, folded=cache.changed)
    writer.start()
    for round_ in range(5):
        await until(lambda: apart.ready)
        asking = [asyncio.create_task(writer.append(event(f"{round_}-{number}"))) for number in range(50)]
        await asyncio.sleep(0)
        assert apart.pid is not None
        os.kill(apart.pid, signal.SIGKILL)
        await asyncio.gather(*asking)
        profile, _ = await cache.get("u:user")
        assert profile.events == (round_ + 1) * 50
    assert await stored(database) == 250
    assert await database.read(partial(compare, owner="u:user"))
    await writer.close()
    await cache.close()


async def test_a_group_whose_commit_was_not_heard_of_is_known_to_the_cache(
    database: Database, apart: WritingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process died after the commit: the event is there then, was new, and the profile is handed on."""
    heard: list[StoredProfile] = []

    async def folded(profiles: Sequence[StoredProfile]) -> None:
        heard.extend(profiles)

    run: Callable[..., Awaitable[object]] = apart.run

    async def lost(work: Callable[[Connection], object]) -> object:
        await run(work)
        raise OutcomeUnknownError("after the commit")

    monkeypatch.setattr(apart, "run", lost)
    writer = EventWriter(database, folded=folded)
    writer.start()
    assert await writer.append(event("e1"))
    await writer.close()
    assert await stored(database) == 1
    assert heard == [await database.read(partial(find_profile, owner="u:user"))]


async def test_who_repeats_what_was_not_heard_of_has_the_profile_handed_on(
    database: Database, apart: WritingProcess
) -> None:
    """Another worker was killed after its commit: the repetition comes to this one, which may hold an older profile."""
    heard: list[StoredProfile] = []

    async def folded(profiles: Sequence[StoredProfile]) -> None:
        heard.extend(profiles)

    other, writer = EventWriter(database), EventWriter(database, folded=folded)
    other.start()
    writer.start()
    assert await other.append(event("e1"))
    assert not await writer.append(event("e1"))
    assert [profile.owner for profile in heard] == ["u:user"]
    await other.close()
    await writer.close()


async def test_a_relative_path_names_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process runs in another folder."""
    monkeypatch.chdir(tmp_path)
    database = Database("sqlite+aiosqlite:///relative.sqlite3")
    await database.migrate()
    await database.write_apart()
    assert await database.commit_apart(count_events) == 0
    await database.dispose()


async def test_a_database_that_is_not_ready_is_said_at_the_start(home: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{home / 'empty.sqlite3'}")
    with pytest.raises(OperationalError, match="no such table"):
        await database.write_apart()
    assert database.apart is None
    await database.dispose()


async def test_closing_does_not_wait_for_a_process_that_starts(
    database: Database, apart: WritingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, begun = apart._opened, asyncio.Event()

    async def slowly() -> Child:
        begun.set()
        await asyncio.Event().wait()
        return await opened()

    monkeypatch.setattr(apart, "_opened", slowly)
    assert apart.pid is not None
    os.kill(apart.pid, signal.SIGKILL)
    await begun.wait()
    async with asyncio.timeout(10):
        await database.dispose()


async def test_it_ends_with_the_database(database: Database, apart: WritingProcess) -> None:
    pid = apart.pid
    assert pid is not None
    await database.dispose()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert await database.commit(count_events) == 0

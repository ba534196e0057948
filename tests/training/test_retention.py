"""Old rows move into files and are nowhere missing; profiles stay folds of the log; what was counted stays counted."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl
import pytest
from sqlalchemy import Connection, insert, select

from api.rollups import RollupFollower
from config.progress import Steps
from config.settings import Settings, StorageSettings
from core.domain import Action, Engagement
from database.archive import add_rows
from database.connection import Database
from database.models import erasures, events, rollups, sessions
from database.profile_cache import ProfileCache, marks_of
from database.repositories.experiments import Exposure, insert_exposures
from database.repositories.lists import ListLog, ShownItem, insert_lists, items_text
from database.repositories.people import erase, find_person
from database.repositories.profiles import compare, find_profile, merge, owners
from database.repositories.retention import LOGS
from database.writer import EventWriter
from training import retention
from training.retention import Plan, Retention, RetentionError, main

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BEFORE = datetime(2026, 5, 21, tzinfo=UTC)  # thirty days, in whole ones
PLAN = dict.fromkeys(LOGS, BEFORE)
T = TypeVar("T")

Names = Mapping[str, set[tuple[object, ...]]]


def _log(seed: int = 0) -> list[Engagement]:
    """Ninety days of ten users and some sessions without one."""
    draw = random.Random(seed)
    found = []
    for number in range(600):
        user = draw.choice([None, *(f"user{one}" for one in range(10))])
        at = NOW - timedelta(days=90 * draw.random())
        found.append(
            Engagement(f"e{number:04}", draw.choice(list(Action)), at, f"s{draw.randrange(30)}", item_id="p1",
                       query="red shoes", user_key=user, additional_data={"größe": [1, None]})
        )  # fmt: skip
    return found


def _fill(connection: Connection) -> None:
    draw = random.Random(1)
    items = items_text([ShownItem("red shoes", 1, "history", 0.5)])
    for number in range(200):
        at = NOW - timedelta(days=90 * draw.random())
        user = draw.choice([None, "user1"])
        insert_lists(connection, [ListLog(f"r{number}", "search", f"s{number % 30}", "red", items, "v1", at, user)])
        connection.execute(insert(sessions).values(session_id=f"s{number}", user_key=user, started_at=at))
        insert_exposures(connection, [Exposure("test", f"u:{number}", "b", 1, f"r{number}", "s", user, False, at)])


async def shop_of(database: Database) -> None:
    """A log with profiles, links and counts."""
    writer = EventWriter(database, clock=lambda: NOW)
    writer.start()
    await writer.append_many(_log())
    await writer.close()
    await database.commit(_fill)
    for owner in ("s:s1", "u:user3"):
        await database.commit(partial(merge, owner=owner, into="u:user0", clock=lambda: NOW))
    await RollupFollower(database, 1.0, lambda: NOW, rest=0).refresh()


def _opened(home: Path) -> Database:
    return Database(Settings(storage=StorageSettings(cadence_home=home)).storage.url)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home to be copied: counting ninety days takes seconds."""
    home = tmp_path_factory.mktemp("filled") / "home"

    async def fill() -> None:
        database = _opened(home)
        await database.migrate()
        await shop_of(database)
        await database.dispose()

    asyncio.run(fill())
    return home


@pytest.fixture
async def shop(filled: Path, home: Path) -> AsyncIterator[Database]:
    shutil.copytree(filled, home)
    database = _opened(home)
    yield database
    await database.dispose()


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "archive"


def keeper(database: Database, home: Path) -> Retention:
    settings = Settings(storage=StorageSettings(cadence_home=home))
    return Retention(database, ProfileCache(database, marks_of(settings)), Steps(), lambda: NOW, rest=0)


def _names(connection: Connection) -> Names:
    named = {}
    for name, log in LOGS.items():
        columns = [log.table.c[key] for key in log.keys]
        named[name] = {tuple(row) for row in connection.execute(select(*columns))}
    return named


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.parquet"))}


def archived(folder: Path) -> Names:
    named = {}
    for name, log in LOGS.items():
        files = sorted(folder.glob(f"{name}-*.parquet"))
        rows = [row for file in files for row in pl.read_parquet(file, columns=list(log.keys), glob=False).rows()]
        assert len(rows) == len(set(rows))
        named[name] = set(rows)
    return named


def _wrong(connection: Connection) -> list[str]:
    return [owner for owner in owners(connection) if not compare(connection, owner)]


def _counts(connection: Connection) -> dict[tuple[str, datetime], int]:
    found = connection.execute(select(rollups.c.grain, rollups.c.start, rollups.c.digest))
    return {(row.grain, row.start): row.digest for row in found}


async def test_what_is_old_moves_and_nothing_is_missing(shop: Database, home: Path, folder: Path) -> None:
    everything = await shop.read(_names)
    [before] = await shop.read(lambda one: list(one.execute(select(events).where(events.c.event_id == "e0000"))))
    await keeper(shop, home).keep(Plan(PLAN, folder))
    left, moved = await shop.read(_names), archived(folder)
    for name in everything:
        assert left[name] | moved[name] == everything[name] and not left[name] & moved[name]
        assert left[name] and moved[name]
    assert min(await shop.read(lambda one: one.execute(select(events.c.occurred_at)).scalars().all())) >= BEFORE
    assert [name for name in contents(folder) if name.startswith("events")] == [
        f"events-2026-{month}.parquet" for month in ("03", "04", "05")
    ]
    row = pl.scan_parquet(folder / "events-*.parquet").filter(event_id="e0000").collect().to_dicts()
    row = row or [dict(before._mapping)]
    assert row[0]["occurred_at"] == before.occurred_at and row[0]["digest"] == before.digest
    assert await shop.read(_wrong) == []

    files = contents(folder)
    again = keeper(shop, home)
    await again.keep(Plan(PLAN, folder))
    assert (again.archived, again.deleted) == (0, 0)
    assert contents(folder) == files


async def test_profiles_forget_what_is_gone(shop: Database, home: Path, folder: Path) -> None:
    find = partial(find_profile, owner="u:user5")
    stored = await shop.read(find)
    everybody = set(await shop.read(owners))
    await keeper(shop, home).keep(Plan(dict.fromkeys(PLAN, NOW - 3 * DAY), folder, even_uncounted=True))
    newer = await shop.read(find)
    assert newer is None or (stored is not None and newer.version > stored.version and newer.profile != stored.profile)
    assert set(await shop.read(owners)) < everybody
    assert await shop.read(_wrong) == []


@pytest.mark.parametrize("commits", [1, 2, 4, 7, 9])
async def test_interrupted_anywhere_it_goes_on(
    shop: Database, home: Path, folder: Path, commits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_PER_COMMIT", 60)
    everything = await shop.read(_names)
    commit, done = shop.commit, 0

    async def stopping(work: Callable[[Connection], T]) -> T:
        nonlocal done
        done += 1
        if done > commits:
            raise KeyboardInterrupt
        return await commit(work)

    with monkeypatch.context() as patched:
        patched.setattr(shop, "commit", stopping)
        with pytest.raises(KeyboardInterrupt):
            await keeper(shop, home).keep(Plan(PLAN, folder))
    left, moved = await shop.read(_names), archived(folder)
    assert {name: left[name] | moved[name] for name in everything} == everything
    assert await shop.read(_wrong) == []
    await keeper(shop, home).keep(Plan(PLAN, folder))
    left, moved = await shop.read(_names), archived(folder)
    assert all(left[name] | moved[name] == everything[name] and not left[name] & moved[name] for name in everything)


async def test_what_was_counted_stays_counted(shop: Database, home: Path, folder: Path) -> None:
    counted = await shop.read(_counts)
    await keeper(shop, home).keep(Plan(PLAN, folder))
    writer = EventWriter(shop, clock=lambda: NOW)
    writer.start()
    late = Engagement("late", Action.SEARCH, BEFORE - 10 * DAY, "s1", query="red shoes", user_key="user1")
    newer = replace(late, event_id="newer", occurred_at=BEFORE + 5 * DAY)
    await writer.append_many([late, newer])  # as operators may
    await writer.close()
    await RollupFollower(shop, 1.0, lambda: NOW + timedelta(minutes=5), rest=0).refresh()
    recounted = await shop.read(_counts)
    assert {key: one for key, one in recounted.items() if key[1] < BEFORE} == {
        key: one for key, one in counted.items() if key[1] < BEFORE
    }
    assert recounted != counted  # the newer one is counted
    again = keeper(shop, home)
    await again.keep(Plan(PLAN, folder))
    assert (again.archived, again.deleted) == (1, 1)  # added to its month's file
    assert ("late",) in archived(folder)["events"]


async def test_hours_that_nobody_has_counted_stop_it(database: Database, home: Path, folder: Path) -> None:
    with pytest.raises(RetentionError, match="not counted"):
        await keeper(database, home).keep(Plan(PLAN, folder))
    await keeper(database, home).keep(Plan(PLAN, folder, even_uncounted=True))


async def test_who_is_erased_while_a_file_is_written_is_not_in_it(
    shop: Database, home: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure finds no file yet, and the file was read before the erasure: it is written anew."""
    erased = False

    def adding(*arguments: object) -> int:
        nonlocal erased
        if not erased:
            erased = True
            deleting = shop.commit(lambda one: erase(one, find_person(one, "user5"), lambda: NOW))
            asyncio.run_coroutine_threadsafe(deleting, loop).result()
        return add_rows(*arguments)  # type: ignore[arg-type]

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(retention, "add_rows", adding)
    await keeper(shop, home).keep(Plan(PLAN, folder))
    assert "user5" not in set(pl.read_parquet(folder / "events-*.parquet")["user_key"])
    assert await shop.read(lambda one: one.execute(select(erasures.c.id)).scalars().all()) == [1]
    assert await shop.read(_wrong) == []


def test_the_command(
    filled: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home_option = ["--home", str(home)]
    assert main(home_option, lambda: NOW) == 1
    assert "--older-than" in capsys.readouterr().out
    assert main([*home_option, "--older-than", "2"], lambda: NOW) == 1
    assert "at least 3" in capsys.readouterr().out

    shutil.copytree(filled, home, dirs_exist_ok=True)
    monkeypatch.setenv("RETENTION_EVENTS_DAYS", "60")
    monkeypatch.setenv("RETENTION_LISTS_DAYS", "30")
    assert main([*home_option, "--dry-run"], lambda: NOW) == 0
    said = capsys.readouterr().out
    assert "before 2026-04-21" in said and "before 2026-05-21" in said and not (home / "archive").exists()
    assert main(home_option, lambda: NOW) == 0
    assert "rows archived" in capsys.readouterr().out
    assert main([*home_option, "--delete", "--older-than", "10"], lambda: NOW) == 0
    assert "0 rows archived" in capsys.readouterr().out
    lists = pl.read_parquet(home / "archive" / "list_log-*.parquet")
    assert lists["created_at"].max() < BEFORE  # type: ignore[operator]  # a time: the column has rows

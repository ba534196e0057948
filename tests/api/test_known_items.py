"""Who asks while one is answered is answered together, of a catalogue that is no older than the question."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert
from sqlalchemy.exc import OperationalError

from api.known_items import KnownItems
from database.connection import Database
from database.models import products

pytestmark = pytest.mark.anyio


async def put(database: Database, product_id: str) -> None:
    row = {"product_id": product_id, "title": "Hat", "attributes": {}, "position": -1}
    await database.commit(lambda connection: connection.execute(insert(products), [row]))


async def test_many_share_a_read(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await put(database, "p1")
    known, reads, read = KnownItems(database), 0, database.read

    async def counted(work: Callable[[Connection], object]) -> object:
        nonlocal reads
        reads += 1
        return await read(work)

    monkeypatch.setattr(database, "read", counted)
    found = await asyncio.gather(*(known.among([f"p{number}"]) for number in range(100)), known.among([]))
    assert ["p1" in one for one in found] == [True] * 100 + [False]  # with some of others
    assert "p2" not in found[2]
    assert reads <= 2
    await put(database, "p2")
    assert set(await known.among(["p2", "p3"])) == {"p2"}


async def test_one_that_leaves_takes_nobody_along(database: Database) -> None:
    await put(database, "p1")
    known = KnownItems(database)
    leaving, staying = (asyncio.create_task(known.among(["p1"])) for _ in range(2))
    await asyncio.sleep(0)  # lets both ask
    leaving.cancel()
    assert "p1" in await staying


async def test_a_database_that_fails_is_said_to_all_who_ask(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite3'}")  # without tables
    known = KnownItems(database)
    answers = await asyncio.gather(*(known.among(["p"]) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, OperationalError) for one in answers)
    await database.dispose()

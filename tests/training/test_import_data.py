"""The made-up shop of a start without files: imported once, whole, and gone when the first real file comes."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.progress import Steps
from database.connection import Database
from database.identity import UserKeys
from training import import_data
from training.import_data import Importer, InputFiles

TABLES = ("products", "query_log", "events")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Shop":
    monkeypatch.setattr(import_data, "_DEMO", {"products": 300, "users": 40, "sessions": 150, "processes": 1})
    return Shop(tmp_path)


class Shop:
    """A home of its own, and starts on it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.generated = folder, folder / "data" / "generated"

    def start(self, files: InputFiles | None = None) -> dict[str, int]:
        """Imports as a start does; how many rows each table has then."""

        async def work(database: Database) -> dict[str, int]:
            await Importer(database, UserKeys(bytes(32)), {}, Steps()).run(files or InputFiles(), self.generated)
            async with database.reading() as session:
                counts = [(await session.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one() for name in TABLES]
            return dict(zip(TABLES, counts, strict=True))

        counts: dict[str, int] = self.with_database(work)
        return counts

    def forget(self, kind: str) -> None:
        """As if the start had been interrupted before it read this file."""

        async def work(database: Database) -> None:
            async with database.transaction() as session:
                await session.execute(text("DELETE FROM imports WHERE kind = :kind"), {"kind": kind})

        self.with_database(work)

    def with_database(self, work: Callable[[Database], Coroutine[Any, Any, Any]]) -> Any:
        async def run() -> Any:
            database = Database(f"sqlite+aiosqlite:///{(self.folder / 'shop.sqlite3').as_posix()}")
            try:
                await database.migrate()
                return await work(database)
            finally:
                await database.dispose()

        return asyncio.run(run())


def test_a_start_without_files_makes_a_shop_with_traffic_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.start()
    assert first["products"] == 300
    assert first["query_log"] >= 120 and first["events"] >= 120

    async def never(_folder: Path) -> None:
        raise AssertionError("generated again")

    monkeypatch.setattr(import_data, "_generate", never)
    assert shop.start() == first


def test_an_interrupted_start_goes_on_with_the_same_files(shop: Shop) -> None:
    first = shop.start()
    bytes_before = (shop.generated / "events.parquet").read_bytes()
    shop.forget("events")
    shop.generated.with_suffix(".last_day").read_text()
    assert shop.start() == first
    assert (shop.generated / "events.parquet").read_bytes() == bytes_before


def test_what_an_earlier_version_left_half_done_is_made_anew(shop: Shop) -> None:
    first = shop.start()
    shop.forget("events")
    (shop.generated / "synthetic_data.txt").unlink()
    assert shop.start() == first


def test_a_shop_that_an_earlier_version_made_stays_as_it_is(shop: Shop) -> None:
    first = shop.start()
    shop.forget("events")
    (shop.generated / "events.parquet").unlink()
    after = shop.start()
    assert after == {**first, "events": 0}


def test_the_first_real_file_takes_the_place_of_all_that_was_made_up(shop: Shop) -> None:
    shop.start()
    catalog = shop.folder / "mine.csv"
    catalog.write_text("product_id,title\n1,Garden Hose\n2,Rake\n", encoding="utf-8")
    assert shop.start(InputFiles(catalog=catalog)) == {"products": 2, "query_log": 0, "events": 0}
    assert shop.start() == {"products": 2, "query_log": 0, "events": 0}

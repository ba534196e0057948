"""What is not learnt: queries of few, of persons, and of the safety list."""

import asyncio
import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.settings import Settings, StorageSettings, SuggestSettings
from core.domain import QueryRow
from core.text.normalize import normalize
from database.connection import Database
from database.repositories.query_log import QueryLogRepository
from training.safety_review import main
from training.shop_data import read_shop, wanted_version

AT = datetime(2026, 1, 1, tzinfo=UTC)


async def fill(database: Database) -> None:
    rows = [QueryRow(query="Red Hat", occurred_at=AT, user_id=f"u{number}") for number in range(3)]
    rows += [QueryRow(query="blue hat", occurred_at=AT, user_id="u1")] * 4
    rows += [QueryRow(query="call 555-234-5678", occurred_at=AT, user_id=f"u{number}") for number in range(9)]
    rows += [QueryRow(query="jane@example.com", count=50), QueryRow(query="cheap heroin", count=7)]
    rows += [QueryRow(query="green hat", count=3), QueryRow(query="black hat", count=2)]
    async with database.transaction() as session:
        await QueryLogRepository(session).add_many([(row, normalize(row.query), row.user_id) for row in rows], None)


def shop(home: Path, least: int) -> Settings:
    return Settings(storage=StorageSettings(cadence_home=home), suggest=SuggestSettings(imported_min_shoppers=least))


@pytest.mark.anyio
async def test_a_log_is_the_shops_to_vouch_for(database: Database, home: Path) -> None:
    await fill(database)
    data = await read_shop(database, shop(home, 1))
    assert [one.text for one in data.queries] == ["black hat", "blue hat", "green hat", "red hat"]
    assert data.left_out == {"personal": 2, "on the safety list": 1}


@pytest.mark.anyio
async def test_with_a_least_number_of_shoppers_it_is_not(database: Database, home: Path) -> None:
    await fill(database)
    data = await read_shop(database, shop(home, 3))
    assert [one.text for one in data.queries] == ["green hat", "red hat"]  # one shopper made four searches of blue hat
    assert data.left_out["of few shoppers"] == 2
    versions = [await wanted_version(database, shop(home, least), "tiny", 0) for least in (1, 3)]
    assert versions[0].fingerprint != versions[1].fingerprint


@pytest.mark.anyio
async def test_a_review_lists_what_is_withheld(database: Database, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(database)
    monkeypatch.setenv("CADENCE_HOME", str(home))  # put back afterwards
    (home / "safety.txt").write_text("red hat\n!heroin\n", encoding="utf-8")
    assert await asyncio.to_thread(main, ["--home", str(home)]) == 0
    with (home / "safety-review.csv").open(encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["query", "phrase", "weight"], ["red hat", "red hat", "3.0"]]

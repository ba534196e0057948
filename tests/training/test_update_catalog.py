"""The catalogue changed from files: only what differs is written, and a bad file costs nothing."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from config.settings import Settings, StorageSettings
from core.domain import Product
from core.services.bundle import CATALOG_SEQ
from database.connection import Database
from database.repositories.product_changes import changes_after, newest_change
from database.repositories.products import ProductRepository
from training.shop_data import wanted_version
from training.update_catalog import main

SHOE = Product("1", "Red shoe", brand="Fleet", price=50.0, in_stock=True)
LAMP = Product("2", "Oak lamp", price=20.0)


async def stock(home: Path, *products: Product) -> None:
    database = Database(Settings(storage=StorageSettings(cadence_home=home)).storage.url)
    await database.migrate()
    async with database.transaction() as session:
        await ProductRepository(session).upsert_many(products, None, 0)
    await database.dispose()


async def stored(home: Path) -> tuple[list[Product], list[str], int]:
    """The products, the ids that were changed, in order, and the number of the newest change."""
    database = Database(Settings(storage=StorageSettings(cadence_home=home)).storage.url)
    async with database.reading() as session:
        products = [product async for batch in ProductRepository(session).stream() for product in batch]
    changed = [one.product_id for one in await database.read(partial(changes_after, seq=0, limit=1_000))]
    newest = await database.read(newest_change)
    await database.dispose()
    return products, changed, newest


@pytest.fixture
def shop(home: Path) -> Path:
    asyncio.run(stock(home, SHOE, LAMP))
    return home


def file(folder: Path, name: str, *lines: str) -> str:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_whole_products_are_added_and_replaced_and_the_others_stay(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = file(
        tmp_path, "new.csv", "sku,name,price,maker,availability", "1,Red shoe,50,Fleet,yes", "2,Elm lamp,25,,",
        "3,Green hat,12,,no",
    )  # fmt: skip
    assert main(["--home", str(shop), "--catalog", catalog]) == 0
    lamp, hat = Product("2", "Elm lamp", price=25.0), Product("3", "Green hat", price=12.0, in_stock=False)
    assert asyncio.run(stored(shop)) == ([SHOE, lamp, hat], ["2", "3"], 2)
    assert "1 added, 1 replaced, 1 unchanged" in capsys.readouterr().out


def test_prices_and_stock_change_by_themselves(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = file(tmp_path, "prices.csv", "code,price,stock", "1,€ 39,0", "2,,5", "9,1,1", "1,45,")
    options = ["--home", str(shop), "--price-and-stock", values, "--map", "values:product_id=code"]
    assert main(options) == 0
    # The last row of a product counts; what it does not say stays.
    shoe, lamp = (
        Product("1", "Red shoe", brand="Fleet", price=45.0, in_stock=True),
        Product("2", "Oak lamp", price=20.0, in_stock=True),
    )
    assert asyncio.run(stored(shop)) == ([shoe, lamp], ["2", "1"], 2)
    said = capsys.readouterr().out
    assert "2 updated" in said and "1 product ids are unknown: 9" in said


def test_what_is_listed_as_gone_is_deleted(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(shop), "--deletes", file(tmp_path, "gone.csv", "product_id", "2", "8")]) == 0
    assert asyncio.run(stored(shop)) == ([SHOE], ["2"], 1)
    assert "1 deleted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "lines", "said"),
    [
        ("--catalog", ["title", "Green hat"], "without a product_id column"),
        ("--price-and-stock", ["product_id,colour", "1,red"], "no column for price or in_stock"),
        ("--price-and-stock", ["price", "5"], "no column for product_id"),
        ("--deletes", ["title", "Red shoe"], "no column for product_id"),
    ],
)
def test_a_bad_file_costs_nothing(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, lines: list[str], said: str
) -> None:
    good = file(tmp_path, "good.csv", "product_id,title", "3,Green hat")
    other = [] if option == "--catalog" else ["--catalog", good]
    assert main(["--home", str(shop), *other, option, file(tmp_path, "bad.csv", *lines)]) == 1
    assert said in capsys.readouterr().out
    assert asyncio.run(stored(shop)) == ([SHOE, LAMP], [], 0)


def test_a_shop_without_a_catalogue_is_told_where_to_begin(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(home), "--deletes", file(tmp_path, "gone.csv", "product_id", "2")]) == 1
    assert "no catalogue yet" in capsys.readouterr().out


def test_live_changes_are_learnt_from_but_call_for_no_training(shop: Path, tmp_path: Path) -> None:
    async def wanted() -> tuple[str, str, object]:
        settings = Settings(storage=StorageSettings(cadence_home=shop))
        database = Database(settings.storage.url)
        version = await wanted_version(database, settings, "tiny", 0)
        await database.dispose()
        return version.files, version.fingerprint, version.facts[CATALOG_SEQ]

    files, exact, seq = asyncio.run(wanted())
    assert main(["--home", str(shop), "--catalog", file(tmp_path, "new.csv", "product_id,title", "3,Green hat")]) == 0
    after = asyncio.run(wanted())
    assert (after[0], seq, after[2]) == (files, 0, 1)
    assert after[1] != exact

"""Live changes of the catalogue: all of a batch or nothing, each with a number, the newest state of each product."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from core.domain import Product
from database.connection import Database
from database.repositories.imports import ImportRepository
from database.repositories.product_changes import (
    Applied,
    CatalogChanges,
    ChangedProduct,
    Values,
    apply_changes,
    changes_after,
    newest_change,
)
from database.repositories.products import ProductRepository

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
SHOE = Product("p1", "Red Shoe", brand="Fleet", price=59.0, created_at=NOW, attributes={"size": "40"})
LAMP = Product("p2", "Oak Lamp", in_stock=True)


async def apply(
    database: Database,
    *upserts: Product,
    updates: dict[str, Values] | None = None,
    deletes: tuple[str, ...] = (),
) -> Applied:
    changes = CatalogChanges(upserts, updates, deletes)
    return await database.commit(partial(apply_changes, changes=changes, changed_at=NOW))


async def after(database: Database, seq: int, limit: int = 100) -> list[ChangedProduct]:
    return await database.read(partial(changes_after, seq=seq, limit=limit))


async def products(database: Database) -> list[Product]:
    async with database.reading() as session:
        return [product async for batch in ProductRepository(session).stream() for product in batch]


@pytest.fixture
async def imported(database: Database) -> Database:
    """A database with an imported catalogue of two products."""
    async with database.transaction() as session:
        imports = ImportRepository(session)
        import_id = await imports.begin("catalog", "file.csv", "a" * 64, {})
        assert import_id
        await ProductRepository(session).upsert_many([SHOE, LAMP], import_id, 0)
        await imports.finish(import_id, {"rows_kept": 2})
    return database


async def test_an_imported_catalogue_has_no_changes(imported: Database) -> None:
    assert await imported.read(newest_change) == 0
    assert await after(imported, 0) == []


async def test_a_batch_is_made_and_numbered_and_says_what_it_did(imported: Database) -> None:
    new, renamed = Product("p3", "Blue Hat"), replace(LAMP, title="Elm Lamp")
    done = await apply(imported, new, renamed, updates={"p1": {"price": 49.0, "in_stock": False}}, deletes=("gone",))
    assert done == Applied(seq=3, added=1, replaced=1, updated=1, unknown=("gone",))
    cheaper = replace(SHOE, price=49.0, in_stock=False)
    assert await products(imported) == [cheaper, renamed, new]
    assert await after(imported, 0) == [
        ChangedProduct("p3", 1, 1, new), ChangedProduct("p2", 2, 2, renamed), ChangedProduct("p1", 3, 0, cheaper),
    ]  # fmt: skip
    assert await after(imported, 1, limit=1) == [ChangedProduct("p2", 2, 2, renamed)]
    assert await imported.read(newest_change) == 3


async def test_a_product_that_goes_and_comes_back_has_one_row_and_a_new_title(imported: Database) -> None:
    assert (await apply(imported, deletes=("p1",))).deleted == 1
    assert await after(imported, 0) == [ChangedProduct("p1", 1, 0, None)]
    await apply(imported, SHOE)
    assert await after(imported, 0) == [ChangedProduct("p1", 2, 2, SHOE)]
    assert await after(imported, 1) == await after(imported, 0)


async def test_a_price_does_not_hide_that_the_title_has_changed(imported: Database) -> None:
    await apply(imported, replace(SHOE, title="Green Shoe"))
    await apply(imported, updates={"p1": {"price": None}})
    assert await after(imported, 0) == [ChangedProduct("p1", 2, 1, replace(SHOE, title="Green Shoe", price=None))]


async def test_what_says_nothing_new_is_not_written(imported: Database) -> None:
    done = await apply(imported, SHOE, updates={"p2": {"in_stock": True, "price": None}})
    assert done == Applied(seq=0, unchanged=2)
    assert await after(imported, 0) == []


async def test_a_change_that_cannot_be_made_leaves_nothing_of_its_batch(imported: Database) -> None:
    with pytest.raises(ValueError, match="twice"):
        await apply(imported, Product("p3", "Hat"), SHOE, deletes=("p1",))
    with pytest.raises(ValueError, match="not title"):
        await apply(imported, Product("p3", "Hat"), updates={"p1": {"title": 1}})
    assert await products(imported) == [SHOE, LAMP]
    assert await imported.read(newest_change) == 0


async def test_more_changes_than_fit_into_one_statement(imported: Database) -> None:
    many = [Product(f"n{number:04}", "Title") for number in range(1_201)]
    assert (await apply(imported, *many)).added == 1_201
    done = await apply(imported, deletes=tuple(product.product_id for product in many))
    assert (done.deleted, done.seq) == (1_201, 2_402)
    assert await products(imported) == [SHOE, LAMP]
    assert [one.seq for one in await after(imported, 0, limit=2_000)] == list(range(1_202, 2_403))


async def test_writers_at_once_never_share_a_number(imported: Database) -> None:
    other = Database(imported.url.render_as_string())  # as the command line beside the service
    writers = [
        apply(database, Product(f"{name}{number}", "Title"))
        for number in range(20)
        for name, database in (("a", imported), ("b", other))
    ]
    done = await asyncio.gather(*writers)
    await other.dispose()
    assert sorted(one.seq for one in done) == list(range(1, 41))
    assert [one.seq for one in await after(imported, 0)] == list(range(1, 41))


async def test_the_next_catalogue_has_the_last_word(imported: Database) -> None:
    """A product that was added live and is not in the file goes with the import; who follows sees that."""
    await apply(imported, Product("p3", "Blue Hat"), replace(LAMP, title="Elm Lamp"))
    async with imported.transaction() as session:
        import_id = await ImportRepository(session).begin("catalog", "next.csv", "b" * 64, {})
        assert import_id
        await ProductRepository(session).upsert_many([LAMP], import_id, 0)
        assert await ProductRepository(session).delete_other_imports(import_id) == 2
    assert await products(imported) == [LAMP]
    assert await after(imported, 0) == [ChangedProduct("p3", 1, 1, None), ChangedProduct("p2", 2, 2, LAMP)]

"""Products, query log and imports."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.domain import Product, QueryRow, WeightedQuery
from database.connection import Database
from database.repositories.imports import ImportRepository
from database.repositories.products import ProductRepository
from database.repositories.query_log import QueryLogRepository

pytestmark = pytest.mark.anyio

FULL = Product(
    "p'1; DROP TABLE products",
    "Überjacke 🧥",
    description="warm",
    brand="O'Neill",
    category="Jackets",
    price=0.1,
    currency="₹",
    rating=4.5,
    rating_count=3,
    image_url="https://x.test/1.png",
    in_stock=False,
    created_at=datetime(2025, 1, 31, 12, 30, 0, 123456, tzinfo=UTC),
    attributes={"größe": "XL", "size": "M"},
)


async def begin(database: Database, kind: str = "catalog", sha256: str = "a" * 64) -> int:
    async with database.transaction() as session:
        import_id = await ImportRepository(session).begin(kind, "file.csv", sha256, {"title": "name"})
    assert import_id is not None
    return import_id


async def finish(database: Database, import_id: int) -> None:
    async with database.transaction() as session:
        await ImportRepository(session).finish(import_id, {"rows": 1})


async def put(database: Database, products: list[Product], import_id: int | None = None) -> None:
    async with database.transaction() as session:
        await ProductRepository(session).upsert_many(products, import_id, 0)


async def test_a_product_comes_back_as_it_was(database: Database) -> None:
    bare = Product("p2", "Only a title")
    await put(database, [FULL, bare])
    async with database.reading() as session:
        products = ProductRepository(session)
        assert await products.by_ids([FULL.product_id, "p2", "unknown"]) == {FULL.product_id: FULL, "p2": bare}
        assert await products.known("p2")
        assert not await products.known("unknown")
        assert await products.by_ids([]) == {}


async def test_a_product_with_a_known_id_is_replaced(database: Database) -> None:
    await put(database, [FULL])
    changed = replace(FULL, title="New", price=None, attributes={})
    await put(database, [changed])
    async with database.reading() as session:
        assert await ProductRepository(session).by_ids([FULL.product_id]) == {FULL.product_id: changed}
        assert await ProductRepository(session).count() == 1


async def test_ids_beyond_one_statement_and_batches_of_a_stream(database: Database) -> None:
    ids = [f"p{number:05}" for number in range(1_203)]
    await put(database, [Product(product_id, "Title") for product_id in reversed(ids)])
    async with database.reading() as session:
        products = ProductRepository(session)
        assert len(await products.by_ids(ids)) == 1_203
        batches = [[product.product_id for product in batch] async for batch in products.stream(500)]
    assert [len(batch) for batch in batches] == [500, 500, 203]
    assert [product_id for batch in batches for product_id in batch] == ids


async def test_another_catalogue_replaces_the_first_and_the_first_can_come_back(database: Database) -> None:
    first = await begin(database, sha256="a" * 64)
    await put(database, [Product("p1", "One"), Product("p2", "Two")], first)
    await finish(database, first)
    queries = await begin(database, "queries")
    await finish(database, queries)
    second = await begin(database, sha256="b" * 64)
    await put(database, [Product("p2", "Two"), Product("p3", "Three")], second)
    async with database.transaction() as session:
        assert await ProductRepository(session).delete_other_imports(second) == 1
        await ImportRepository(session).finish(second, {})
    async with database.reading() as session:
        assert not await ProductRepository(session).known("p1")
        assert [done.id for done in await ImportRepository(session).completed()] == [queries, second]
    await begin(database, sha256="a" * 64)


async def test_a_file_that_is_imported_is_not_begun_again(database: Database) -> None:
    import_id = await begin(database)
    await finish(database, import_id)
    async with database.transaction() as session:
        imports = ImportRepository(session)
        assert await imports.begin("catalog", "renamed.csv", "a" * 64, {"title": "name"}) is None
        assert await imports.begin("catalog", "file.csv", "a" * 64, {}) is not None
        assert await imports.begin("queries", "file.csv", "a" * 64, {"title": "name"}) is not None
        [done] = await imports.completed()
        with pytest.raises(LookupError):
            await imports.finish(999, {})
    assert (done.id, done.kind, done.mapping, done.report) == (import_id, "catalog", {"title": "name"}, {"rows": 1})


async def test_an_interrupted_import_leaves_no_log_rows(database: Database) -> None:
    kept, stopped = await begin(database, "queries", "a" * 64), await begin(database, "queries", "b" * 64)
    await finish(database, kept)
    async with database.transaction() as session:
        log = QueryLogRepository(session)
        await log.add_many([(QueryRow("kept"), "kept", None)], kept)
        await log.add_many([(QueryRow("half"), "half", None)], stopped)
    async with database.transaction() as session:
        assert await ImportRepository(session).forget_incomplete() == 1
        assert await ImportRepository(session).forget_incomplete() == 0
    async with database.reading() as session:
        assert await QueryLogRepository(session).weighted() == [WeightedQuery("kept", 1)]
        assert [done.id for done in await ImportRepository(session).completed()] == [kept]


async def test_an_interrupted_catalogue_makes_the_one_before_readable_again(database: Database) -> None:
    first = await begin(database, sha256="a" * 64)
    await put(database, [Product("p1", "One")], first)
    await finish(database, first)
    await put(database, [Product("p1", "Overwritten")], await begin(database, sha256="b" * 64))
    async with database.transaction() as session:
        await ImportRepository(session).forget_incomplete()
        assert await ProductRepository(session).known("p1")
    await begin(database, sha256="a" * 64)


ROWS = [
    (QueryRow("Red Shoes", count=3, product_id="p1", prefixes=("r", "re")), "red shoes", "key"),
    (QueryRow("red  shoes", count=2, product_id="p1"), "red shoes", None),
    (QueryRow("red shoes", relevance=2.0, product_id="p9"), "red shoes", None),
    (QueryRow("only judged", relevance=3.0, product_id="p2"), "only judged", None),
    (QueryRow("only judged", relevance=1.0, product_id="p3"), "only judged", None),
    (QueryRow("Éclair", occurred_at=datetime(2025, 1, 1, tzinfo=UTC)), "éclair", None),
    (QueryRow("!!!"), "", None),
]


async def test_weights_count_completions_and_judged_queries_once(database: Database) -> None:
    async with database.transaction() as session:
        await QueryLogRepository(session).add_many(ROWS, None)
    async with database.reading() as session:
        log = QueryLogRepository(session)
        assert await log.weighted() == [
            WeightedQuery("only judged", 1),
            WeightedQuery("red shoes", 5),
            WeightedQuery("éclair", 1),
        ]
        assert await log.clicks() == [("red shoes", "p1", 5)]
        assert await log.count() == 7


async def test_a_query_log_can_be_replaced(database: Database) -> None:
    one, two = await begin(database, "queries", "a" * 64), await begin(database, "queries", "b" * 64)
    async with database.transaction() as session:
        log = QueryLogRepository(session)
        await log.add_many(ROWS[:3], one)
        await log.add_many(ROWS[3:], two)
        await log.delete_import(one)
        assert await log.count() == 4
        await log.delete_all()
        assert await log.count() == 0
    await begin(database, "queries", "a" * 64)

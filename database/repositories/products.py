"""The catalogue."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, CursorResult, Row, bindparam, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain import Product
from database.models import imports, products
from database.repositories.statements import chunks, upsert

_FIELDS = [field.name for field in fields(Product)]
PRODUCT_COLUMNS = [products.c[name] for name in _FIELDS]

CARD_FIELDS = (
    "product_id", "title", "brand", "category", "price", "currency", "rating", "rating_count", "image_url", "in_stock",
)  # fmt: skip
_KNOWN = select(products.c.product_id).where(products.c.product_id.in_(bindparam("ids", expanding=True)))
_CARDS = select(*(products.c[name] for name in CARD_FIELDS)).where(
    products.c.product_id.in_(bindparam("ids", expanding=True))
)


def product_of(row: Row[Any]) -> Product:
    """The product in a row that holds `PRODUCT_COLUMNS` among others."""
    return Product(**{name: row._mapping[name] for name in _FIELDS})


def find_products(connection: Connection, product_ids: Sequence[str]) -> dict[str, Product]:
    """As `ProductRepository.by_ids`, on a plain connection."""
    found: dict[str, Product] = {}
    for some in chunks(product_ids):
        rows = connection.execute(select(*PRODUCT_COLUMNS).where(products.c.product_id.in_(some)))
        found.update((row.product_id, product_of(row)) for row in rows)
    return found


def find_known(connection: Connection, product_ids: Sequence[str]) -> set[str]:
    """The known ones among these ids."""
    found: set[str] = set()
    for some in chunks(product_ids):
        found.update(connection.execute(_KNOWN, {"ids": some}).scalars())
    return found


def find_cards(connection: Connection, product_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The `CARD_FIELDS` of the known ones among these ids: a quarter of the time that whole products take."""
    found: dict[str, Mapping[str, Any]] = {}
    for some in chunks(product_ids):
        rows = connection.execute(_CARDS, {"ids": some})
        found.update((row[0], dict(zip(CARD_FIELDS, row, strict=True))) for row in rows)
    return found


class ProductRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def upsert_many(self, batch: Sequence[Product], import_id: int | None, first_position: int) -> None:
        """Add the products, or replace those whose id is there. Positions count up from `first_position`."""
        if not batch:
            return
        insert = upsert(self._session.get_bind().dialect, products)
        written = [*_FIELDS, "import_id", "position"]
        replaced = {name: insert.excluded[name] for name in written if name != "product_id"}
        statement = insert.on_conflict_do_update(index_elements=["product_id"], set_=replaced)
        rows = [
            {name: getattr(product, name) for name in _FIELDS}
            | {"attributes": dict(product.attributes), "import_id": import_id, "position": first_position + offset}
            for offset, product in enumerate(batch)
        ]
        await self._session.execute(statement, rows)

    async def delete_other_imports(self, import_id: int) -> int:
        """Remove products that are not from this import; returns how many.

        The records of other catalogue imports go with them, so their files can be imported again.
        """
        kind = select(imports.c.kind).where(imports.c.id == import_id).scalar_subquery()
        others = or_(products.c.import_id != import_id, products.c.import_id.is_(None))
        removed = await self._session.execute(delete(products).where(others))
        await self._session.execute(delete(imports).where(imports.c.kind == kind, imports.c.id != import_id))
        return removed.rowcount if isinstance(removed, CursorResult) else 0

    async def delete_import(self, import_id: int) -> None:
        """Remove the products of one import and its record, so that its file can be imported again."""
        await self._session.execute(delete(products).where(products.c.import_id == import_id))
        await self._session.execute(delete(imports).where(imports.c.id == import_id))

    async def by_ids(self, product_ids: Sequence[str]) -> dict[str, Product]:
        """The known ones among these ids."""
        return await (await self._session.connection()).run_sync(find_products, product_ids)

    async def stream(self, batch_size: int = 5_000) -> AsyncIterator[list[Product]]:
        """All products in the order of their ids, in lists of at most `batch_size`."""
        last: str | None = None
        while True:
            page = select(*PRODUCT_COLUMNS).order_by(products.c.product_id).limit(batch_size)
            if last is not None:
                page = page.where(products.c.product_id > last)
            batch = [product_of(row) for row in await self._session.execute(page)]
            if not batch:
                return
            yield batch
            last = batch[-1].product_id

    async def count(self) -> int:
        return (await self._session.execute(select(func.count()).select_from(products))).scalar_one()

    async def known(self, product_id: str) -> bool:
        row = await self._session.execute(select(products.c.product_id).where(products.c.product_id == product_id))
        return row.first() is not None

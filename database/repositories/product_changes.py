"""Changes of the catalogue while it is served: written with a number each, read by whoever derives an index from it.

A change is one row of `products` and one of `product_changes`, in one transaction. The numbers grow without gaps in the
order of the commits, so a reader that knows number N misses nothing by asking for what is greater: SQLite has one
writer at a time, and PostgreSQL's writers of this table wait for each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, delete, func, select, text

from core.domain import Product
from database.models import product_changes, products
from database.repositories.products import PRODUCT_COLUMNS, find_products, product_of
from database.repositories.statements import chunks, upsert

UPDATABLE = ("price", "in_stock", "rating", "rating_count")
_OF_NO_FILE = -1  # position of a product that no catalogue file has brought

Values: TypeAlias = Mapping[str, float | int | bool | None]


@dataclass(frozen=True, slots=True)
class CatalogChanges:
    """What is to be done: whole products, new `UPDATABLE` values by product id, and ids. No id occurs twice."""

    upserts: Sequence[Product] = ()
    updates: Mapping[str, Values] | None = None
    deletes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done. `seq`: the newest number in the database after it; 0 where nothing ever changed."""

    seq: int
    added: int = 0
    replaced: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0  # upserts and updates that say what is stored already: not written
    unknown: tuple[str, ...] = ()  # ids of updates and deletes that the catalogue does not have


@dataclass(frozen=True, slots=True)
class ChangedProduct:
    """The newest state of a product that was changed. `product` None: it is in the catalogue no more."""

    product_id: str
    seq: int
    title_seq: int  # number of the newest change of its title; not above what a reader knows: it has this title
    product: Product | None


def apply_changes(connection: Connection, changes: CatalogChanges, changed_at: datetime) -> Applied:
    """Makes all `changes`, or none where this raises. Part of the caller's transaction.

    Raises ValueError for an id that occurs twice and for an update of another field than `UPDATABLE`.
    """
    updates = changes.updates or {}
    ids = [*(product.product_id for product in changes.upserts), *updates, *changes.deletes]
    if len(set(ids)) < len(ids):
        raise ValueError("a product id occurs twice in one batch of changes")
    if wrong := {name for values in updates.values() for name in values}.difference(UPDATABLE):
        raise ValueError(f"only {', '.join(UPDATABLE)} can be updated by themselves, not {', '.join(sorted(wrong))}")
    if connection.dialect.name == "postgresql":
        connection.execute(text("LOCK TABLE product_changes IN EXCLUSIVE MODE"))  # readers may go on
    stored = find_products(connection, ids)
    written = [product for product in changes.upserts if stored.get(product.product_id) != product]
    updated = [
        product
        for product_id, values in updates.items()
        if product_id in stored and (product := _with(stored[product_id], values)) != stored[product_id]
    ]
    deleted = [product_id for product_id in changes.deletes if product_id in stored]
    _put(connection, [*written, *updated])
    for some in chunks(deleted):
        connection.execute(delete(products).where(products.c.product_id.in_(some)))
    titles = {product.product_id for product in written if not _has_title(stored.get(product.product_id), product)}
    changed = [product.product_id for product in (*written, *updated)]
    seq = _number(connection, changed, deleted, titles, changed_at)
    unknown = tuple(product_id for product_id in (*updates, *changes.deletes) if product_id not in stored)
    added = sum(product.product_id not in stored for product in written)
    return Applied(
        seq=seq,
        added=added,
        replaced=len(written) - added,
        updated=len(updated),
        deleted=len(deleted),
        unchanged=len(ids) - len(unknown) - len(changed) - len(deleted),
        unknown=unknown,
    )


def newest_change(connection: Connection) -> int:
    """The greatest number of a change; 0 where nothing was changed live."""
    return int(connection.execute(select(func.max(product_changes.c.seq))).scalar_one() or 0)


def changes_after(connection: Connection, seq: int, limit: int) -> list[ChangedProduct]:
    """The products changed after number `seq` as they are now, at most `limit`, by growing number."""
    columns = [column for column in PRODUCT_COLUMNS if column.name != "product_id"]
    newer = (
        select(product_changes.c.product_id, product_changes.c.seq, product_changes.c.title_seq, *columns)
        .outerjoin(products, products.c.product_id == product_changes.c.product_id)
        .where(product_changes.c.seq > seq)
        .order_by(product_changes.c.seq)
        .limit(limit)
    )
    # Joined rather than believed: an import that came after may have removed a product, or brought it back.
    return [
        ChangedProduct(row.product_id, row.seq, row.title_seq, None if row.title is None else product_of(row))
        for row in connection.execute(newer)
    ]


def _with(product: Product, values: Values) -> Product:
    known: dict[str, Any] = dict(values)
    return replace(product, **known)


def _has_title(stored: Product | None, product: Product) -> bool:
    return stored is not None and stored.title == product.title


def _put(connection: Connection, changed: Sequence[Product]) -> None:
    if not changed:
        return
    insert = upsert(connection.dialect, products)
    names = [column.name for column in PRODUCT_COLUMNS]
    replaced = {name: insert.excluded[name] for name in names if name != "product_id"}
    rows = [
        {name: getattr(product, name) for name in names}
        | {"attributes": dict(product.attributes), "position": _OF_NO_FILE}
        for product in changed
    ]
    connection.execute(insert.on_conflict_do_update(index_elements=["product_id"], set_=replaced), rows)


def _number(
    connection: Connection, changed: Sequence[str], deleted: Sequence[str], titles: set[str], changed_at: datetime
) -> int:
    """Gives each change the next number, and returns the newest one."""
    seq = newest_change(connection)
    if not changed and not deleted:
        return seq
    insert = upsert(connection.dialect, product_changes)
    new = insert.excluded
    # A title stays what it was when it was numbered, however often the price changes after it.
    kept = func.coalesce(func.nullif(new.title_seq, 0), product_changes.c.title_seq)
    statement = insert.on_conflict_do_update(
        index_elements=["product_id"],
        set_={"seq": new.seq, "title_seq": kept, "deleted": new.deleted, "changed_at": new.changed_at},
    )
    gone = set(deleted)
    rows = [
        {
            "product_id": product_id,
            "seq": number,
            "title_seq": number if product_id in titles else 0,
            "deleted": product_id in gone,
            "changed_at": changed_at,
        }
        for number, product_id in enumerate((*changed, *deleted), seq + 1)
    ]
    connection.execute(statement, rows)
    return seq + len(rows)

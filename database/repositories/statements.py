"""Statements that each database spells in its own way, and how many values go into one."""

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Dialect, Select, Table, func, select
from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")
IDS_PER_STATEMENT = 500  # bound values of one IN list: below every database's limit, and plans stay small


def upsert(dialect: Dialect, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT. Raises NotImplementedError for other databases than these two."""
    if dialect.name == "sqlite":
        return sqlite.insert(table)
    if dialect.name == "postgresql":
        return postgresql.insert(table)
    raise NotImplementedError(f"no upsert for {dialect.name}")


def chunks(values: Sequence[T], size: int = IDS_PER_STATEMENT) -> Iterator[Sequence[T]]:
    """`values` in runs of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


@lru_cache(maxsize=16)
def plain_upsert(
    dialect: Dialect, table: Table, key: str, *, replace: bool
) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    """An upsert of whole rows as the driver takes it, and the values of a row in its order.

    For rows that come with every click, where SQLAlchemy's own way to many rows costs more. A row whose `key` is there
    is replaced or (`replace` is False) stays as it is.
    """
    statement = upsert(dialect, table)
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name != key}
    settled = (
        statement.on_conflict_do_update(index_elements=[key], set_=others)
        if replace
        else statement.on_conflict_do_nothing(index_elements=[key])
    )
    compiled = settled.compile(dialect=dialect, column_keys=table.c.keys())
    stored = [
        (name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in compiled.positiontup or ()
    ]

    def values(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] if process is None else process(row[name]) for name, process in stored)

    return str(compiled), values


def known_keys(connection: Connection, column: ColumnElement[str], keys: Sequence[str]) -> set[str]:
    """Which of these are there."""
    if connection.dialect.name != "sqlite" or any("\0" in key for key in keys):  # where its JSON ends a text
        return {
            key for some in chunks(keys) for key in connection.execute(select(column).where(column.in_(some))).scalars()
        }
    wanted = select(func.json_each(json.dumps(keys)).table_valued("value").c.value)
    return set(connection.execute(select(column).where(column.in_(wanted))).scalars())


def unknown_rows(
    connection: Connection, rows: Select[Any], key: ColumnElement[str], known: Container[str]
) -> Iterator[tuple[Any, ...]]:
    """What `rows` selects, in no order, but for those whose `key` is known: of these nothing else is read."""
    keys = _all(connection, rows.with_only_columns(key).order_by(None))
    for some in chunks([one for (one,) in keys if one not in known]):
        yield from _all(connection, rows.where(key.in_(some)).order_by(None))


def _all(connection: Connection, rows: Select[Any]) -> Iterator[tuple[Any, ...]]:
    """What a select finds: texts, whole numbers, times and JSON (SQLite writes other numbers with 15 digits there).

    As one row from SQLite: its driver lets go of the interpreter's lock for every row, and in a busy process waits for
    it each time, so that ten thousand keys kept everybody waiting for 0.1 s and longer.
    """
    dialect = connection.dialect
    if dialect.name != "sqlite":
        yield from map(tuple, connection.execute(rows))
        return
    columns = rows.subquery().columns
    found = connection.execute(select(func.json_group_array(func.json_array(*columns)))).scalar_one()
    processors = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    for values in json.loads(found):
        yield tuple(
            value if process is None else process(value) for value, process in zip(values, processors, strict=True)
        )

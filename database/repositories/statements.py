"""Statements that each database spells in its own way, and how many values go into one."""

import json
from collections.abc import Container, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Dialect, Row, Select, Table, func, select
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


def unknown_rows(
    connection: Connection, rows: Select[Any], key: ColumnElement[str], known: Container[str]
) -> Iterator[Row[Any]]:
    """What `rows` selects, in no order, but for those whose `key` is known: of these nothing else is read."""
    keys = _all(connection, rows.with_only_columns(key).order_by(None))
    for some in chunks([one for one in keys if one not in known]):
        yield from connection.execute(rows.where(key.in_(some)))


def _all(connection: Connection, texts: Select[str]) -> Sequence[str]:
    """What a select of one column of texts finds.

    As one row from SQLite: its driver lets go of the interpreter's lock for every row, and in a busy process waits for
    it each time, so that ten thousand keys kept everybody waiting for 0.1 s and longer.
    """
    if connection.dialect.name != "sqlite":
        return connection.execute(texts).scalars().all()
    [column] = texts.subquery().columns
    found: list[str] = json.loads(connection.execute(select(func.json_group_array(column))).scalar_one())
    return found

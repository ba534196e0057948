"""Rows that left the database, as Parquet files: `<table>-<year>-<month>.parquet`, each written whole or not at all.

A file has the columns of its table; times are UTC, JSON is text. A reader needs nothing of ours:
`polars.scan_parquet("archive/events-*.parquet")`.

One process at a time changes files (`changing`), for a file that is being written and one from which somebody is being
erased must not overtake each other.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import JSON, Boolean, Float, Integer, LargeBinary, Table

from core.errors import CadenceError
from database.columns import UtcDateTime

_WAIT_SECONDS = 600.0  # that rewriting all files of a large shop may take
_SUFFIX = ".parquet"


class ArchiveChangedError(CadenceError):
    """What was about to be written no longer holds; the caller begins anew."""

    code = "archive_changed"


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Holds the lock of the folder. A process that dies gives it back: it is SQLite's own, of an empty database."""
    folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "lock.sqlite3", timeout=_WAIT_SECONDS, isolation_level=None)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        yield


def schema_of(table: Table) -> dict[str, pl.DataType]:
    """The columns of a file of `table`."""
    return {column.name: _kind(column.type) for column in table.c}


def _kind(of: object) -> pl.DataType:
    if isinstance(of, UtcDateTime):
        return pl.Datetime("us", "UTC")
    for kinds, stored in (((Boolean,), pl.Boolean()), ((Integer,), pl.Int64()), ((Float,), pl.Float64())):
        if isinstance(of, kinds):
            return stored
    assert not isinstance(of, LargeBinary)  # noqa: S101  # no log has such a column
    return pl.String()  # texts, and JSON as it is stored


def is_json(of: object) -> bool:
    return isinstance(of, JSON)


def file_of(folder: Path, table: Table, month: datetime) -> Path:
    return folder / f"{table.name}-{month:%Y-%m}{_SUFFIX}"


def add_rows(
    folder: Path,
    table: Table,
    month: datetime,
    keys: Sequence[str],
    parts: Iterable[Sequence[Any]],
    still_holds: Callable[[], bool],
) -> int:
    """Adds the rows of `parts` that the month's file lacks, by their `keys`; returns how many these were.

    Returns when the file is on disk. Raises ArchiveChangedError where `still_holds` says no just before it would be.
    """
    target, schema = file_of(folder, table, month), schema_of(table)
    new = target.with_suffix(".new")
    pieces: list[Path] = []
    known = _known(target, keys)
    added = 0
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for number, rows in enumerate(parts):
            frame = pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row")
            if known is not None:
                frame = frame.join(known, on=list(keys), how="anti", nulls_equal=True)
            pieces.append(target.with_suffix(f".part{number}"))
            frame.write_parquet(pieces[-1])
            added += frame.height
        sources = [*([target] if target.exists() else []), *pieces]
        if not added:
            return 0
        pl.concat([pl.scan_parquet(source, glob=False) for source in sources]).sink_parquet(new)
        with changing(folder):
            if not still_holds():
                raise ArchiveChangedError("somebody was erased meanwhile")
            _put_in_place(new, target)
    finally:
        for left in (*pieces, new):
            left.unlink(missing_ok=True)
    return added


def _known(target: Path, keys: Sequence[str]) -> pl.DataFrame | None:
    return pl.scan_parquet(target, glob=False).select(keys).collect() if target.exists() else None


def erase_from_archive(folder: Path, user_keys: Iterable[str], session_ids: Iterable[str]) -> int:
    """Writes every file anew without what is these persons'; returns how many rows went.

    Theirs is what names one of these users, and what names no user in one of these sessions or in one where one of
    these users was (as in `database.repositories.people`). Returns when the files are on disk; one without anything
    of theirs is not touched. Interrupted, it is to be called again. Keys and ids as they are stored, hashed.
    """
    if not folder.is_dir():
        return 0
    users, visits, gone = sorted(set(user_keys)), set(session_ids), 0
    with changing(folder):
        files = sorted(folder.glob(f"*{_SUFFIX}"))
        is_user = pl.col("user_key").is_in(users)
        for file in files:
            theirs = pl.scan_parquet(file, glob=False).filter(is_user).select("session_id").drop_nulls().unique()
            visits.update(theirs.collect()["session_id"])
        is_theirs = is_user.fill_null(value=False) | (
            pl.col("user_key").is_null() & pl.col("session_id").is_in(sorted(visits)).fill_null(value=False)
        )
        for file in files:
            rows = pl.scan_parquet(file, glob=False)
            number = int(rows.select(is_theirs.sum()).collect().item())
            if number:
                new = file.with_suffix(".new")
                rows.filter(~is_theirs).sink_parquet(new)
                _put_in_place(new, file)
                gone += number
    return gone


def _put_in_place(new: Path, target: Path) -> None:
    """`target` is the old file or the new one, whatever happens; on disk when this returns."""
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    new.replace(target)
    if os.name != "nt":  # Windows cannot open folders, and needs not
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

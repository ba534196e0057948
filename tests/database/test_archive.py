"""Files of old rows: whole or not there, each row once, and without whoever is erased."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from database.archive import ArchiveChangedError, add_rows, erase_from_archive, file_of, schema_of
from database.models import exposures, sessions

MAY = datetime(2026, 5, 1, tzinfo=UTC)


def visit(session: str, user: str | None) -> tuple[Any, ...]:
    known = {"session_id": session, "user_key": user, "device": None, "locale": "de", "location": "Köln",
             "referrer": None, "started_at": MAY}  # fmt: skip
    return tuple(known[name] for name in schema_of(sessions))


def add(folder: Path, *parts: Iterable[tuple[Any, ...]], holds: bool = True) -> int:
    return add_rows(folder, sessions, MAY, ["session_id"], [list(part) for part in parts], lambda: holds)


def stored(folder: Path) -> list[str]:
    return sorted(pl.read_parquet(file_of(folder, sessions, MAY))["session_id"])


def test_rows_are_added_once(tmp_path: Path) -> None:
    assert add(tmp_path, [visit("a", "u1")], [visit("b", None)]) == 2
    assert add(tmp_path, [visit("b", None), visit("c", None)]) == 1
    assert add(tmp_path, [visit("c", None)]) == add(tmp_path) == 0
    assert stored(tmp_path) == ["a", "b", "c"]
    assert {file.name for file in tmp_path.iterdir()} == {"sessions-2026-05.parquet", "lock.sqlite3"}
    read = pl.read_parquet(file_of(tmp_path, sessions, MAY))
    assert read.schema == schema_of(sessions)
    assert read.row(0, named=True)["started_at"] == MAY and read.row(0, named=True)["location"] == "Köln"


def test_what_no_longer_holds_is_not_written(tmp_path: Path) -> None:
    add(tmp_path, [visit("a", "u1")])
    with pytest.raises(ArchiveChangedError):
        add(tmp_path, [visit("b", "u2")], holds=False)
    assert stored(tmp_path) == ["a"]
    assert not [file for file in tmp_path.iterdir() if "new" in file.name or "part" in file.name]


def test_who_is_erased_leaves_every_file(tmp_path: Path) -> None:
    visits = [visit("known", "u1"), visit("theirs", None), visit("other", "u2"), visit("others", None)]
    add(tmp_path, visits)
    shown = {"experiment": "x", "unit": "s:known", "arm": "a", "version": 1, "request_id": "r", "session_id": "known",
             "user_key": None, "chosen_by_hand": False, "exposed_at": MAY}  # fmt: skip
    row = tuple(shown[name] for name in schema_of(exposures))
    add_rows(tmp_path, exposures, MAY, ["experiment", "unit"], [[row]], lambda: True)
    # `theirs` is named; `known` is found by its user, and what it did without one goes, too
    assert erase_from_archive(tmp_path, ["u1"], ["theirs"]) == 3
    assert stored(tmp_path) == ["other", "others"]
    assert pl.read_parquet(file_of(tmp_path, exposures, MAY)).height == 0
    before = file_of(tmp_path, sessions, MAY).stat()
    assert erase_from_archive(tmp_path, ["u1"], ["theirs"]) == 0
    assert file_of(tmp_path, sessions, MAY).stat() == before
    assert erase_from_archive(tmp_path, [], []) == 0
    assert erase_from_archive(tmp_path / "none", ["u1"], []) == 0

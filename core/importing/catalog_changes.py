"""Files that change a catalogue in part: new prices and stock by product id, and ids that are no longer sold."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from core.errors import InputFileError
from core.importing.columns import resolve_columns
from core.importing.report import ImportReport
from core.importing.rows import Check, Field, good_rows
from core.importing.source import flattened, open_source
from core.importing.values import boolean, price, rating, said, tidy, whole_number

_READ = {"price": price, "in_stock": boolean, "rating": rating, "rating_count": whole_number}


def read_values(path: Path, mapping: Mapping[str, str] | None = None) -> tuple[pl.DataFrame, ImportReport]:
    """`product_id` and those of price, in_stock, rating and rating_count that the file has; null: it says nothing.

    `mapping` is our field → column in the file. Of rows with one product_id the last wins.
    Raises InputFileError where the file has no such column or more than 5 % of its rows are bad.
    """
    frame, report = _read(path, "values", mapping)
    if len(frame.columns) < 2:
        raise InputFileError(
            f"{path.name}: no column for {' or '.join(_READ)} beside the product_id. Name it with --map price=COLUMN"
        )
    return frame, report


def read_ids(path: Path, mapping: Mapping[str, str] | None = None) -> tuple[list[str], ImportReport]:
    """The distinct ids of the file's `product_id` column. Raises InputFileError as `read_values` does."""
    frame, report = _read(path, "deletes", mapping)
    return frame["product_id"].to_list(), report


def values(frame: pl.DataFrame) -> Iterator[tuple[str, dict[str, float | int | bool | None]]]:
    """Each product id of a frame from `read_values` with what its row says."""
    for row in frame.iter_rows(named=True):
        product_id = row.pop("product_id")
        said_here = {name: value for name, value in row.items() if value is not None}
        if said_here:
            yield product_id, said_here


def _read(path: Path, kind: str, mapping: Mapping[str, str] | None) -> tuple[pl.DataFrame, ImportReport]:
    source = flattened(open_source(path))
    resolved = resolve_columns(path.name, kind, source.columns, mapping)
    used = resolved.used
    fields = [Field("product_id", tidy(pl.col(used["product_id"])))]
    fields += [Field(name, said(pl.col(used[name])), read) for name, read in _READ.items() if name in used]
    checks = [Check(pl.col("product_id").is_null(), "no product_id", pl.lit(""))]
    good = good_rows(path.name, source, fields, checks)
    names = [field.name for field in fields]
    frame = good.frame.select(names).unique(subset="product_id", keep="last", maintain_order=True)
    report = ImportReport(
        path=path.name,
        kind=kind,
        rows_read=good.rows_read,
        rows_kept=frame.height,
        duplicates=good.frame.height - frame.height,
        bad_rows=good.bad_rows,
        examples=good.examples,
        columns_used=used,
        columns_ignored=resolved.rest,
        unreadable_values=good.unreadable,
        encoding=source.encoding,
        notes=resolved.notes,
    )
    return frame, report

"""Query logs and judged lists → query rows."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import polars as pl

from core.domain import QueryRow
from core.importing.columns import resolve_columns
from core.importing.report import ImportReport
from core.importing.rows import Check, Field, good_rows, said_of
from core.importing.source import flattened, open_source
from core.importing.values import NumberKind, moment, number, said, tidy, whole_number

QUERY_SCHEMA: Mapping[str, pl.DataType] = {
    "query": pl.String(),
    "count": pl.Int64(),
    "relevance": pl.Float64(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "user_id": pl.String(),
    "session_id": pl.String(),
    "product_id": pl.String(),
    "prefixes": pl.List(pl.String()),
}

_QUOTED = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\''


def read_queries(path: Path, mapping: Mapping[str, str] | None = None) -> tuple[pl.DataFrame, ImportReport]:
    """The queries of a file as a frame of `QUERY_SCHEMA`, and what the import did.

    With a relevance column the report says `judged`: rows are graded pairs, neither clicks nor popularity.
    Raises InputFileError where the file is no query file or more than 5 % of its rows are bad.
    """
    source = open_source(path)
    resolved = resolve_columns(path.name, "queries", source.columns, mapping)
    used = resolved.used
    source = flattened(source, keep=used.get("prefixes"))
    schema = source.frame.collect_schema()

    def text(field: str) -> pl.Expr:
        return said(pl.col(used[field])) if field in used else pl.lit(None, dtype=pl.String)

    fields = [
        Field("query", tidy(pl.col(used["query"]))),
        Field("count", text("count"), partial(whole_number, kind=NumberKind.PLAIN)),
        Field("relevance", text("relevance"), partial(number, kind=NumberKind.PLAIN)),
        Field("occurred_at", text("timestamp"), moment),
        *(Field(name, text(name)) for name in ("user_id", "session_id", "product_id")),
    ]
    checks = [Check(pl.col("query").is_null(), "no query", pl.lit(""))]
    if "count" in used:
        is_bad = said_of("count").is_not_null() & ~(pl.col("count") > 0).fill_null(False)
        checks.append(Check(is_bad, "count is not a positive whole number", said_of("count")))
    if "relevance" in used:
        no_grade = pl.col("relevance").is_null()
        checks.append(Check(no_grade, "relevance is not a number", said_of("relevance").fill_null("")))
    keystrokes = pl.lit(None, dtype=pl.List(pl.String))
    if "prefixes" in used:
        keystrokes = _prefixes(used["prefixes"], is_list=schema[used["prefixes"]] == pl.List)
    good = good_rows(path.name, source, fields, checks, [keystrokes.alias("prefixes")])
    report = ImportReport(
        path=path.name,
        kind="queries",
        rows_read=good.rows_read,
        rows_kept=good.frame.height,
        bad_rows=good.bad_rows,
        examples=good.examples,
        columns_used=used,
        columns_ignored=resolved.rest,
        unreadable_values=good.unreadable,
        encoding=source.encoding,
        judged="relevance" in used,
        notes=resolved.notes,
    )
    frame = good.frame.with_columns(pl.col("count").fill_null(1))
    return frame.select(pl.col(name).cast(dtype) for name, dtype in QUERY_SCHEMA.items()), report


def query_rows(frame: pl.DataFrame) -> Iterator[QueryRow]:
    """The rows of a frame from `read_queries`, in its order."""
    for row in frame.select(list(QUERY_SCHEMA)).iter_rows(named=True):
        yield QueryRow(**{**row, "prefixes": tuple(row["prefixes"] or ())})


def _prefixes(column: str, *, is_list: bool) -> pl.Expr:
    """The keystroke states of each row: a list column, `["s","sh"]` as text, or `s|sh`. Empty states go."""
    if is_list:
        states = pl.col(column)
    else:
        text = pl.col(column)
        quoted = text.str.extract_all(_QUOTED).list.eval(pl.element().str.slice(1, pl.element().str.len_chars() - 2))
        states = pl.when(text.str.contains(r"^\s*\[")).then(quoted).otherwise(text.str.split("|"))
    return states.list.eval(pl.element().filter(pl.element().str.strip_chars().str.len_bytes() > 0))

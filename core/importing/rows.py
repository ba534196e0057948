"""Bad rows: found, counted by reason, shown, skipped; more than 5 % of them stop the import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from core.errors import InputFileError
from core.importing.report import EXAMPLES_SHOWN, BadRow, bad_row_lines
from core.importing.source import BROKEN, ROW, Source
from core.importing.values import TypedColumn

MAX_BAD_SHARE = 0.05

_REASON = "__reason"
_FAULT = "__fault"
_UNREADABLE = "__unreadable:"
_VALUE_CHARACTERS = 60  # of the value at fault, as shown in an example


@dataclass(frozen=True, slots=True)
class Check:
    """One way in which a row can be bad: when, why, and the value to show for it."""

    fails: pl.Expr  # Boolean, on the file's own columns
    reason: str
    fault: pl.Expr  # String


@dataclass(frozen=True, slots=True)
class GoodRows:
    """The typed rows that passed, in file order, with ROW; and what was counted on the way."""

    frame: pl.DataFrame
    rows_read: int
    bad_rows: Mapping[str, int]
    examples: tuple[BadRow, ...]
    unreadable: Mapping[str, int]


def good_rows(
    path_name: str,
    source: Source,
    checks: Sequence[Check],
    columns: Sequence[TypedColumn],
    extra: Sequence[pl.Expr] = (),
) -> GoodRows:
    """Type the rows of `source` and drop those that fail a check (the first failing one names the reason).

    Raises InputFileError where nothing is left or more than 5 % is bad.
    """
    reason: pl.Expr = pl.lit(None, dtype=pl.String)
    fault: pl.Expr = pl.lit(None, dtype=pl.String)
    for check in reversed(checks):
        reason = pl.when(check.fails).then(pl.lit(check.reason)).otherwise(reason)
        fault = pl.when(check.fails).then(check.fault).otherwise(fault)
    broken = pl.col(BROKEN).is_not_null()
    reason = pl.when(broken).then(pl.col(BROKEN)).otherwise(reason)
    fault = pl.when(broken).then(_row_text(source)).otherwise(fault)
    typed = source.frame.select(
        pl.col(ROW),
        *(column.value.alias(column.name) for column in columns),
        *(column.unreadable().alias(_UNREADABLE + column.name) for column in columns),
        *extra,
        reason.alias(_REASON),
        fault.alias(_FAULT),
    ).collect(engine="streaming")
    return _split(path_name, typed, [column.name for column in columns])


def _row_text(source: Source) -> pl.Expr:
    schema = source.frame.collect_schema()
    cells = [pl.col(name) for name in source.columns if schema[name] == pl.String]
    return pl.concat_str(cells, separator=" ", ignore_nulls=True)


def _split(path_name: str, typed: pl.DataFrame, names: Sequence[str]) -> GoodRows:
    if typed.is_empty():
        raise InputFileError(f"{path_name}: the file has a header but no rows")
    bad = typed.filter(pl.col(_REASON).is_not_null()).sort(ROW)
    counts = bad.group_by(_REASON).len().sort(["len", _REASON], descending=[True, False])
    bad_rows = dict(counts.iter_rows())
    shown = bad.head(EXAMPLES_SHOWN).select(ROW, _REASON, pl.col(_FAULT).fill_null("").str.slice(0, _VALUE_CHARACTERS))
    examples = tuple(BadRow(row, reason, value) for row, reason, value in shown.iter_rows())
    if bad.height > MAX_BAD_SHARE * typed.height or bad.height == typed.height:
        details = "; ".join(line.strip() for line in bad_row_lines(bad_rows, examples))
        raise InputFileError(
            f"{path_name}: {bad.height:,} of {typed.height:,} rows are bad, more than {MAX_BAD_SHARE:.0%}: {details}"
        )
    good = typed.filter(pl.col(_REASON).is_null()).sort(ROW)
    sums = good.select(pl.col(f"^{_UNREADABLE}.*$").sum()).row(0)
    unreadable = {name: count for name, count in zip(names, sums, strict=True) if count}
    kept = good.drop(_REASON, _FAULT, *(_UNREADABLE + name for name in names))
    return GoodRows(kept, typed.height, bad_rows, examples, unreadable)

"""Bad rows: found, counted by reason, shown, skipped; more than 5 % of them stop the import."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from core.errors import InputFileError
from core.importing.report import EXAMPLES_SHOWN, BadRow, bad_row_lines
from core.importing.source import BROKEN, ROW, Source

MAX_BAD_SHARE = 0.05

_REASON = "__reason"
_FAULT = "__fault"
_SAID = "__said:"
_VALUE_CHARACTERS = 60  # of the value at fault, as shown in an example


@dataclass(frozen=True, slots=True)
class Field:
    """One of our fields in a file: the text that the cell says, and how to read it."""

    name: str
    said: pl.Expr  # String, on the file's own columns
    read: Callable[[pl.Expr], pl.Expr] | None = None  # None: the text is the value


@dataclass(frozen=True, slots=True)
class Check:
    """One way in which a row can be bad; `fails` and `fault` see the fields by name and `said_of` them."""

    fails: pl.Expr  # Boolean
    reason: str
    fault: pl.Expr  # String, the value to show


def said_of(name: str) -> pl.Expr:
    """The text of the field before it was read."""
    return pl.col(_SAID + name)


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
    fields: Sequence[Field],
    checks: Sequence[Check],
    extra: Sequence[pl.Expr] = (),
) -> GoodRows:
    """Read the `fields` of each row and drop the rows that fail a check (the first failing one names the reason).

    `extra` are further columns made from the file's own. Raises InputFileError where nothing is left or more than
    5 % is bad.
    """
    reason: pl.Expr = pl.lit(None, dtype=pl.String)
    fault: pl.Expr = pl.lit(None, dtype=pl.String)
    for check in reversed(checks):
        reason = pl.when(check.fails).then(pl.lit(check.reason)).otherwise(reason)
        fault = pl.when(check.fails).then(check.fault).otherwise(fault)
    broken = pl.col(BROKEN).is_not_null()
    # Three steps, so that a cell is tidied once and read once however often it is asked for.
    typed = (
        source.frame.select(ROW, BROKEN, *(field.said.alias(_SAID + field.name) for field in fields), *extra)
        .with_columns(_value(field).alias(field.name) for field in fields)
        .with_columns(
            pl.when(broken).then(pl.col(BROKEN)).otherwise(reason).alias(_REASON),
            pl.when(broken).then(pl.lit("")).otherwise(fault).alias(_FAULT),
        )
        .collect(engine="streaming")
    )
    return _split(path_name, typed, [field.name for field in fields])


def _value(field: Field) -> pl.Expr:
    return said_of(field.name) if field.read is None else field.read(said_of(field.name))


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
    sums = good.select((said_of(name).is_not_null() & pl.col(name).is_null()).sum().alias(name) for name in names)
    unreadable = {name: count for name, count in sums.row(0, named=True).items() if count}
    kept = good.drop(BROKEN, _REASON, _FAULT, *(_SAID + name for name in names))
    return GoodRows(kept, typed.height, bad_rows, examples, unreadable)

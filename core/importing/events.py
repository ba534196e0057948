"""Event files (views, clicks, purchases …) → event rows with the user ids as the shop wrote them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid5

import polars as pl

from core.domain import Action, Engagement
from core.importing.columns import resolve_columns
from core.importing.report import ImportReport
from core.importing.rows import Check, Field, good_rows, said_of
from core.importing.source import flattened, open_source
from core.importing.values import NumberKind, moment, number, said, whole_number

EVENT_SCHEMA: Mapping[str, pl.DataType] = {
    "user_id": pl.String(),
    "occurred_at": pl.Datetime("us", "UTC"),
    "action_type": pl.String(),  # a value of core.domain.Action
    "item_id": pl.String(),
    "session_id": pl.String(),
    "query": pl.String(),
    "item_rank": pl.Int64(),
    "duration_seconds": pl.Float64(),
}

# What other shops' exports call the same actions, by their letters alone.
_ACTION_WORDS: Mapping[str, Action] = {
    **{action.value.replace("_", ""): action for action in Action},
    "pageview": Action.VIEW,
    "productview": Action.VIEW,
    "viewitem": Action.VIEW,
    "detailview": Action.VIEW,
    "selectitem": Action.CLICK,
    "cart": Action.ADD_TO_CART,
    "addcart": Action.ADD_TO_CART,
    "basket": Action.ADD_TO_CART,
    "addtobasket": Action.ADD_TO_CART,
    "favorite": Action.WISHLIST,
    "favourite": Action.WISHLIST,
    "addtowishlist": Action.WISHLIST,
    "buy": Action.PURCHASE,
    "order": Action.PURCHASE,
    "transaction": Action.PURCHASE,
    "removecart": Action.REMOVE_FROM_CART,
}


@dataclass(frozen=True, slots=True)
class EventRow:
    """One imported event. `user_id` is the shop's own and must be hashed before it is stored."""

    user_id: str
    occurred_at: datetime
    action_type: Action
    item_id: str | None = None
    session_id: str | None = None
    query: str | None = None
    item_rank: int | None = None  # 1-based
    duration_seconds: float | None = None


def read_events(path: Path, mapping: Mapping[str, str] | None = None) -> tuple[pl.DataFrame, ImportReport]:
    """The events of a file as a frame of `EVENT_SCHEMA` in file order, and what the import did.

    A row needs an item or, for searches and suggestions, a query. Raises InputFileError where the file holds
    no events or more than 5 % of its rows are bad.
    """
    source = flattened(open_source(path))
    resolved = resolve_columns(path.name, "events", source.columns, mapping)
    used = resolved.used

    def text(field: str) -> pl.Expr:
        return said(pl.col(used[field])) if field in used else pl.lit(None, dtype=pl.String)

    fields = [
        *(Field(name, text(name)) for name in ("user_id", "item_id", "session_id", "query")),
        Field("occurred_at", text("timestamp"), moment),
        Field("action_type", text("action_type"), _action),
        Field("item_rank", text("item_rank"), _rank),
        Field("duration_seconds", text("duration_seconds"), partial(number, kind=NumberKind.PLAIN)),
    ]
    no_subject = pl.col("item_id").is_null() & pl.col("query").is_null()
    checks = [
        Check(pl.col("user_id").is_null(), "no user_id", pl.lit("")),
        Check(pl.col("occurred_at").is_null(), "timestamp cannot be read", said_of("occurred_at").fill_null("")),
        Check(pl.col("action_type").is_null(), "unknown action_type", said_of("action_type").fill_null("")),
        Check(no_subject, "neither item_id nor query", pl.lit("")),
    ]
    good = good_rows(path.name, source, fields, checks)
    report = ImportReport(
        path=path.name,
        kind="events",
        rows_read=good.rows_read,
        rows_kept=good.frame.height,
        bad_rows=good.bad_rows,
        examples=good.examples,
        columns_used=used,
        columns_ignored=resolved.rest,
        unreadable_values=good.unreadable,
        encoding=source.encoding,
        notes=resolved.notes,
    )
    return good.frame.select(pl.col(name).cast(dtype) for name, dtype in EVENT_SCHEMA.items()), report


def event_rows(frame: pl.DataFrame) -> Iterator[EventRow]:
    """The rows of a frame from `read_events`, in its order."""
    for row in frame.select(list(EVENT_SCHEMA)).iter_rows(named=True):
        yield EventRow(**{**row, "action_type": Action(row["action_type"])})


def engagement_of(row: EventRow, user_key: str, file: UUID, position: int) -> Engagement:
    """The event in the row at `position` of a file: the same row is the same event, however often it is read."""
    return Engagement(
        event_id=str(uuid5(file, str(position))),
        action=row.action_type,
        occurred_at=row.occurred_at,
        session_id=row.session_id,
        user_key=user_key,
        item_id=row.item_id,
        query=row.query,
        item_rank=row.item_rank,
        duration_seconds=row.duration_seconds,
    )


def _action(cell: pl.Expr) -> pl.Expr:
    word = cell.str.to_lowercase().str.replace_all(r"[^a-z]+", "")
    actions = {known: action.value for known, action in _ACTION_WORDS.items()}
    return word.replace_strict(actions, default=None, return_dtype=pl.String)


def _rank(cell: pl.Expr) -> pl.Expr:
    rank = whole_number(cell, NumberKind.PLAIN)
    return pl.when(rank > 0).then(rank)

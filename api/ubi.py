"""The logs in the form of User Behavior Insights 1.3 (https://ubisearch.dev): queries, and events that name them.

A query's `query_id` is our request id, which an event of that list names. Users and sessions are keyed hashes, which
this shop alone can make; a product's `object_id` is its id.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from core.analytics.definitions import LIST_KINDS
from core.domain import Action
from database.connection import Database
from database.repositories.insights import Span
from database.repositories.log_pages import PAGE_ROWS, Place, events_page, lists_page

APPLICATION = "cadence"
_MESSAGE_TYPES: Mapping[str, str] = {"search": "QUERY", "purchase": "CONVERSION", "impression": "IMPRESSION"}


class UbiTable(StrEnum):
    """Which of the two."""

    QUERIES = "queries"
    EVENTS = "events"


async def rows_of(
    database: Database, table: UbiTable, span: Span, hashed: Callable[[str], str]
) -> AsyncIterator[list[dict[str, Any]]]:
    """Pages of at most `PAGE_ROWS`, kind by kind in the order of time. `hashed`: of a session's id."""
    kinds = LIST_KINDS if table is UbiTable.QUERIES else tuple(action.value for action in Action)
    page, plain = (lists_page, _query) if table is UbiTable.QUERIES else (events_page, _event)
    for kind in kinds:
        after: Place | None = None
        while True:
            work = partial(_shaped, page, partial(plain, kind, hashed=hashed), kind, span, after)
            shaped, after = await database.count(work)  # there, so that no keystroke waits for it
            if shaped:
                yield shaped
            if len(shaped) < PAGE_ROWS:
                break


async def lines_of(
    database: Database, table: UbiTable, span: Span, hashed: Callable[[str], str]
) -> AsyncIterator[bytes]:
    """The same as JSON Lines."""
    async for page in rows_of(database, table, span, hashed):
        yield b"".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in page)


def write_parquet(lines: Path, file: Path, table: UbiTable) -> None:
    """The lines of a file as Parquet, in bounded memory."""
    import polars as pl  # a quarter of a second and some 60 MB, for who exports this way

    text, struct = pl.String, pl.Struct
    common = {"application": text, "query_id": text, "client_id": text, "user_query": text, "timestamp": text}
    schema: dict[str, Any]
    if table is UbiTable.QUERIES:
        attributes = struct({"kind": text, "artifact_version": text, "experiments": text})
        more = {"object_id_field": text, "query_response_id": text, "query_response_hit_ids": pl.List(text)}
        schema = {**common, "query_attributes": attributes, **more}
    else:
        seen = struct({"object_id": text, "object_id_type": text, "object_id_field": text})
        attributes = struct({"object": seen, "position": struct({"ordinal": pl.Int64}), "duration_seconds": pl.Float64})
        names = ("action_name", "session_id", "user_id", "message_type", "message")
        schema = {**common, **dict.fromkeys(names, text), "event_attributes": attributes}
    if lines.stat().st_size == 0:
        pl.DataFrame(schema=schema).write_parquet(file)
    else:
        pl.scan_ndjson(lines, schema=schema).sink_parquet(file)


def _shaped(
    page: Callable[..., Sequence[Any]],
    plain: Callable[[Any], dict[str, Any]],
    kind: str,
    span: Span,
    after: Place | None,
    connection: Connection,
) -> tuple[list[dict[str, Any]], Place | None]:
    """The next page, and the place of its last row."""
    rows = page(connection, kind, span.start, span.end, after)
    return [plain(row) for row in rows], (rows[-1][0], rows[-1][1]) if rows else None


def _query(kind: str, row: Any, hashed: Callable[[str], str]) -> dict[str, Any]:
    return {
        "application": APPLICATION,
        "query_id": row.request_id,
        "client_id": row.user_key or hashed(row.session_id),
        "user_query": row.query,
        "timestamp": _text(row.created_at),
        "query_attributes": dict(
            _known({"kind": kind, "artifact_version": row.artifact_version, "experiments": row.experiments})
        ),
        "object_id_field": "suggestion" if kind == "suggest" else "product_id",
        "query_response_id": row.request_id,
        "query_response_hit_ids": [item["item"] for item in row.items if "item" in item],
    }


def _event(action: str, row: Any, hashed: Callable[[str], str]) -> dict[str, Any]:
    session = None if row.session_id is None else hashed(row.session_id)
    seen = None
    if row.item_id is not None:
        seen = {"object_id": row.item_id, "object_id_type": "product", "object_id_field": "product_id"}
    elif action == Action.SUGGESTION_CLICK.value and row.query is not None:
        seen = {"object_id": row.query, "object_id_type": "suggestion", "object_id_field": "suggestion"}
    attributes = {
        "object": seen,
        "position": None if row.item_rank is None else {"ordinal": row.item_rank},
        "duration_seconds": row.duration_seconds,
    }
    return dict(
        _known(
            {
                "application": APPLICATION,
                "action_name": action,
                "timestamp": _text(row.occurred_at),
                "query_id": row.request_id,
                "session_id": session,
                "client_id": row.user_key or session,
                "user_id": row.user_key,
                "message_type": _MESSAGE_TYPES.get(action, "CLICK_THROUGH" if "click" in action else "ACTION"),
                "message": action.replace("_", " "),
                "user_query": row.query,
                "event_attributes": dict(_known(attributes)),
            }
        )
    )


def _known(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in values.items() if value is not None)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

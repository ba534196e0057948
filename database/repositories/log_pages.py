"""The two logs page by page, in bounded memory: each page begins behind the last row of the one before (keyset)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, and_, or_, select

from database.models import events, list_log
from database.repositories.demo_traffic import IS_TRAFFIC

PAGE_ROWS = 1_000
Place = tuple[datetime, str]
"""Of a row: its time and its id."""


def lists_page(connection: Connection, kind: str, start: datetime, end: datetime, after: Place | None) -> Sequence[Any]:
    """`created_at, request_id, session_id, user_key, query, items, artifact_version, experiments`, by time."""
    log = list_log.c
    columns = (
        log.created_at, log.request_id, log.session_id, log.user_key, log.query, log["items"], log.artifact_version,
        log.experiments,
    )  # fmt: skip
    wanted = and_(
        log.kind == kind, log.created_at >= start, log.created_at < end, _behind(log.created_at, log.request_id, after)
    )
    return connection.execute(
        select(*columns).where(wanted).order_by(log.created_at, log.request_id).limit(PAGE_ROWS)
    ).all()


def events_page(
    connection: Connection, action: str, start: datetime, end: datetime, after: Place | None
) -> Sequence[Any]:
    """`occurred_at, event_id, session_id, user_key, item_id, query, item_rank, duration_seconds, request_id`, by time,
    without those of demo shoppers."""
    e = events.c
    columns = (
        e.occurred_at, e.event_id, e.session_id, e.user_key, e.item_id, e.query, e.item_rank, e.duration_seconds,
        e.request_id,
    )  # fmt: skip
    span = and_(e.occurred_at >= start, e.occurred_at < end, _behind(e.occurred_at, e.event_id, after))
    wanted = and_(e.action == action, span, IS_TRAFFIC)
    return connection.execute(select(*columns).where(wanted).order_by(e.occurred_at, e.event_id).limit(PAGE_ROWS)).all()


def _behind(at: Column[Any], key: Column[Any], after: Place | None) -> ColumnElement[bool]:
    if after is None:
        return at.is_not(None)
    return and_(at >= after[0], or_(at > after[0], key > after[1]))

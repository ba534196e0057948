"""What shoppers did with products, as the crowd learns it: everything at the start, then what came in."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import Any

from sqlalchemy import Connection, Select, func, select

from core.domain import ACTION_WEIGHTS, Action
from database.models import events, sessions
from database.repositories.demo_traffic import IS_TRAFFIC
from database.repositories.statements import unknown_rows

_ROWS_AT_ONCE = 5_000
_ACTIONS = [
    action.value for action, weight in ACTION_WEIGHTS.items() if weight and action is not Action.SUGGESTION_CLICK
]


@dataclass(frozen=True, slots=True)
class ProductEvent:
    """One event with a product. `shopper` is the user's key, or else the session; the rest as the session began."""

    event_id: str
    action: str
    item_id: str
    shopper: str
    at: datetime
    received_at: datetime
    facts: Mapping[str, Any] | None
    device: str | None
    location: str | None
    referrer: str | None


_events = (
    select(
        events.c.event_id,
        events.c.action,
        events.c.item_id,
        func.coalesce(events.c.user_key, events.c.session_id, events.c.event_id),
        events.c.occurred_at,
        events.c.received_at,
        events.c.facts,
        sessions.c.device,
        sessions.c.location,
        sessions.c.referrer,
    )
    .join(sessions, sessions.c.session_id == events.c.session_id, isouter=True)
    .where(events.c.action.in_(_ACTIONS), events.c.item_id.is_not(None), IS_TRAFFIC)
)


def latest_product_events(connection: Connection, limit: int) -> Iterator[ProductEvent]:
    """The latest `limit`, in the order in which they occurred."""
    cut = connection.execute(
        select(events.c.occurred_at)
        .where(events.c.action.in_(_ACTIONS), events.c.item_id.is_not(None), IS_TRAFFIC)
        .order_by(events.c.occurred_at.desc())
        .offset(limit)
        .limit(1)
    ).scalar()
    return _read(connection, _events if cut is None else _events.where(events.c.occurred_at > cut))


def product_events_received(
    connection: Connection, since: datetime, known: Container[str] = ()
) -> Iterator[ProductEvent]:
    """Those received at `since` or later, but for events of `known` ids, in the order in which they occurred."""
    rows = unknown_rows(connection, _events.where(events.c.received_at >= since), events.c.event_id, known)
    return iter(sorted(starmap(ProductEvent, rows), key=lambda event: (event.at, event.event_id)))


def _read(connection: Connection, statement: Select[Any]) -> Iterator[ProductEvent]:
    ordered = statement.order_by(events.c.occurred_at, events.c.event_id)
    rows = connection.execute(ordered, execution_options={"yield_per": _ROWS_AT_ONCE})
    return (ProductEvent(*row) for row in rows)

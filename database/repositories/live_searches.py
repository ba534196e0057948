"""Completed searches as they come in, for learning from them while they are fresh (`log_window.py` says which)."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import Any

from sqlalchemy import Connection, Select, func, select

from core.domain import Action
from database.models import events
from database.repositories.demo_traffic import IS_TRAFFIC
from database.repositories.statements import unknown_rows

_ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class LiveSearch:
    """One completed search. `shopper` is the user's key, or else the session."""

    event_id: str
    text: str  # normalised
    written: str  # by the shopper
    shopper: str
    at: datetime
    received_at: datetime


# Who opted out has neither: five searches of one such shopper must not look like those of five.
_shopper = func.coalesce(events.c.user_key, events.c.session_id)
_searches = (
    select(events.c.event_id, events.c.normalized, events.c.query, _shopper, events.c.occurred_at, events.c.received_at)
    .where(events.c.action == Action.SEARCH.value, events.c.normalized.is_not(None), _shopper.is_not(None), IS_TRAFFIC)
    .order_by(events.c.occurred_at, func.length(events.c.normalized))
)


def searches_since(connection: Connection, cut: datetime | None) -> Iterator[LiveSearch]:
    """Every search that occurred at `cut` or later (None: ever), in the order in which they occurred."""
    return _read(connection, _searches if cut is None else _searches.where(events.c.occurred_at >= cut))


def searches_received(connection: Connection, since: datetime, known: Container[str] = ()) -> Iterator[LiveSearch]:
    """Every search received at `since` or later, but for events of `known` ids, in the order in which they occurred."""
    rows = unknown_rows(connection, _searches.where(events.c.received_at >= since), events.c.event_id, known)
    return iter(sorted(starmap(LiveSearch, rows), key=lambda search: (search.at, len(search.text))))


def _read(connection: Connection, statement: Select[Any]) -> Iterator[LiveSearch]:
    rows = connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE})  # never all in memory
    return (LiveSearch(*row) for row in rows)

"""What shoppers did. An event is written once: its id is unique, and its content never changes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain import Action, Engagement, EventFacts, PreviousQuery
from core.text.normalize import normalize
from database.models import events
from database.repositories.demo_traffic import IS_TRAFFIC
from database.repositories.statements import chunks, known_keys, plain_upsert, upsert

_canonical = json.JSONEncoder(sort_keys=True).encode  # `dumps` makes an encoder for every call


def content_digest(event: Engagement) -> str:
    """SHA-256 of what the event says, for telling a repeated event from a reused id.

    Its time stays out: the server stamps events that carry none, and a repetition would be stamped anew.
    """
    content = {
        "action": event.action,
        "session_id": event.session_id,
        "user_key": event.user_key,
        "item_id": event.item_id,
        "query": event.query,
        "item_rank": event.item_rank,
        "duration_seconds": event.duration_seconds,
        "request_id": event.request_id,
        "additional_data": event.additional_data,
    }
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def _row(event: Engagement, received_at: datetime, import_id: int | None) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "action": event.action.value,
        "occurred_at": event.occurred_at,
        "received_at": received_at,
        "session_id": event.session_id,
        "user_key": event.user_key,
        "item_id": event.item_id,
        "query": event.query,
        "normalized": (normalize(event.query) or None) if event.query else None,
        "item_rank": event.item_rank,
        "duration_seconds": event.duration_seconds,
        "request_id": event.request_id,
        "additional_data": event.additional_data,
        "digest": content_digest(event),
        "facts": None if event.facts is None else plain_facts(event.facts),
        "import_id": import_id,
    }


def plain_facts(facts: EventFacts) -> dict[str, Any]:
    """As they are stored: what is not known is left out."""
    found = ((name, getattr(facts, name)) for name in EventFacts.__slots__)  # `asdict` takes ten times as long
    return {name: value for name, value in found if value not in (None, ())}


def _facts(stored: Mapping[str, Any] | None) -> EventFacts | None:
    if stored is None:
        return None
    known: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in stored.items()}
    return EventFacts(**known)


def event_of(row: Row[Any]) -> Engagement:
    """The event of a row of `ENGAGEMENT_COLUMNS`."""
    values = dict(row._mapping)
    return Engagement(**{**values, "action": Action(values["action"]), "facts": _facts(values["facts"])})


ENGAGEMENT_COLUMNS = tuple(events.c[field.name] for field in fields(Engagement))


def insert_new(
    connection: Connection, batch: Sequence[Engagement], received_at: datetime, import_id: int | None = None
) -> set[str]:
    """As `EventRepository.add_many`, on a plain connection."""
    if not batch:
        return set()
    if connection.dialect.name != "sqlite":
        statement = (
            upsert(connection.dialect, events)
            .on_conflict_do_nothing(index_elements=["event_id"])
            .returning(events.c.event_id)
        )
        return set(connection.execute(statement, [_row(event, received_at, import_id) for event in batch]).scalars())
    # Who writes to SQLite is alone: what is not there now will not be there a moment later.
    known = known_keys(connection, events.c.event_id, [event.event_id for event in batch])
    new = {event.event_id: event for event in reversed(batch) if event.event_id not in known}  # the first of each id
    if new:
        insert, values = plain_upsert(connection.dialect, events, "event_id", replace=False)
        connection.exec_driver_sql(insert, [values(_row(event, received_at, import_id)) for event in new.values()])
    return set(new)


def stored_digests(connection: Connection, event_ids: Sequence[str]) -> dict[str, str]:
    """As `EventRepository.digests`, on a plain connection."""
    found: dict[str, str] = {}
    for some in chunks(event_ids):
        rows = connection.execute(select(events.c.event_id, events.c.digest).where(events.c.event_id.in_(some)))
        found.update((row.event_id, row.digest) for row in rows)
    return found


def events_without_facts(connection: Connection, limit: int) -> list[tuple[str, str]]:
    """`(event id, product id)` of events with a product of which nobody has looked what is known."""
    found = connection.execute(
        select(events.c.event_id, events.c.item_id)
        .where(events.c.facts.is_(None), events.c.item_id.is_not(None))
        .limit(limit)
    )
    return [(event_id, item_id) for event_id, item_id in found]


def set_facts(connection: Connection, known: Mapping[str, EventFacts]) -> None:
    """Stores what is known of the products of these events, by event id."""
    statement = update(events).where(events.c.event_id == bindparam("id")).values(facts=bindparam("known"))
    connection.execute(statement, [{"id": one, "known": plain_facts(facts)} for one, facts in known.items()])


def find_previous_queries(
    connection: Connection, session_id: str, user_key: str | None, limit: int
) -> list[PreviousQuery]:
    """The last completions, newest first, repeats included.

    Without a user these are the session's own events alone: a session id does not open a known user's history.
    """
    statement = _NEWEST_OF_SESSION if user_key is None else _NEWEST_OF_USER
    found = connection.execute(statement, {"session_id": session_id, "user_key": user_key, "limit": limit})
    return [PreviousQuery(text, at) for text, at in found]


def _newest(whose: ColumnElement[bool]) -> Select[str, datetime]:
    completed = events.c.action.in_([Action.SEARCH.value, Action.SUGGESTION_CLICK.value])
    return (
        select(events.c.normalized, events.c.occurred_at)
        .where(whose, completed, events.c.normalized.is_not(None))
        .order_by(events.c.occurred_at.desc(), events.c.normalized)
        .limit(bindparam("limit"))
    )


# Built once: that takes several times as long as the reading.
_OF_SESSION = and_(events.c.session_id == bindparam("session_id"), events.c.user_key.is_(None))
_NEWEST_OF_SESSION = _newest(_OF_SESSION)
_NEWEST_OF_USER = _newest(or_(_OF_SESSION, events.c.user_key == bindparam("user_key")))


class EventRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_many(
        self, batch: Sequence[Engagement], received_at: datetime, import_id: int | None = None
    ) -> set[str]:
        """Append the events whose id is not there yet; returns the ids of these. The others change nothing."""
        connection = await self._session.connection()
        return await connection.run_sync(insert_new, batch, received_at, import_id)

    async def digests(self, event_ids: Sequence[str]) -> Mapping[str, str]:
        """The content digests of the known ones among these ids."""
        return await (await self._session.connection()).run_sync(stored_digests, event_ids)

    async def searches(self, min_shoppers: int, before: datetime | None = None) -> list[tuple[str, int]]:
        """`(normalised query, shoppers)` of the completed searches, in a fixed order.

        A shopper is a user, or a session without one. What fewer than `min_shoppers` of them searched for stays
        private, and one shopper repeating a query does not make it popular. `before`: only searches that are earlier.
        """
        shoppers = func.count(func.distinct(func.coalesce(events.c.user_key, events.c.session_id)))
        found = (
            select(events.c.normalized, shoppers)
            .where(events.c.action == Action.SEARCH.value, events.c.normalized.is_not(None), IS_TRAFFIC)
            .group_by(events.c.normalized)
            .having(shoppers >= min_shoppers)
        )
        if before is not None:
            found = found.where(events.c.occurred_at < before)
        return sorted((text, count) for text, count in await self._session.execute(found) if text is not None)

    async def count(self) -> int:
        return (await self._session.execute(select(func.count()).select_from(events))).scalar_one()

    async def counts_by_action(self) -> dict[str, int]:
        """How many events of each action, without those of demo shoppers; actions without events are absent."""
        rows = await self._session.execute(
            select(events.c.action, func.count()).where(IS_TRAFFIC).group_by(events.c.action).order_by(events.c.action)
        )
        return {action: count for action, count in rows}  # noqa: C416  # rows are not plain tuples for the type checker

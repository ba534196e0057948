"""The newest traffic, for comparing it with what a version was trained on. Every read is bounded, however long the log.

Lists are found by the index of `(kind, created_at, session_id, query)`: of the newest `_LISTS_LOOKED_AT` those after so
many characters, and the items of these alone are read, since a row has some kilobytes of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from core.domain import Action
from database.models import events, list_log
from database.repositories.demo_traffic import IS_TRAFFIC
from database.repositories.live_searches import LiveSearch
from database.repositories.statements import chunks

_LISTS_LOOKED_AT = 20_000  # one in some ten is of a given length; a tenth of a second of reading


@dataclass(frozen=True, slots=True)
class LoggedList:
    """A shown list of suggestions; `items` as `lists.items_text` wrote them, in the order of the list."""

    session_id: str
    items: Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class LoggedChoice:
    """A list of suggestions and the suggestion of it that was chosen, as it was written there."""

    items: Sequence[dict[str, Any]]
    chosen: str


def newest_searches(connection: Connection, since: datetime, limit: int) -> list[LiveSearch]:
    """The `limit` newest completed searches from `since` on, in the order in which they occurred."""
    shopper = func.coalesce(events.c.user_key, events.c.session_id, events.c.event_id)
    found = connection.execute(
        select(
            events.c.event_id, events.c.normalized, events.c.query, shopper, events.c.occurred_at, events.c.received_at
        )
        .where(events.c.action == Action.SEARCH.value, events.c.occurred_at >= since)
        .where(events.c.normalized.is_not(None), IS_TRAFFIC)
        .order_by(events.c.occurred_at.desc())
        .limit(limit)
    )
    return [LiveSearch(*row) for row in found][::-1]


def newest_lists(
    connection: Connection, since: datetime, version: str, characters: int, limit: int
) -> list[LoggedList]:
    """The newest lists that `version` gave after so many characters, of the service's latest lists."""
    oldest = connection.execute(
        select(list_log.c.created_at)
        .where(list_log.c.kind == "suggest", list_log.c.created_at >= since)
        .order_by(list_log.c.created_at.desc())
        .limit(1)
        .offset(_LISTS_LOOKED_AT)
    ).scalar()
    found = connection.execute(
        select(list_log.c.session_id, list_log.c["items"])
        .where(list_log.c.kind == "suggest", list_log.c.created_at >= (oldest or since))
        .where(func.length(list_log.c.query) == characters, list_log.c.query.not_like("% "))
        .where(list_log.c.artifact_version == version)
        .order_by(list_log.c.created_at.desc())
        .limit(limit)
    )
    return [LoggedList(session, items) for session, items in found]


def newest_choices(connection: Connection, since: datetime, version: str, limit: int) -> list[LoggedChoice]:
    """Of the `limit` newest choices of a suggestion those whose list `version` gave."""
    clicks = connection.execute(
        select(events.c.request_id, events.c.session_id, events.c.query)
        .where(events.c.action == Action.SUGGESTION_CLICK.value, events.c.occurred_at >= since)
        .where(events.c.request_id.is_not(None), events.c.query.is_not(None), IS_TRAFFIC)
        .order_by(events.c.occurred_at.desc())
        .limit(limit)
    ).all()
    statement = select(list_log.c.request_id, list_log.c.session_id, list_log.c["items"])
    lists: dict[tuple[str, str], Sequence[dict[str, Any]]] = {}
    for some in chunks([click.request_id for click in clicks]):
        of = list_log.c.request_id.in_(some), list_log.c.kind == "suggest", list_log.c.artifact_version == version
        lists |= {(request, session): items for request, session, items in connection.execute(statement.where(*of))}
    return [
        LoggedChoice(lists[request, session], query)
        for request, session, query in clicks
        if (request, session) in lists
    ]

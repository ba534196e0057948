"""What is older than it need be: found, and deleted after it was archived.

Profiles are folds of the log, always: so whoever loses events has a profile of what is left of them, folded in the
same transaction. Counts by the hour are not: they name nobody, and stay as they were counted (`rollups.make_due`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, Text, and_, delete, func, or_, select, type_coerce

from database.archive import is_json
from database.models import events, exposures, list_log, profile_links, retention, rollup_due, sessions
from database.repositories.profiles import StoredProfile, owner_of, refold
from database.repositories.rollups import find_state
from database.repositories.statements import chunks, upsert

ROWS_AT_ONCE = 10_000  # read for a file: some kilobytes each of lists


@dataclass(frozen=True, slots=True)
class Log:
    """A table whose rows grow old. `keys` and its time name a row for good."""

    table: Table
    at: Column[Any]
    keys: tuple[str, ...]

    @property
    def named_by(self) -> tuple[str, ...]:
        """An exposure is named by who was exposed, who may be once more after the first one is gone."""
        return (*self.keys, self.at.name)


LOGS: Mapping[str, Log] = {
    "events": Log(events, events.c.occurred_at, ("event_id",)),
    "list_log": Log(list_log, list_log.c.created_at, ("request_id",)),
    "sessions": Log(sessions, sessions.c.started_at, ("session_id",)),
    "exposures": Log(exposures, exposures.c.exposed_at, ("experiment", "unit")),
}


def months(connection: Connection, log: Log, before: datetime) -> list[tuple[datetime, datetime]]:
    """From and before when: the months that have rows older than `before`, the first one first."""
    first = connection.execute(select(func.min(log.at)).where(log.at < before)).scalar()
    found: list[tuple[datetime, datetime]] = []
    while first is not None:
        start = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        end = min((start + timedelta(days=32)).replace(day=1), before)
        found.append((start, end))
        first = connection.execute(select(func.min(log.at)).where(log.at >= end, log.at < before)).scalar()
    return found


def count(connection: Connection, log: Log, start: datetime, end: datetime) -> int:
    where = and_(log.at >= start, log.at < end)
    return connection.execute(select(func.count()).select_from(log.table).where(where)).scalar_one()


def rows(connection: Connection, log: Log, start: datetime, end: datetime) -> Iterator[Sequence[Any]]:
    """The rows of a span as `database.archive` takes them, some at a time."""
    columns = [type_coerce(one, Text) if is_json(one.type) else one for one in log.table.c]
    statement = select(*columns).where(log.at >= start, log.at < end)
    found = connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    yield from found.partitions()


def names(connection: Connection, log: Log, start: datetime, end: datetime) -> list[tuple[Any, ...]]:
    """`named_by` of the rows of a span."""
    columns = [log.table.c[name] for name in log.named_by]
    return [tuple(row) for row in connection.execute(select(*columns).where(log.at >= start, log.at < end))]


def note_whole_from(connection: Connection, log: Log, moment: datetime) -> None:
    """To be said before the first row goes. It never goes back."""
    statement = upsert(connection.dialect, retention).values(log=log.table.name, whole_from=moment)
    later = retention.c.whole_from < moment
    connection.execute(
        statement.on_conflict_do_update(index_elements=["log"], set_={"whole_from": moment}, where=later)
    )


def uncounted_hours(connection: Connection, before: datetime) -> int | None:
    """How many hours before then wait to be counted; None: nobody has counted that far."""
    state = find_state(connection)
    if state.open_from is None or state.open_from < before:
        return None
    return connection.execute(select(func.count()).where(rollup_due.c.start < before)).scalar_one()


def delete_rows(connection: Connection, log: Log, named: Sequence[tuple[Any, ...]]) -> int:
    """Deletes the rows of these `named_by`."""
    gone = 0
    for some in chunks(named, 100):
        gone += connection.execute(delete(log.table).where(or_(*(_is(log, one) for one in some)))).rowcount
    return gone


def _is(log: Log, named: tuple[Any, ...]) -> ColumnElement[bool]:
    return and_(*(log.table.c[name] == value for name, value in zip(log.named_by, named, strict=True)))


def owners_of(connection: Connection, start: datetime, end: datetime) -> dict[str | None, list[str]]:
    """The event ids of a span by the owner of their profile; None: of nobody."""
    e = events.c
    found: dict[str | None, list[str]] = {}
    of_span = select(e.event_id, e.user_key, e.session_id).where(e.occurred_at >= start, e.occurred_at < end)
    for event_id, user_key, session_id in connection.execute(of_span):
        found.setdefault(owner_of(user_key, session_id), []).append(event_id)
    return found


def delete_events(
    connection: Connection, event_ids: Sequence[str], owners: Sequence[str], now: datetime
) -> tuple[int, list[StoredProfile], list[str]]:
    """Deletes events of `owners`, all that is to go of theirs.

    Returns how many went, the profiles of what is left, and those of whom nothing is left.
    """
    gone = 0
    for some in chunks(event_ids):
        gone += connection.execute(delete(events).where(events.c.event_id.in_(some))).rowcount
    touched = set(owners)
    for some in chunks(owners):
        links = select(profile_links.c.merged_into).where(profile_links.c.owner.in_(some))
        touched |= set(connection.execute(links).scalars())
    stored = {owner: refold(connection, owner, now) for owner in sorted(touched)}
    kept = [one for one in stored.values() if one is not None]
    return gone, kept, [owner for owner, one in stored.items() if one is None]

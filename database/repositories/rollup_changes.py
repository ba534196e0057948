"""Which hours of the log have changed since the last look, so that their counts no longer hold."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from core.analytics.definitions import CLICK_WINDOW_SECONDS, LIST_KINDS
from core.analytics.fold import hour_of
from core.domain import Action
from database.models import events, imports, list_log, rollups
from database.repositories.rollups import DAY, HOUR, RollupState, countable_from, day_start, open_from
from database.repositories.statements import chunks

# What was received so long before the last look is looked at again: another process may have committed it since.
OVERLAP = timedelta(seconds=30)
# Operators may store events of any time; what is before the first log that anybody has is a slip, and is not counted.
FIRST = datetime(1970, 1, 2, tzinfo=UTC)
CLICK_WINDOW = timedelta(seconds=CLICK_WINDOW_SECONDS)
_ACTIONS = [action.value for action in Action]


def find_changes(connection: Connection, state: RollupState, now: datetime) -> tuple[RollupState, set[datetime]]:
    """The state as of `now`, and the closed hours that are to be counted: all of them at the first look."""
    end, last = open_from(now), state.open_from
    newest = replace(state, looked_at=now)
    if state.looked_at is None or last is None:
        hours = _hours(connection, events.c.occurred_at, events.c.action.in_(_ACTIONS))
        hours |= _hours(connection, list_log.c.created_at, list_log.c.kind.in_(LIST_KINDS))
        return replace(newest, imports=_spans(connection, {}, events.c.import_id.is_not(None))), _before(hours, end)
    e = events.c
    new = (e.action.in_(_ACTIONS), e.received_at >= state.looked_at - OVERLAP, e.occurred_at >= FIRST)
    hours = {last + number * HOUR for number in range(max(0, (end - last) // HOUR))}  # they have closed since
    late = (*new, e.occurred_at < last + CLICK_WINDOW)
    for at in _parts_of_hours(connection, *late):
        hours |= {hour_of(at - CLICK_WINDOW), hour_of(at), hour_of(at + CLICK_WINDOW)}
    if hours:
        hours |= _purchases_after(connection, late) | _later_visits(connection, late)
    known = _spans(connection, state.imports, *new, e.import_id.is_not(None))
    there = {str(one) for one in connection.execute(select(imports.c.id)).scalars()}
    for gone in known.keys() - there:
        first, until = (datetime.fromisoformat(at) for at in known[gone])
        stored = select(rollups.c.start).where(rollups.c.grain == "hour", rollups.c.start >= first - HOUR)
        hours |= set(connection.execute(stored.where(rollups.c.start <= until + HOUR)).scalars())
    first = countable_from(connection)
    closed = {hour for hour in _before(hours, end) if hour >= first}
    return replace(newest, imports={key: span for key, span in known.items() if key in there}), closed


def _before(hours: Iterable[datetime], end: datetime) -> set[datetime]:
    return {hour for hour in hours if hour < end}


def _hours(connection: Connection, at: ColumnElement[datetime], *where: ColumnElement[bool]) -> set[datetime]:
    return {hour_of(part) for part in _distinct(connection, at, 13, "hour", at >= FIRST, *where)}


def _parts_of_hours(connection: Connection, *where: ColumnElement[bool]) -> set[datetime]:
    return _distinct(connection, events.c.occurred_at, 16, "minute", *where)


def _distinct(
    connection: Connection, at: ColumnElement[datetime], length: int, unit: str, *where: ColumnElement[bool]
) -> set[datetime]:
    """The different hours or minutes: by the beginning of SQLite's text, or with PostgreSQL's function."""
    if connection.dialect.name == "sqlite":
        found = connection.execute(select(func.substr(at, 1, length)).where(*where).distinct()).scalars()
        return {datetime.fromisoformat(text).replace(tzinfo=UTC) for text in found}
    rounded = select(func.date_trunc(unit, at, "UTC")).where(*where).distinct()
    return set(connection.execute(rounded).scalars())


def _purchases_after(connection: Connection, late: Iterable[ColumnElement[bool]]) -> set[datetime]:
    """A click that came late may be the one that a purchase belongs to."""
    bought = events.alias("bought")
    joined = events.join(bought, bought.c.session_id == events.c.session_id)
    found = (
        select(bought.c.occurred_at)
        .select_from(joined)
        .where(*late, events.c.action == Action.CLICK.value, bought.c.action == Action.PURCHASE.value)
        .where(bought.c.item_id == events.c.item_id, bought.c.occurred_at >= events.c.occurred_at)
    )
    return {hour_of(at) for at in connection.execute(found).scalars()}


def _later_visits(connection: Connection, late: Iterable[ColumnElement[bool]]) -> set[datetime]:
    """The day on which a user counted as new, where the first visit has come in late."""
    e = events.c
    first_late = select(e.user_key, func.min(e.occurred_at)).where(*late, e.user_key.is_not(None)).group_by(e.user_key)
    days = {key: day_start(at) for key, at in connection.execute(first_late)}
    hours: set[datetime] = set()
    for some in chunks(sorted(days)):
        began = select(e.user_key, func.min(e.occurred_at)).where(e.user_key.in_(some)).group_by(e.user_key)
        for key, at in connection.execute(began).all():
            if day_start(at) < days[key]:
                continue
            after = select(func.min(e.occurred_at)).where(e.user_key == key, e.occurred_at >= days[key] + DAY)
            following = connection.execute(after).scalar()
            if following is not None:
                hours |= {day_start(following) + number * HOUR for number in range(24)}
    return hours


def _spans(connection: Connection, known: Any, *where: ColumnElement[bool]) -> dict[str, list[str]]:
    """The first and the last hour of the events of each import, those of `known` included."""
    e = events.c
    spans: dict[str, list[str]] = {key: list(span) for key, span in known.items()}
    found = select(e.import_id, func.min(e.occurred_at), func.max(e.occurred_at)).where(*where).group_by(e.import_id)
    for number, first, last in connection.execute(found):
        before = spans.get(str(number))
        span = [hour_of(first).isoformat(), hour_of(last).isoformat()]
        spans[str(number)] = span if before is None else [min(span[0], before[0]), max(span[1], before[1])]
    return spans

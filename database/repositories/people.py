"""All that is stored of one person: found, exported, erased.

A person is a user, with the guests and the sessions that became this user by signing in. Theirs is every row under one
of these keys, and every row of their sessions that names no user at all: what came from there without a token.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from core.analytics.fold import hour_of
from database.models import (
    erasures,
    events,
    experiments,
    exposures,
    list_log,
    opt_outs,
    profile_links,
    profiles,
    query_log,
    sessions,
)
from database.repositories.profiles import owner_of, refold
from database.repositories.rollup_changes import CLICK_WINDOW
from database.repositories.rollups import find_state, make_due
from database.repositories.statements import chunks

LOGS: Mapping[str, tuple[Table, Column[Any]]] = {
    "events": (events, events.c.occurred_at),
    "searches_imported": (query_log, query_log.c.id),
    "lists": (list_log, list_log.c.created_at),
    "exposures": (exposures, exposures.c.exposed_at),
    "sessions": (sessions, sessions.c.started_at),
}
"""What is written down as it happens, each with its order."""
_WRITTEN_LATE = [LOGS[name] for name in ("events", "lists", "exposures", "sessions")]  # by workers with much to do


@dataclass(frozen=True, slots=True)
class Person:
    """`user_keys`: the user's, and those of guests. `session_keys`: of every visit."""

    user_keys: tuple[str, ...]
    session_keys: tuple[str, ...]

    @property
    def owners(self) -> tuple[str, ...]:
        """Of profiles and of units of experiments."""
        users = [owner_of(key, None) or "" for key in self.user_keys]
        return (*users, *(owner_of(None, key) or "" for key in self.session_keys))


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows went, by the names of `LOGS` and `profiles`, `links`, `overrides`, `opt_outs`."""

    rows: Mapping[str, int]


def find_person(connection: Connection, user_key: str) -> Person:
    """With the user's key alone where nothing is known."""
    owner = owner_of(user_key, None) or ""
    merged = connection.execute(select(profile_links.c.owner).where(profile_links.c.merged_into == owner)).scalars()
    kinds: dict[str, list[str]] = {"u": [user_key], "s": []}
    for one in merged:
        kinds[one[0]].append(one[2:])
    found = set(kinds["s"])
    for table in (events, list_log, sessions, query_log, exposures):
        of_users = select(table.c.session_id).where(table.c.user_key.in_(kinds["u"]), table.c.session_id.is_not(None))
        found.update(connection.execute(of_users.distinct()).scalars())
    return Person(tuple(kinds["u"]), tuple(sorted(found)))


def export(connection: Connection, person: Person) -> Iterator[tuple[str, dict[str, Any]]]:
    """`(name of LOGS, row)`, each log in its order. Rows as they are stored, save what names other things than this."""
    for name, (table, order) in LOGS.items():
        left_out = {"digest", "import_id"}
        columns = [column for column in table.c if column.name not in left_out]
        statement = select(*columns).where(_is_theirs(table, person)).order_by(order)
        for row in connection.execute(statement, execution_options={"yield_per": 1_000}):
            yield name, dict(row._mapping)


def erase(connection: Connection, person: Person, clock: Callable[[], datetime]) -> Erased:
    """Deletes every row of theirs, and makes the hours due that counted them; who learnt from the log must do so anew.

    Nothing that remains says who it was: the erasure itself is a time without a name.
    """
    rows: dict[str, int] = {}
    _recount(connection, person)
    for name, (table, _) in LOGS.items():
        rows[name] = _delete(connection, table, _is_theirs(table, person))
    owners = list(person.owners)
    rows["profiles"] = _delete(connection, profiles, _is_one_of(profiles.c.owner, owners))
    links = or_(_is_one_of(profile_links.c.owner, owners), _is_one_of(profile_links.c.merged_into, owners))
    rows["links"] = _delete(connection, profile_links, links)
    rows["opt_outs"] = _delete(connection, opt_outs, opt_outs.c.user_key.in_(person.user_keys))
    rows["overrides"] = _forget_overrides(connection, set(owners))
    connection.execute(insert(erasures).values(erased_at=clock()))
    return Erased(rows)


def erase_late(connection: Connection, person: Person, erased_at: datetime, clock: Callable[[], datetime]) -> int:
    """How many rows of before `erased_at` came after it, and went now. What they have done since stays, and is what
    their profiles are the fold of."""
    theirs = [(table, and_(_is_theirs(table, person), at <= erased_at)) for table, at in _WRITTEN_LATE]
    if not any(connection.execute(select(literal(1)).where(exists().where(where))).scalar() for _, where in theirs):
        return 0
    _recount(connection, person)
    gone = sum(_delete(connection, table, where) for table, where in theirs)
    now = clock()
    for owner in person.owners:
        refold(connection, owner, now)
    connection.execute(insert(erasures).values(erased_at=now))
    return gone


def newest_erasure(connection: Connection) -> int:
    """Its number; 0: nobody was ever erased."""
    return connection.execute(select(func.max(erasures.c.id))).scalar() or 0


def _delete(connection: Connection, table: Table, where: ColumnElement[bool]) -> int:
    return connection.execute(delete(table).where(where)).rowcount


def _is_theirs(table: Table, person: Person) -> ColumnElement[bool]:
    sessions_without = and_(table.c.user_key.is_(None), _is_one_of(table.c.session_id, person.session_keys))
    return or_(table.c.user_key.in_(person.user_keys), sessions_without)


def _is_one_of(column: ColumnElement[Any], values: Sequence[str]) -> ColumnElement[bool]:
    """In parts, for SQLite takes so many parameters and no more."""
    return or_(column.in_([]), *(column.in_(some) for some in chunks(list(values))))


def _recount(connection: Connection, person: Person) -> None:
    open_from = find_state(connection).open_from
    if open_from is None:
        return  # nothing was counted
    hours: set[datetime] = set()
    for table, at in (LOGS["events"], LOGS["lists"]):
        for moment in connection.execute(select(at).where(_is_theirs(table, person))).scalars():
            hours |= {hour_of(moment - CLICK_WINDOW), hour_of(moment), hour_of(moment + CLICK_WINDOW)}
    make_due(connection, (hour for hour in hours if hour < open_from))


def _forget_overrides(connection: Connection, owners: set[str]) -> int:
    """An experiment names those whom an operator put into an arm by hand."""
    changed = 0
    table = experiments.c
    for row in connection.execute(select(experiments)).all():
        overrides = row.definition.get("overrides") or {}
        kept = {unit: arm for unit, arm in overrides.items() if unit not in owners}
        if len(kept) < len(overrides):
            changed += len(overrides) - len(kept)
            this = and_(table.name == row.name, table.version == row.version)
            connection.execute(update(experiments).where(this).values(definition={**row.definition, "overrides": kept}))
    return changed

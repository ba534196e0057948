"""Profiles, folded in the transaction that stores their events: at every commit a profile is the fold of its log.

An owner is a user, or a session without one. Where a guest or a session signs in, what it did becomes the user's: a
link says so, the log itself never changes. A guest is known by a signed token, so what comes in with it later is the
user's, too; of a session without one only what came before: who has its id can neither read nor write a known user's
profile.

An event that comes late (before the last one in canonical order) is folded again with those after it: from the newest
snapshot that is earlier, or from the beginning.
"""

import base64
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, false, func, literal, or_, select, true

from core.domain import Engagement
from core.errors import ProfileError
from core.personalization.profile import Profile, canonical
from database.models import events, profile_links, profiles
from database.repositories.events import ENGAGEMENT_COLUMNS, event_of
from database.repositories.statements import chunks, plain_upsert, upsert

SNAPSHOT_AFTER = timedelta(days=1)  # as late as an event may come in: so the older one is always earlier
_SNAPSHOTS = 2
_ROWS_AT_ONCE = 5_000
_USER, _SESSION = "u:", "s:"
_START = (datetime.min.replace(tzinfo=UTC), "")

_Point = tuple[datetime, str]
"""Where in canonical order a state stands: after this event."""


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """`profile` as bytes. `version` grows with every change of it."""

    owner: str
    version: int
    profile: bytes


@dataclass(frozen=True, slots=True)
class _State:
    at: _Point
    profile: bytes


def owner_of(user_key: str | None, session_id: str | None) -> str | None:
    """Whose profile an event belongs to; None for one of nobody."""
    if user_key is not None:
        return _USER + user_key
    return None if session_id is None else _SESSION + session_id


def find_profile(connection: Connection, owner: str) -> StoredProfile | None:
    """None where nothing is known."""
    row = connection.execute(_KNOWN.where(profiles.c.owner == owner)).first()
    return None if row is None else StoredProfile(row.owner, row.version, row.profile)


def profiles_of(connection: Connection, some: Sequence[Engagement]) -> list[StoredProfile]:
    """What is stored of those who did this, once each."""
    named = (owner_of(event.user_key, event.session_id) for event in some)
    owners = {owner for owner in named if owner is not None}
    owners |= set(_signed_in(connection, sorted(owners)).values())
    return [stored for owner in sorted(owners) if (stored := find_profile(connection, owner)) is not None]


def fold_new(connection: Connection, new: Sequence[Engagement], now: datetime) -> list[StoredProfile]:
    """Folds events that this transaction has inserted; returns the profiles that changed."""
    groups: dict[str, list[Engagement]] = defaultdict(list)
    for event in new:
        owner = owner_of(event.user_key, event.session_id)
        if owner is not None:
            groups[owner].append(event)
    for guest, user in _signed_in(connection, list(groups)).items():
        groups[user] += groups.pop(guest)
    known = _known(connection, list(groups))
    strangers = _without_history(connection, {owner: len(some) for owner, some in groups.items() if owner not in known})
    rows = []
    for owner, some in groups.items():
        row = known.get(owner)
        some.sort(key=canonical)
        changed = _folded(some) if owner in strangers else _appended(row, some) if row is not None else None
        rows.append(_row(owner, *(changed or _refolded(connection, owner, row, canonical(some[0]))), row, now))
    _store(connection, rows)
    return [StoredProfile(row["owner"], row["version"], row["profile"]) for row in rows]


def merge(connection: Connection, owner: str, into: str, clock: Callable[[], datetime]) -> StoredProfile | None:
    """What `owner` did until now becomes part of the profile of `into`; None where neither did anything.

    What has become part of somebody else's stays there. The clock is asked inside the transaction, as for events: so
    what was stored before the link was received before it, whatever the clock says.
    """
    now = max(clock(), _last_received(connection, owner))
    link = connection.execute(select(profile_links.c.merged_into).where(profile_links.c.owner == owner)).scalar()
    if owner == into or link not in (None, into):
        return find_profile(connection, into)
    statement = upsert(connection.dialect, profile_links).values(owner=owner, merged_into=into, linked_at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["owner"], set_={"linked_at": now}))
    connection.execute(delete(profiles).where(profiles.c.owner == owner))
    return refold(connection, into, now)


def time_after_links(connection: Connection, new: Sequence[Engagement], now: datetime) -> datetime:
    """`now`, or the moment after the last sign-in of these sessions: clocks jump, and the order must not.

    An event of a session without a user is the user's where it was received before the link, else the session's.
    """
    sessions = {_SESSION + event.session_id for event in new if event.user_key is None and event.session_id is not None}
    for few in chunks(sorted(sessions)):
        last = select(func.max(profile_links.c.linked_at)).where(profile_links.c.owner.in_(few))
        linked_at = connection.execute(last).scalar()
        if linked_at is not None and linked_at >= now:
            now = linked_at + timedelta(microseconds=1)
    return now


def _last_received(connection: Connection, owner: str) -> datetime:
    last = connection.execute(select(func.max(events.c.received_at)).where(_is_of(owner))).scalar()
    return _START[0] if last is None else last


def refold(connection: Connection, owner: str, now: datetime) -> StoredProfile | None:
    """The profile of `owner` from its log alone; None, and none is stored, where the log has no event."""
    row = _known(connection, [owner]).get(owner)
    profile, at, snapshots = _refolded(connection, owner, None, _START)
    if not profile.events:
        connection.execute(delete(profiles).where(profiles.c.owner == owner))
        return None
    stored = _row(owner, profile, at, snapshots, row, now)
    _store(connection, [stored])
    return StoredProfile(owner, stored["version"], stored["profile"])


def compare(connection: Connection, owner: str) -> bool:
    """Whether what is stored for `owner` is what its log gives."""
    stored = find_profile(connection, owner)
    profile, _, _ = _refolded(connection, owner, None, _START)
    return stored is None if not profile.events else stored is not None and stored.profile == profile.to_bytes()


def owners(connection: Connection) -> list[str]:
    """Everybody who may have a profile, in a fixed order."""
    users = select(events.c.user_key).where(events.c.user_key.is_not(None)).distinct()
    sessions = select(events.c.session_id).where(events.c.user_key.is_(None), events.c.session_id.is_not(None))
    found = {_USER + one for one in connection.execute(users).scalars()}
    found |= {_SESSION + one for one in connection.execute(sessions.distinct()).scalars()}
    found |= set(connection.execute(select(profile_links.c.merged_into)).scalars())
    found |= set(connection.execute(select(profiles.c.owner)).scalars())
    return sorted(found)


def has_unfolded(connection: Connection) -> bool:
    """Whether a user has events and no profile: of an import whose folding was interrupted."""
    owner = literal(_USER).concat(events.c.user_key)
    known = or_(exists().where(profiles.c.owner == owner), exists().where(profile_links.c.owner == owner))
    return (
        connection.execute(select(events.c.event_id).where(events.c.user_key.is_not(None), ~known).limit(1)).first()
        is not None
    )


def events_of(connection: Connection, owner: str) -> Iterator[Engagement]:
    """What `owner` did, in canonical order: all that the profile is the fold of."""
    return _events_after(connection, owner, _START[0])


def _appended(row: Any, some: Sequence[Engagement]) -> tuple[Profile, _Point, list[_State]] | None:
    """The profile of `row` with later events; None where one of them is not later, or the profile cannot be read."""
    if canonical(some[0]) <= (row.last_at, row.last_event_id):
        return None
    try:
        profile = Profile.from_bytes(row.profile)
    except ProfileError:
        return None
    for event in some:
        profile.fold(event)
    snapshots = _read_snapshots(row.snapshots)
    if not snapshots or canonical(some[-1])[0] - snapshots[0].at[0] > SNAPSHOT_AFTER:
        snapshots = [_State((row.last_at, row.last_event_id), row.profile), *snapshots][:_SNAPSHOTS]
    return profile, canonical(some[-1]), snapshots


def _refolded(connection: Connection, owner: str, row: Any, first: _Point) -> tuple[Profile, _Point, list[_State]]:
    """The profile of the whole log; what stands before `first` may come from a snapshot."""
    snapshots = [] if row is None else [one for one in _read_snapshots(row.snapshots) if one.at < first]
    profile, at = Profile(), _START
    if snapshots:
        try:
            profile, at = Profile.from_bytes(snapshots[0].profile), snapshots[0].at
        except ProfileError:
            snapshots = []
    return _folded(_events_after(connection, owner, at[0]), profile, at, snapshots)


def _folded(
    some: Iterable[Engagement], profile: Profile | None = None, at: _Point = _START, snapshots: Sequence[_State] = ()
) -> tuple[Profile, _Point, list[_State]]:
    """`profile`, which stands at `at`, with the later ones of these events, which come in canonical order."""
    profile, snapshots = Profile() if profile is None else profile, list(snapshots)
    for event in some:
        point = canonical(event)
        if point <= at:
            continue
        newest = snapshots[0].at[0] if snapshots else _START[0]
        if profile.events and point[0] - newest > SNAPSHOT_AFTER:
            snapshots = [_State(at, profile.to_bytes()), *snapshots][:_SNAPSHOTS]
        profile.fold(event)
        at = point
    return profile, at, snapshots


def _without_history(connection: Connection, new: Mapping[str, int]) -> set[str]:
    """Of owners with so many events just inserted and no profile: those of whom the log has nothing else.

    Two statements for hundreds of them, where reading the log of each takes two for every one.
    """
    linked: set[str] = set()
    counts: dict[str, int] = {}
    links, e = profile_links.c, events.c
    kinds = ((_USER, e.user_key, true()), (_SESSION, e.session_id, e.user_key.is_(None)))
    for some in chunks(list(new)):
        found = select(links.owner, links.merged_into).where(or_(links.owner.in_(some), links.merged_into.in_(some)))
        linked.update(owner for link in connection.execute(found) for owner in link)
        for prefix, column, which in kinds:
            keys = [owner.removeprefix(prefix) for owner in some if owner.startswith(prefix)]
            if keys:
                counted = select(column, func.count()).where(column.in_(keys), which).group_by(column)
                counts.update((f"{prefix}{key}", count) for key, count in connection.execute(counted))
    return {owner for owner, count in new.items() if owner not in linked and counts.get(owner) == count}


def _events_after(connection: Connection, owner: str, at: datetime) -> Iterator[Engagement]:
    """The events of `owner`, and what was merged into it, from `at` on, in canonical order."""
    links = connection.execute(
        select(profile_links).where(or_(profile_links.c.merged_into == owner, profile_links.c.owner == owner))
    ).all()
    given = next((link.linked_at for link in links if link.owner == owner), None)
    mine = _is_of(owner)
    if given is not None:
        mine = false() if owner.startswith(_USER) else and_(mine, events.c.received_at > given)
    merged = [_is_given(link.owner, link.linked_at) for link in links if link.owner != owner]
    statement = (
        select(*ENGAGEMENT_COLUMNS)
        .where(or_(mine, *merged), events.c.occurred_at >= at)
        .order_by(events.c.occurred_at, events.c.event_id)
    )
    for row in connection.execute(statement, execution_options={"yield_per": _ROWS_AT_ONCE}):
        yield event_of(row)


def _is_given(owner: str, linked_at: datetime) -> ColumnElement[bool]:
    """What of `owner` belongs to the user who signed in."""
    if owner.startswith(_USER):
        return _is_of(owner)
    return and_(_is_of(owner), events.c.received_at <= linked_at)


def _signed_in(connection: Connection, some: Sequence[str]) -> dict[str, str]:
    """Of guests who signed in: which user each is."""
    guests = [owner for owner in some if owner.startswith(_USER)]
    found: dict[str, str] = {}
    for few in chunks(guests):
        statement = select(profile_links.c.owner, profile_links.c.merged_into).where(profile_links.c.owner.in_(few))
        found.update((owner, user) for owner, user in connection.execute(statement))
    return found


def _is_of(owner: str) -> ColumnElement[bool]:
    if owner.startswith(_USER):
        return events.c.user_key == owner.removeprefix(_USER)
    return and_(events.c.session_id == owner.removeprefix(_SESSION), events.c.user_key.is_(None))


def _known(connection: Connection, some: Sequence[str]) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for few in chunks(some):
        statement = select(profiles).where(profiles.c.owner.in_(few)).with_for_update()
        found.update((row.owner, row) for row in connection.execute(statement))
    return found


def _row(
    owner: str, profile: Profile, at: _Point, snapshots: Sequence[_State], before: Any, now: datetime
) -> dict[str, Any]:
    return {
        "owner": owner,
        # Microseconds: a profile that is made anew after its row was deleted has a later version than that row.
        "version": max(int(now.timestamp() * 1e6), 0 if before is None else before.version + 1),
        "profile": profile.to_bytes(),
        "last_at": at[0],
        "last_event_id": at[1],
        "snapshots": [
            [one.at[0].isoformat(), one.at[1], base64.b64encode(one.profile).decode()] for one in snapshots
        ],
        "updated_at": now,
    }  # fmt: skip


def _read_snapshots(stored: Sequence[Sequence[str]]) -> list[_State]:
    return [_State((datetime.fromisoformat(at), event_id), base64.b64decode(raw)) for at, event_id, raw in stored]


def _store(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        statement, values = plain_upsert(connection.dialect, profiles, "owner", replace=True)
        connection.exec_driver_sql(statement, [values(row) for row in rows])


_KNOWN = select(profiles.c.owner, profiles.c.version, profiles.c.profile)

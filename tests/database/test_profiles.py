"""At every commit a profile is the fold of its log: late events, guests who sign in and rebuilding included."""

import random
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.event import listen, remove

from core.domain import Action, Engagement, EventFacts
from core.personalization.profile import Profile, folded
from database.connection import Database
from database.models import profiles
from database.profile_cache import ChangeMarks, ProfileCache, SharedProfiles
from database.repositories.profiles import StoredProfile, compare, find_profile, merge, owner_of, owners, refold
from database.writer import EventWriter
from tests.core.personalization.events import START, event

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
async def writer(database: Database) -> AsyncIterator[EventWriter]:
    writer = EventWriter(database, clock=lambda: NOW)
    writer.start()
    yield writer
    await writer.close()


async def stored(database: Database, owner: str) -> bytes | None:
    found = await database.read(partial(find_profile, owner=owner))
    return found.profile if found else None


def history(count: int, seed: int = 0, **more: object) -> list[Engagement]:
    """Some events a day."""
    chance = random.Random(seed)
    facts = EventFacts("Shoes", "running shoes", "Acme", 2, ("color=red",))
    return [
        event(n, chance.choice(list(Action)), f"p{chance.randrange(9)}", query="shoes", facts=facts,
              after=timedelta(hours=5 * n, seconds=chance.randrange(9)), **more)
        for n in range(count)
    ]  # fmt: skip


async def test_in_any_order_the_log_ends_in_the_same_bytes(database: Database, writer: EventWriter) -> None:
    log = history(60)
    shuffled = list(log)
    random.Random(1).shuffle(shuffled)
    for start in range(0, len(shuffled), 7):
        await writer.append_many([*shuffled[start : start + 7], shuffled[start]])  # and one twice
    assert await stored(database, "s:s1") == folded(log).to_bytes()


async def test_a_late_event_is_folded_again_from_a_snapshot(database: Database, writer: EventWriter) -> None:
    log = history(40)
    late = log.pop(36)
    for one in log:
        await writer.append(one)
    read: list[str] = []

    def note(*args: object) -> None:
        if "ORDER BY events.occurred_at" in str(args[2]):
            read.append(str(args[3]))

    listen(Engine, "before_cursor_execute", note)
    await writer.append(late)
    remove(Engine, "before_cursor_execute", note)
    assert await stored(database, "s:s1") == folded([*log, late]).to_bytes()
    [parameters] = read
    assert "2026" in parameters and START.isoformat(" ")[:16] not in parameters  # not from the beginning


async def test_profiles_of_users_and_of_sessions_are_apart(database: Database, writer: EventWriter) -> None:
    mine, nobodys = replace(event(1), user_key="k"), event(2)
    await writer.append_many([mine, nobodys, replace(event(3), session_id=None)])
    assert await stored(database, "u:k") == folded([mine]).to_bytes()
    assert await stored(database, "s:s1") == folded([nobodys]).to_bytes()
    assert owner_of(None, None) is None


async def test_who_signs_in_takes_the_visit_along(database: Database, writer: EventWriter) -> None:
    before, own = history(5), [replace(one, event_id=f"u{one.event_id}", user_key="k") for one in history(4, 1)]
    await writer.append_many([*before, *own])
    await database.commit(partial(merge, owner="s:s1", into="u:k", clock=lambda: NOW))
    assert await stored(database, "u:k") == folded([*before, *own]).to_bytes()
    assert await stored(database, "s:s1") is None
    again = await database.commit(partial(merge, owner="s:s1", into="u:other", clock=lambda: NOW))
    assert again is None  # what is one's is not another's


async def test_who_knows_a_session_id_cannot_write_the_profile_of_its_user(database: Database) -> None:
    clock = [NOW]
    writer = EventWriter(database, clock=lambda: clock[0])
    writer.start()
    await writer.append(event(1))
    await database.commit(partial(merge, owner="s:s1", into="u:k", clock=lambda: NOW))
    clock[0] += timedelta(seconds=1)
    later = event(2, after=timedelta(hours=1))
    await writer.append(later)
    await writer.close()
    assert await stored(database, "u:k") == folded([event(1)]).to_bytes()
    assert await stored(database, "s:s1") == folded([later]).to_bytes()
    assert (await database.commit(partial(refold, owner="u:k", now=NOW))) is not None
    assert await stored(database, "u:k") == folded([event(1)]).to_bytes()


async def test_what_a_guest_does_later_is_the_users_too(database: Database) -> None:
    """The token of the guest vouches for it: an older tab loses nothing."""
    clock = [NOW]
    writer = EventWriter(database, clock=lambda: clock[0])
    writer.start()
    before, after, own = (replace(event(n), user_key=key) for n, key in ((1, "guest"), (2, "guest"), (3, "k")))
    await writer.append(before)
    await database.commit(partial(merge, owner="u:guest", into="u:k", clock=lambda: clock[0]))
    clock[0] += timedelta(hours=1)
    await writer.append_many([after, own])
    await writer.append(replace(event(0), user_key="k"))  # late: everything is folded again
    await writer.close()
    assert await stored(database, "u:k") == folded([before, after, own, event(0)]).to_bytes()
    assert await stored(database, "u:guest") is None
    assert await database.read(partial(compare, owner="u:guest")) and await database.read(partial(compare, owner="u:k"))
    assert await database.commit(partial(refold, owner="u:guest", now=NOW)) is None


async def test_rebuilt_from_the_log_it_is_the_same(database: Database, writer: EventWriter) -> None:
    await writer.append_many([*history(30), *history(30, 2, user_key="k")[:0]])
    before = await stored(database, "s:s1")
    assert await database.read(owners) == ["s:s1"]
    await database.commit(lambda connection: connection.execute(profiles.delete()))
    await database.commit(partial(refold, owner="s:s1", now=NOW))
    assert await stored(database, "s:s1") == before
    assert await database.commit(partial(refold, owner="s:nobody", now=NOW)) is None


async def test_a_profile_of_another_format_is_folded_again(database: Database, writer: EventWriter) -> None:
    await writer.append(event(1))
    await database.commit(lambda connection: connection.execute(profiles.update().values(profile=b"\x63")))
    await writer.append(event(2, after=timedelta(hours=1)))
    assert await stored(database, "s:s1") == folded([event(1), event(2, after=timedelta(hours=1))]).to_bytes()


async def test_two_workers_see_each_others_changes_at_once(database: Database, tmp_path: Path) -> None:
    marks = [ChangeMarks(tmp_path / "marks") for _ in range(2)]
    one, other = (ProfileCache(database, mark) for mark in marks)
    writer = EventWriter(database, folded=one.changed)
    writer.start()
    profile, version = await other.get("s:s1")
    assert (profile.events, version) == (0, 0)
    await writer.append(event(1))
    for cache in (one, other):
        profile, version = await cache.get("s:s1")
        assert profile.to_bytes() == folded([event(1)]).to_bytes() and version > 0
    hits = other.counts.hits
    await other.get("s:s1")
    assert other.counts.hits == hits + 1  # nothing changed: nothing is read
    await writer.close()
    await one.close()
    await other.close()


async def test_the_slower_worker_does_not_serve_the_older_profile(database: Database, tmp_path: Path) -> None:
    one, other = (ProfileCache(database, ChangeMarks(tmp_path / "marks")) for _ in range(2))
    committed: list[list[StoredProfile]] = []

    async def later(profiles: Sequence[StoredProfile]) -> None:
        committed.append(list(profiles))

    for cache in (one, other):
        await cache.get("s:s1")
    writer = EventWriter(database, folded=later)
    writer.start()
    for number in (1, 2):
        await writer.append(event(number))
    await other.changed(committed[1])  # the second commit is told before the first
    await one.changed(committed[0])
    for cache in (one, other):
        assert (await cache.get("s:s1"))[0].events == 2
    await writer.close()
    await one.close()
    await other.close()


async def test_what_is_stored_is_what_is_read(database: Database, writer: EventWriter) -> None:
    await writer.append_many(history(3))
    rows = await database.read(lambda connection: connection.execute(select(profiles)).all())
    assert [(row.owner, Profile.from_bytes(row.profile).events) for row in rows] == [("s:s1", 3)]


@pytest.fixture
async def hosts(database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[ProfileCache, ProfileCache]]:
    """Two workers that share a Redis server and the database, but no file."""
    caches = [
        ProfileCache(database, ChangeMarks(tmp_path / name), SharedProfiles(redis_url, 1.0)) for name in ("one", "two")
    ]
    yield caches[0], caches[1]
    for cache in caches:
        await cache.close()


async def test_workers_of_two_hosts_see_each_others_changes_through_redis(
    database: Database, hosts: tuple[ProfileCache, ProfileCache]
) -> None:
    one, other = hosts
    owner = f"s:{uuid.uuid4()}"
    seen = replace(event(1), session_id=owner.removeprefix("s:"))
    writer = EventWriter(database, folded=one.changed)
    writer.start()
    assert (await other.get(owner))[0].events == 0
    await writer.append(seen)
    for cache in (one, other):
        profile, version = await cache.get(owner)
        assert profile.to_bytes() == folded([seen]).to_bytes() and version > 0
    await one.merged(owner)
    await database.commit(lambda connection: connection.execute(profiles.delete()))
    assert (await other.get(owner))[0].events == 0
    await writer.close()


async def test_a_later_version_in_redis_is_not_replaced_by_an_earlier_one(redis_url: str) -> None:
    shared, owner = SharedProfiles(redis_url, 1.0), f"u:{uuid.uuid4()}"
    await shared.put(owner, 10, b"later")
    await shared.put(owner, 9, b"earlier")
    assert await shared.get(owner) == (10, b"later")
    await shared.put(owner, 11, b"latest")
    assert await shared.get(owner) == (11, b"latest")
    await shared.close()


async def test_without_its_redis_a_worker_reads_the_database(
    database: Database, writer: EventWriter, tmp_path: Path
) -> None:
    shared = SharedProfiles("unix:///nowhere/redis.sock", 0.1)
    cache = ProfileCache(database, ChangeMarks(tmp_path / "marks"), shared)
    await writer.append(event(1))
    assert (await cache.get("s:s1"))[0].events == 1
    assert shared.failures == 1  # and is left alone for a while
    await cache.get("s:s1")
    assert shared.failures == 1
    await cache.close()

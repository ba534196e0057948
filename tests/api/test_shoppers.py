"""From a request to whom it is for: at hand where it was read before, and never waited for too long."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from api.crowd import CrowdFollower, cohorts_of
from api.security import Caller
from api.shoppers import Shoppers
from config.settings import PersonalizationSettings
from core.domain import Action
from core.personalization.crowd import COHORT_SHOPPERS
from core.personalization.keys import Space, keys_of
from database.connection import Database
from database.profile_cache import ChangeMarks, ProfileCache
from database.repositories.sessions import SessionRepository, ShopSession
from database.writer import EventWriter
from tests.core.personalization.events import START, event

pytestmark = pytest.mark.anyio
T = TypeVar("T")
VISIT = ShopSession("s1", START, None, "phone", None, "Berlin", "https://example.org")


class Held(Database):
    """A database whose reading can be held up."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads = 0

    async def read(self, work: Callable[[Connection], T]) -> T:
        self.reads += 1
        await self.gate.wait()
        return await super().read(work)


@pytest.fixture
async def held(database: Database, tmp_path: Path) -> Held:
    return Held(database.url.render_as_string(hide_password=False))


def shoppers(held: Held, tmp_path: Path, **settings: object) -> tuple[Shoppers, ProfileCache, CrowdFollower]:
    known = PersonalizationSettings(**settings)  # type: ignore[arg-type]
    profiles, crowd = ProfileCache(held, ChangeMarks(tmp_path / "marks")), CrowdFollower(held, known)
    return Shoppers(held, profiles, crowd, known), profiles, crowd


async def test_what_was_read_once_is_at_hand(held: Held, tmp_path: Path) -> None:
    find, _, _ = shoppers(held, tmp_path)
    assert not (await find.find(Caller("s1", "s1"))).profile.events
    reads = held.reads
    await find.find(Caller("s1", "s1"))
    assert held.reads == reads


async def test_a_keystroke_does_not_wait_for_a_slow_database(held: Held, tmp_path: Path) -> None:
    find, _, _ = shoppers(held, tmp_path)
    held.gate.clear()
    shopper = await find.find(Caller("s1", "s1"), 0.01)
    assert not shopper.is_known and find.late == 1
    held.gate.set()


async def test_a_visit_belongs_to_its_cohorts_unless_that_is_off(held: Held, tmp_path: Path) -> None:
    async with held.transaction() as session:
        await SessionRepository(session).add(VISIT)
    find, _, follower = shoppers(held, tmp_path)
    assert (await find.find(Caller("s1", "s1"))).cohorts == ()  # nothing is known of any of these
    cohorts = cohorts_of("phone", "Berlin", "https://example.org")
    for number in range(COHORT_SHOPPERS):
        follower.crowd.add(number, 7, 2.0, START.timestamp(), cohorts=cohorts)
    assert (await find.find(Caller("s1", "s1"))).cohorts == tuple(cohorts_of("phone", "Berlin", "https://example.org"))
    never, _, _ = shoppers(held, tmp_path, cohort_priors=False)
    assert (await never.find(Caller("s1", "s1"))).cohorts == ()


async def test_the_crowd_is_followed_and_every_event_counts_once(held: Held, tmp_path: Path) -> None:
    clock = [datetime(2026, 6, 1, tzinfo=UTC)]
    writer = EventWriter(held, clock=lambda: clock[0])
    writer.start()
    await writer.append(event(1, Action.PURCHASE))
    follower = CrowdFollower(held, PersonalizationSettings(), clock=lambda: clock[0])
    await follower.refresh()
    await writer.append_many([event(2, Action.CLICK, "p2"), event(3, Action.SEARCH, None, query="red")])
    for _ in range(3):
        await follower.refresh()
    await writer.close()
    assert follower.crowd.events == 2
    seen = follower.crowd.seen(keys_of(Space.PRODUCT, ["p1", "p2", "p3"]), START.timestamp())
    assert seen.popularity[:, 1].tolist() == [10, 2, 0]


async def test_a_start_reads_the_latest_events_alone(held: Held, tmp_path: Path) -> None:
    writer = EventWriter(held)
    writer.start()
    await writer.append_many([event(n, Action.CLICK, f"p{n}") for n in range(5)])
    await writer.close()
    follower = CrowdFollower(held, PersonalizationSettings(crowd_events=0))
    await follower.refresh()
    assert follower.crowd.events == 0


def test_a_referrer_counts_by_its_host_and_a_broken_one_does_no_harm() -> None:
    assert cohorts_of(None, None, "https://example.org/a?b=1") == cohorts_of(None, None, "http://example.org/c")
    assert len(cohorts_of(None, None, "http://[")) == 1
    assert cohorts_of(None, None, "") == []

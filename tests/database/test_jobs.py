"""Jobs: one of a kind at a time, reports that keep a lease alive, ends that stay."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from core.domain import JobState
from core.errors import JobRunningError
from database.connection import Database
from database.repositories.jobs import LEASE, Job, JobRepository

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
TICK = timedelta(seconds=1)


async def begin(database: Database, kind: str = "retrain", now: datetime = NOW) -> str:
    async with database.transaction() as session:
        return await JobRepository(session).begin(kind, now)


async def take(database: Database, job_id: str, owner: str, now: datetime = NOW) -> bool:
    async with database.transaction() as session:
        return await JobRepository(session).take(job_id, owner, now)


async def report(database: Database, job_id: str, owner: str, progress: float, now: datetime = NOW) -> bool:
    async with database.transaction() as session:
        return await JobRepository(session).report(job_id, owner, progress, "learning", now)


async def get(database: Database, job_id: str) -> Job:
    async with database.reading() as session:
        job = await JobRepository(session).get(job_id)
    assert job is not None
    return job


async def test_the_way_of_a_job(database: Database) -> None:
    job_id = await begin(database)
    queued = await get(database, job_id)
    assert (queued.state, queued.progress, queued.created_at, queued.owner) == (JobState.QUEUED, 0.0, NOW, None)
    assert await take(database, job_id, "me", NOW + TICK)
    assert await report(database, job_id, "me", 0.5, NOW + 2 * TICK)
    running = await get(database, job_id)
    assert (running.state, running.progress, running.step, running.owner) == (JobState.RUNNING, 0.5, "learning", "me")
    assert running.started_at == NOW + TICK
    assert running.lease_expires_at == NOW + 2 * TICK + LEASE
    async with database.transaction() as session:
        jobs = JobRepository(session)
        assert await jobs.finish(job_id, JobState.DONE, NOW + 3 * TICK, counts={"queries": 3}, result={"version": "v"})
        assert not await jobs.finish(job_id, JobState.FAILED, NOW + 4 * TICK, error="too late")
    done = await get(database, job_id)
    assert (done.state, done.progress, done.error) == (JobState.DONE, 1.0, None)
    assert (done.counts, done.result, done.finished_at) == ({"queries": 3}, {"version": "v"}, NOW + 3 * TICK)
    assert not await report(database, job_id, "me", 0.1)


async def test_there_is_one_of_a_kind_at_a_time(database: Database) -> None:
    outcomes = await asyncio.gather(*(begin(database) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, str) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, JobRunningError) for outcome in outcomes) == 4
    assert await begin(database, "reload")


@pytest.mark.parametrize("kinds", [("retrain", "synthetic-data"), ("synthetic-data", "retrain")])
async def test_nothing_is_learnt_from_a_log_that_is_being_written(database: Database, kinds: tuple[str, str]) -> None:
    first = await begin(database, kinds[0])
    with pytest.raises(JobRunningError, match=f"{kinds[0]} {first}"):
        await begin(database, kinds[1])
    async with database.transaction() as session:
        assert await JobRepository(session).finish(first, JobState.DONE, NOW)
    assert await begin(database, kinds[1])


async def test_a_silent_owner_loses_the_job(database: Database) -> None:
    job_id = await begin(database)
    assert await take(database, job_id, "first")
    assert not await take(database, job_id, "second", NOW + LEASE - TICK)
    assert await take(database, job_id, "second", NOW + LEASE)
    assert not await report(database, job_id, "first", 0.9, NOW + LEASE)
    assert await report(database, job_id, "second", 0.2, NOW + LEASE)


@pytest.mark.parametrize("taken", [False, True])
async def test_an_abandoned_job_makes_room_for_the_next(database: Database, taken: bool) -> None:
    job_id = await begin(database)
    if taken:
        await take(database, job_id, "gone")
    assert not (await get(database, job_id)).is_abandoned(NOW + LEASE - TICK)
    assert (await get(database, job_id)).is_abandoned(NOW + LEASE)
    other = await begin(database, now=NOW + LEASE)
    assert other != job_id
    failed = await get(database, job_id)
    assert failed.state is JobState.FAILED
    assert failed.error is not None and "without a word" in failed.error
    assert not failed.is_abandoned(NOW + 2 * LEASE)


async def test_an_unknown_job_is_none_and_cannot_be_taken(database: Database) -> None:
    async with database.transaction() as session:
        assert await JobRepository(session).get("nothing") is None
        assert not await JobRepository(session).take("nothing", "me", NOW)
        assert not await JobRepository(session).finish("nothing", JobState.DONE, NOW)

"""Jobs with a lease: whoever works on one says so again and again, and whoever falls silent has lost it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain import JobState
from core.errors import JobRunningError
from database.models import jobs

LEASE = timedelta(seconds=60)  # several missed heartbeats: a busy machine is no dead process
_OPEN = (JobState.QUEUED.value, JobState.RUNNING.value)
RETRAIN, SYNTHETIC_DATA = "retrain", "synthetic-data"  # kinds of jobs
_OF_THE_LOG = (RETRAIN, SYNTHETIC_DATA)  # one would learn from what the other has half written
_SILENT = "the process that worked on it ended without a word"


@dataclass(frozen=True, slots=True)
class Job:
    """One row. `progress` is in [0, 1]; `lease_expires_at` is None once the job is over."""

    job_id: str
    kind: str
    state: JobState
    progress: float
    step: str | None
    counts: Mapping[str, Any]
    result: Mapping[str, Any]
    error: str | None
    owner: str | None
    lease_expires_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    def is_abandoned(self, now: datetime) -> bool:
        """Whether its lease has run out."""
        return self.lease_expires_at is not None and self.lease_expires_at <= now


class JobRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, kind: str, now: datetime) -> str:
        """The id of a new queued job. Raises JobRunningError while another one of its kind is under way.

        A retraining and simulated shoppers count as one kind.
        One that nobody works on any more is failed first. The transaction must be one that excludes other writers,
        as those of SQLite do: two callers at once then get one job.
        """
        await self.fail_abandoned(now)
        kinds = _OF_THE_LOG if kind in _OF_THE_LOG else (kind,)
        under_way = select(jobs.c.kind, jobs.c.job_id).where(jobs.c.kind.in_(kinds), jobs.c.state.in_(_OPEN))
        if other := (await self._session.execute(under_way)).first():
            raise JobRunningError(f"a job is under way: {other.kind} {other.job_id}")
        job_id = uuid.uuid4().hex
        await self._session.execute(
            insert(jobs).values(
                job_id=job_id,
                kind=kind,
                state=JobState.QUEUED.value,
                progress=0.0,
                counts={},
                result={},
                lease_expires_at=now + LEASE,
                created_at=now,
            )
        )
        return job_id

    async def take(self, job_id: str, owner: str, now: datetime) -> bool:
        """Makes `owner` the one that works on it; False where another does, or it is over or unknown."""
        free = or_(
            jobs.c.state == JobState.QUEUED.value,
            and_(jobs.c.state == JobState.RUNNING.value, jobs.c.lease_expires_at <= now),
        )
        taken = await self._session.execute(
            update(jobs)
            .where(jobs.c.job_id == job_id, free)
            .values(state=JobState.RUNNING.value, owner=owner, lease_expires_at=now + LEASE, started_at=now)
            .returning(jobs.c.job_id)
        )
        return taken.first() is not None

    async def report(self, job_id: str, owner: str, progress: float, step: str | None, now: datetime) -> bool:
        """Notes how far it is and extends the lease; False where it is no longer the owner's."""
        noted = await self._session.execute(
            update(jobs)
            .where(jobs.c.job_id == job_id, jobs.c.owner == owner, jobs.c.state == JobState.RUNNING.value)
            .values(progress=min(1.0, max(0.0, progress)), step=step, lease_expires_at=now + LEASE)
            .returning(jobs.c.job_id)
        )
        return noted.first() is not None

    async def finish(
        self,
        job_id: str,
        state: JobState,
        now: datetime,
        *,
        counts: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> bool:
        """Ends an open job; False where it is over already, which stays as it is."""
        values: dict[str, Any] = {"state": state.value, "error": error, "finished_at": now, "lease_expires_at": None}
        if state is JobState.DONE or state is JobState.REJECTED:
            values["progress"] = 1.0
        if counts is not None:
            values["counts"] = dict(counts)
        if result is not None:
            values["result"] = dict(result)
        ended = await self._session.execute(
            update(jobs)
            .where(jobs.c.job_id == job_id, jobs.c.state.in_(_OPEN))
            .values(**values)
            .returning(jobs.c.job_id)
        )
        return ended.first() is not None

    async def fail_abandoned(self, now: datetime) -> int:
        """Fails every open job whose lease has run out; returns how many."""
        failed = await self._session.execute(
            update(jobs)
            .where(jobs.c.state.in_(_OPEN), jobs.c.lease_expires_at <= now)
            .values(state=JobState.FAILED.value, error=_SILENT, finished_at=now, lease_expires_at=None)
            .returning(jobs.c.job_id)
        )
        return len(failed.all())

    async def last_begun(self, kind: str) -> datetime | None:
        """When the newest job of a kind was asked for."""
        newest = select(jobs.c.created_at).where(jobs.c.kind == kind).order_by(jobs.c.created_at.desc()).limit(1)
        found: datetime | None = (await self._session.execute(newest)).scalars().first()
        return found

    async def get(self, job_id: str) -> Job | None:
        """The job as it stands, or None for an id that is not there."""
        columns = [jobs.c[name] for name in Job.__slots__]
        row = (await self._session.execute(select(*columns).where(jobs.c.job_id == job_id))).first()
        if row is None:
            return None
        return Job(**{**row._mapping, "state": JobState(row.state)})

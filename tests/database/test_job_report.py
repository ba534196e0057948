"""What a job says of itself while it runs: progress of its steps, a kept lease, an end."""

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
from rich.console import Console

from core.domain import JobState
from database import job_report
from database.connection import Database
from database.job_report import JobLostError, JobReport, JobSteps
from database.repositories.jobs import Job, JobRepository

T = TypeVar("T")
SHARES = {"Learning": 0.6, "Measuring": 0.4}


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(job_report, "HEARTBEAT_SECONDS", 0.02)
    url = f"sqlite+aiosqlite:///{(tmp_path / 'jobs.sqlite3').as_posix()}"

    async def migrate() -> None:
        database = Database(url)
        await database.migrate()
        await database.dispose()

    asyncio.run(migrate())
    return url


def with_jobs(url: str, work: Callable[[JobRepository], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(url)
        try:
            async with database.transaction() as session:
                return await work(JobRepository(session))
        finally:
            await database.dispose()

    return asyncio.run(run())


def begin(url: str) -> str:
    return with_jobs(url, lambda jobs: jobs.begin("retrain", datetime.now(UTC)))


def get(url: str, job_id: str) -> Job:
    job = with_jobs(url, lambda jobs: jobs.get(job_id))
    assert job is not None
    return job


def until(true: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if true():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come true")


def test_steps_become_progress_and_the_end_stays(url: str) -> None:
    job_id = begin(url)
    console = Console(file=io.StringIO())
    with JobReport(url, job_id) as report:
        steps = JobSteps(report, SHARES, console)
        assert get(url, job_id).state is JobState.RUNNING
        with steps.step("Learning words") as update:
            update(0.5, "half")
            until(lambda: get(url, job_id).progress == pytest.approx(0.3))
            assert get(url, job_id).step == "Learning words"
        with steps.step("Something unforeseen") as update:
            update(0.7, "")
            until(lambda: get(url, job_id).step == "Something unforeseen")
            assert get(url, job_id).progress == pytest.approx(0.6)
        with steps.step("Measuring") as update:
            update(1.0, "")
            until(lambda: get(url, job_id).progress == pytest.approx(1.0))
        assert report.finish(JobState.REJECTED, counts={"measured": 3}, result={"reasons": ["worse"]})
    job = get(url, job_id)
    assert (job.state, job.counts, job.result) == (JobState.REJECTED, {"measured": 3}, {"reasons": ["worse"]})


def test_a_job_that_was_given_up_stops_its_process(url: str) -> None:
    job_id = begin(url)
    with JobReport(url, job_id) as report:
        with_jobs(url, lambda jobs: jobs.finish(job_id, JobState.FAILED, datetime.now(UTC), error="given up"))

        def is_told() -> bool:
            try:
                report.note(0.1, "learning")
            except JobLostError:
                return True
            return False

        until(is_told)
        assert not report.finish(JobState.DONE)
    assert get(url, job_id).error == "given up"


def test_a_job_that_is_over_or_unknown_cannot_be_taken(url: str) -> None:
    with pytest.raises(JobLostError), JobReport(url, "nothing"):
        pass

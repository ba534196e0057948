"""Jobs run in niced processes of their own, which end with the service. Their state is a row of the jobs table."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from core.domain import JobState
from database.connection import Database
from database.repositories import jobs
from database.repositories.imports import SYNTHETIC, take_back_interrupted
from database.repositories.jobs import JobRepository

_ROOT = Path(__file__).resolve().parents[1]
_GRACE_SECONDS = 10.0  # to write how it ended

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class JobProgram:
    """A kind of job, the module that does it, and the mapping of its imports, which are taken back unfinished."""

    kind: str
    module: str
    imports: Mapping[str, str] | None = None


RETRAIN = JobProgram(jobs.RETRAIN, "training.retrain")
SYNTHETIC_DATA = JobProgram(jobs.SYNTHETIC_DATA, "data_generation.generate_job", SYNTHETIC)


class JobProcesses:
    """Starts and ends the processes of one worker. What they publish or write is noticed like any other change."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._running: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, program: JobProgram, arguments: Sequence[str] = ()) -> str:
        """Begins a job; returns its id. Raises JobRunningError while one that excludes it is under way anywhere."""
        async with self._database.transaction() as session:
            job_id = await JobRepository(session).begin(program.kind, datetime.now(UTC))
        try:
            process = await self._process(program, job_id, arguments)
        except OSError as error:
            await self._fail(job_id, f"it could not be started: {error}")
            raise
        self._processes[job_id] = process
        self._running[job_id] = asyncio.create_task(self._watch(program, job_id, process))
        return job_id

    async def close(self) -> None:
        """Ends what still runs."""
        for process in list(self._processes.values()):
            with suppress(ProcessLookupError):  # one that has just ended by itself
                process.terminate()
        waiting = list(self._running.values())
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=_GRACE_SECONDS)
            if late:
                for process in list(self._processes.values()):
                    _kill(process)
                await asyncio.wait(late)

    async def _process(self, program: JobProgram, job_id: str, arguments: Sequence[str]) -> asyncio.subprocess.Process:
        storage, experiments = self._settings.storage, self._settings.experiments
        given = {
            "CADENCE_HOME": str(storage.cadence_home.resolve()),
            "DATABASE_URL": storage.url,
            "EMBEDDING_MODEL": _absolute(self._settings.models.embedding_model),
            "SUGGESTION_MIN_SHOPPERS": str(self._settings.suggest.suggestion_min_shoppers),
            "IMPORTED_MIN_SHOPPERS": str(self._settings.suggest.imported_min_shoppers),
            "SAFETY_FILE": str(storage.safety.resolve()),
            "ENABLE_AB_TESTING": str(experiments.enable_ab_testing),
            "PROMOTION_SHARE": str(experiments.promotion_share),
            "PROMOTION_UNITS": str(experiments.promotion_units),
            "PYTHONUNBUFFERED": "1",
        }
        logs = storage.cadence_home / "logs"
        await asyncio.to_thread(logs.mkdir, parents=True, exist_ok=True)
        with (logs / f"{program.kind}.log").open("wb") as output:  # opening a local file is quick
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                program.module,
                "--job",
                job_id,
                *arguments,
                cwd=_ROOT,
                env={**os.environ, **given},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C in the service's terminal is for the service, which ends the process in good order.
                start_new_session=True,
            )

    async def _watch(self, program: JobProgram, job_id: str, process: asyncio.subprocess.Process) -> None:
        """Waits for the end. A process that died without a word leaves no job open, and nothing half done."""
        status = await process.wait()
        _kill(process)  # what it has started must not outlive it
        del self._processes[job_id], self._running[job_id]
        _log.info("job ended", kind=program.kind, job=job_id, status=status)
        try:
            if status and program.imports:
                await take_back_interrupted(self._database, program.imports)
            await self._fail(job_id, f"its process ended with status {status}; logs/{program.kind}.log has its output")
        except SQLAlchemyError as error:  # the lease runs out, then the job counts as failed anyway
            _log.warning("the end of a job was not written", job=job_id, error=type(error).__name__)

    async def _fail(self, job_id: str, error: str) -> None:
        async with self._database.transaction() as session:
            await JobRepository(session).finish(job_id, JobState.FAILED, datetime.now(UTC), error=error)


def _absolute(folder: str | None) -> str:
    return str(Path(folder).resolve()) if folder and Path(folder).exists() else folder or ""


def _kill(process: asyncio.subprocess.Process) -> None:
    """Ends the process and, on POSIX, all that it has started, at once."""
    with suppress(ProcessLookupError):  # nothing is left of them
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)

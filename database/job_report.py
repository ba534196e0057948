"""What a job in a process of its own tells the database: how far it is, that it lives, and how it ended.

A thread of its own writes, so that a step which says nothing for minutes does not lose the lease.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from config.progress import Steps, Update
from core.domain import JobState
from core.errors import CadenceError
from database.connection import Database
from database.repositories.jobs import JobRepository

NICENESS = 10  # of a job's process: the shoppers come first
HEARTBEAT_SECONDS = 2.0  # a person who asks sees how far it is; thirty of them fit into one lease


class JobLostError(CadenceError):
    """Another process has the job now, or nobody: what was going on here must stop."""

    code = "job_lost"


class JobReport:
    """Works on one job while the `with` block runs. Raises JobLostError on entry where the job cannot be had."""

    def __init__(self, url: str, job_id: str) -> None:
        self._url, self._job_id = url, job_id
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._progress, self._step = 0.0, "starting"
        self._lost = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        if not self._write(lambda jobs, now: jobs.take(self._job_id, self._owner, now)):
            raise JobLostError(f"job {self._job_id} is not there to be worked on")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def note(self, progress: float, step: str) -> None:
        """Notes a progress in [0, 1], which is written with the next heartbeat. Raises JobLostError."""
        self._progress, self._step = progress, step
        if self._lost:
            raise JobLostError(f"job {self._job_id} was given up while it ran")

    if sys.platform != "win32":

        def end_on_request(self) -> None:
            """From now on a SIGTERM ends the job as failed, and then this process. Call it in the main thread.

            A thread waits for it. Python runs a handler in the main thread, minutes late while that is inside a
            library, and an exception raised there is lost where a destructor happens to run; the pipe is written to
            at once, whichever thread the signal reaches.
            """
            heard, said = os.pipe()
            os.set_blocking(said, False)
            signal.set_wakeup_fd(said, warn_on_full_buffer=False)
            signal.signal(signal.SIGTERM, lambda *_: None)

            def wait() -> None:
                while signal.SIGTERM not in os.read(heard, 1):  # any signal with a handler of Python's is told here
                    pass
                self.finish(JobState.FAILED, error="it was ended before it was done; the next one goes on from there")
                os._exit(128 + signal.SIGTERM)  # what is written is written whole, so there is nothing to tidy up

            threading.Thread(target=wait, name="end on request", daemon=True).start()

    def finish(
        self,
        state: JobState,
        *,
        counts: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> bool:
        """Ends the job; False where it has ended before."""
        self._stop.set()
        self._thread.join()  # its last report must not follow the end
        return self._write(
            lambda jobs, now: jobs.finish(self._job_id, state, now, counts=counts, result=result, error=error)
        )

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            with suppress(SQLAlchemyError):  # a busy database: the next heartbeat comes soon, the lease is long
                if not self._write(
                    lambda jobs, now: jobs.report(self._job_id, self._owner, self._progress, self._step, now)
                ):
                    self._lost = True
                    return

    def _write(self, change: "Callable[[JobRepository, datetime], Any]") -> bool:
        async def write() -> bool:
            database = Database(self._url)
            try:
                async with database.transaction() as session:
                    return bool(await change(JobRepository(session), datetime.now(UTC)))
            finally:
                await database.dispose()

        return asyncio.run(write())


def run_job(url: str, job_id: str, work: Callable[[JobReport], int]) -> int:
    """Does a job in this process, whose main thread this must be: lower in priority, ended in good order when asked to.

    `work` ends the job and returns the exit status; whatever it raises instead fails the job, with words that anybody
    may read: those of a database error hold users and queries, so it is only named.
    """
    if sys.platform != "win32":
        os.nice(NICENESS)
    with JobReport(url, job_id) as report:
        if sys.platform != "win32":
            report.end_on_request()
        try:
            return work(report)
        except KeyboardInterrupt:
            report.finish(JobState.FAILED, error="it was ended before it was done; the next one goes on from there")
            return 130
        except SQLAlchemyError as error:
            report.finish(JobState.FAILED, error=f"the database failed: {type(error).__name__}")
            print(f"✗ {error}", file=sys.stderr)
            return 1
        except (CadenceError, OSError, ValueError) as error:
            report.finish(JobState.FAILED, error=" ".join(str(error).split()))
            print(f"✗ {error}", file=sys.stderr)
            return 1
        except BaseException as error:
            report.finish(JobState.FAILED, error=f"unexpected: {type(error).__name__}")
            raise


class JobSteps(Steps):
    """Steps that are also a job's progress: each named step has its share of the whole."""

    def __init__(self, report: JobReport, shares: Mapping[str, float], console: Console | None = None) -> None:
        """`shares`: the beginning of a step's name → its share, in the order of the steps; they sum to 1.

        A step that is not among them adds nothing.
        """
        super().__init__(console)
        self._report, self._shares = report, shares
        self._done = 0.0

    @contextmanager
    def step(self, name: str) -> Iterator[Update]:
        start, share = self._place(name)
        self._report.note(start, name)
        with super().step(name) as shown:

            def update(done: float, note: str = "") -> None:
                self._report.note(start + share * min(1.0, max(0.0, done)), name)
                shown(done, note)

            yield update
        self._done = start + share
        self._report.note(self._done, name)

    def _place(self, name: str) -> tuple[float, float]:
        start = 0.0
        for beginning, share in self._shares.items():
            if name.startswith(beginning):
                return start, share
            start += share
        return self._done, 0.0

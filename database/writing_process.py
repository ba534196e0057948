"""Transactions of SQLite in a process of their own, so that writing and answering do not share an interpreter's lock.

A writing thread holds that lock for half of the time while events pour in, lets go of it for every row, and waits for
it each time; beside it a keystroke took eight times as long (training/LOG.md). The process runs what it is sent, one
transaction after the other. Whoever sends holds the turn to write (`Database.commit_apart`), so nothing here queues.

While it is away, because it was killed or did not answer, transactions run in a thread of the service as they do
without it, and another process is started, later each time.
"""

import asyncio
import copyreg
from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, TypeVar, cast

import structlog
from sqlalchemy import Connection

from config.child_process import Child, unless
from config.kept_process import keep_running
from core.domain import Engagement, EventFacts
from core.errors import OutcomeUnknownError

STUCK_SECONDS = 10.0  # twice as long as it may wait for a lock
_START_SECONDS = 60.0

T = TypeVar("T")
_log = structlog.get_logger(__name__)

Work = Callable[[Connection], Any]


@dataclass(frozen=True, slots=True)
class Setup:
    """The first message: which database. It is answered with `Done` once the process has looked into it.

    `url`: of SQLite, as SQLAlchemy writes it, with an absolute path: the process runs in another folder.
    """

    url: str


@dataclass(frozen=True, slots=True)
class Done:
    """What became of the work: its `result`, or the `error` that rolled it back."""

    result: Any = None
    error: Exception | None = None


def _pickled_by_values(kind: type[Engagement] | type[EventFacts]) -> None:
    """A dataclass with slots asks for its fields anew each time: two thirds of what it took to send an event."""
    values: Callable[[object], tuple[object, ...]] = attrgetter(*(field.name for field in fields(kind)))
    copyreg.pickle(kind, lambda one: (kind, values(one)))


_pickled_by_values(Engagement)
_pickled_by_values(EventFacts)


class WritingProcess:
    """One database's. `start` it before use, `close` it after. For one event loop, and one caller at a time."""

    def __init__(self, url: str) -> None:
        """`url`: see `Setup`."""
        self.restarts = 0
        self._setup = Setup(url)
        self._child: Child | None = None  # the one that is ready
        self._gone, self._closing = asyncio.Event(), asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        return self._child is not None and self._child.open

    @property
    def pid(self) -> int | None:
        """Of the process that writes now."""
        return None if self._child is None else self._child.pid

    async def start(self) -> None:
        """Returns when it can write. Raises OSError, EOFError or TimeoutError where it cannot be started, and
        SQLAlchemyError where it cannot open the database."""
        child = await self._opened()
        kept = keep_running(child, self._ended, self._bury, self._another, self._closing)
        self._running = asyncio.create_task(kept)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, once its transaction is committed. It is pickled, and so is what it returns.

        Raises what `work` raised or the commit; OutcomeUnknownError where the process ended, or was ended after
        STUCK_SECONDS, before it said what became of it: it is on disk whole, or not at all.
        """
        child = self._child
        if child is None:
            raise OutcomeUnknownError("the writing process is away")
        child.send(work)
        try:
            async with asyncio.timeout(STUCK_SECONDS):
                done = cast(Done, await child.message())
        except (EOFError, ConnectionError, TimeoutError) as error:
            self._lose(child)
            raise OutcomeUnknownError("the writing process ended, or did not answer") from error
        except BaseException:  # its answer would be taken for that to the next question
            self._lose(child)
            raise
        if done.error is not None:
            raise done.error
        return cast(T, done.result)

    async def close(self) -> None:
        """Ends it, after the transaction that it is in, if that takes no more than some seconds."""
        self._closing.set()
        if self._running is not None:
            await self._running

    def _lose(self, child: Child) -> None:
        child.kill()
        self._child = None
        self._gone.set()

    async def _opened(self) -> Child:
        child = await Child.started("database.writing_worker")
        try:
            child.send(self._setup)
            async with asyncio.timeout(_START_SECONDS):
                looked = cast(Done, await child.message())
            if looked.error is not None:
                raise looked.error
        except BaseException:
            child.kill()
            await child.end()
            raise
        self._gone.clear()
        self._child = child
        return child

    async def _ended(self, child: Child) -> None:
        """Returns when the process has ended, or is to be."""
        gone = asyncio.create_task(self._gone.wait())
        try:
            await unless(gone, child.status())
        finally:
            gone.cancel()

    async def _bury(self, child: Child) -> None:
        self._child = None
        await child.end()

    async def _another(self, pause_seconds: float) -> Child | None:
        _log.error("no writing process; a thread writes until another is ready", pause_seconds=pause_seconds)
        await asyncio.sleep(pause_seconds)
        self.restarts += 1
        try:
            return await self._opened()
        except Exception as error:  # noqa: BLE001  # whatever it is, a thread writes, and the next try comes later
            _log.error("the writing process cannot be started", error=type(error).__name__)
            return None

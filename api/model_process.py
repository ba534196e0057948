"""The language models in a process of their own: a list is computed there while the event loop answers others here.

Threads of one process share an interpreter lock, so a model at work delays every reply. The process loads the same
version once more, takes the newest request first and is told how long each is of use. While it is away, because it
was killed or did not answer, lists come from the index alone and say so, and another process is started, later each
time.
"""

import asyncio
import itertools
import time
from contextlib import suppress
from typing import Literal

import structlog

from api.model_child import ModelChild
from api.model_messages import Asked, Setup
from config.kept_process import keep_running
from core.domain import SuggestQuery
from core.errors import ArtifactError, ModelsError, OverloadedError
from core.services.gathered import Gathered

STUCK_SECONDS = 10.0  # a request takes a fraction of a second, or is dropped by then
LINGER_SECONDS = 1.0  # requests that began before a swap have asked by then

_log = structlog.get_logger(__name__)


class ModelProcess:
    """One version's models. `start` it before use; `retire` or `close` it after."""

    def __init__(self, setup: Setup, max_waiting: int) -> None:
        self.restarts = 0
        self._setup, self._max_waiting = setup, max_waiting
        self._child: ModelChild | None = None  # the one that is ready
        self._available = asyncio.Event()
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[Gathered]] = {}
        self._closing = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    @property
    def state(self) -> Literal["ready", "away"]:
        return "ready" if self._available.is_set() else "away"

    @property
    def pid(self) -> int | None:
        """Of the process that answers now."""
        return None if self._child is None else self._child.pid

    @property
    def pending(self) -> int:
        """Requests that it computes or that wait for it."""
        return len(self._asked)

    async def start(self) -> None:
        """Returns when it can answer. Raises ArtifactError when the version cannot be loaded there, OSError without a
        process."""
        child = await self._loaded()
        kept = keep_running(child, self._hear, self._bury, self._another, self._closing)
        self._running = asyncio.create_task(kept)

    async def available(self) -> None:
        """Returns when it can answer, again perhaps."""
        await self._available.wait()

    async def gather(self, query: SuggestQuery, waited_until: float, deadline: float) -> Gathered:
        """As `SuggestService.gather` with the models. Times are those of `time.perf_counter()`.

        After `waited_until` nobody waits for it, and requests that somebody waits for go first. Raises OverloadedError
        when too many wait, when it was not begun by `deadline`, and while there is no process; ModelsError when
        computing it failed.
        """
        child = self._child
        if child is None or not child.open:
            raise OverloadedError("the model process is away")
        if len(self._asked) >= self._max_waiting:
            raise OverloadedError("too many requests wait for the model process")
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        answer: asyncio.Future[Gathered] = loop.create_future()
        self._asked[number] = answer
        stuck = loop.call_later(STUCK_SECONDS, self._kill, child)
        try:
            now = time.perf_counter()
            child.ask(Asked(number, query, waited_until - now, deadline - now))
            return await answer
        finally:
            stuck.cancel()
            self._asked.pop(number, None)

    async def retire(self) -> None:
        """Closes it when those that began before are answered."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), LINGER_SECONDS)
        if self._asked:
            await asyncio.wait(list(self._asked.values()), timeout=STUCK_SECONDS)
        await self.close()

    async def close(self) -> None:
        """Ends it now. What waits for it is refused."""
        self._closing.set()
        if self._running is not None:
            await asyncio.gather(self._running, return_exceptions=True)

    async def _loaded(self) -> ModelChild:
        child = await ModelChild.started()
        try:
            await child.load(self._setup)
        except BaseException:
            await child.end()
            raise
        self._child = child
        self._available.set()
        return child

    async def _bury(self, child: ModelChild) -> None:
        self._child = None
        self._available.clear()
        await child.end()
        self._refuse_all()

    async def _another(self, pause_seconds: float) -> ModelChild | None:
        _log.error("no model process; lists come from the index until another is ready", pause_seconds=pause_seconds)
        await asyncio.sleep(pause_seconds)
        self.restarts += 1
        try:
            child = await self._loaded()
        except (ArtifactError, OSError) as error:
            _log.error("the model process cannot be started", error=str(error))
            return None
        _log.info("the model process is back", restarts=self.restarts)
        return child

    async def _hear(self, child: ModelChild) -> None:
        while (answer := await child.answer()) is not None:
            waiting = self._asked.get(answer.number)
            if waiting is None or waiting.done():
                continue
            if answer.gathered is not None:
                waiting.set_result(answer.gathered)
            elif answer.error is not None:
                waiting.set_exception(ModelsError(answer.error))
            else:
                waiting.set_exception(OverloadedError("the model process had no time by the deadline"))

    def _refuse_all(self) -> None:
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(OverloadedError("the model process has ended"))

    def _kill(self, child: ModelChild) -> None:
        _log.error("the model process does not answer and is killed")
        child.kill()

"""Another version while the service runs: verified and loaded beside the one served, warmed up, then swapped whole.

A request reads `state.models` once and keeps that bundle to its end; the old one goes when the last request that holds
it is answered. Cached lists carry their version in the key. What cannot be loaded changes nothing.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from api.errors import ProblemError
from api.model_process import ModelProcess
from api.models import load_warm
from api.state import AppState, Load, Models, Spawn
from core import artifacts
from core.errors import CadenceError

PREVIOUS = "previous"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Swap:
    """What was served, and what is served now."""

    before: str
    after: str


class Reloader:
    """Loads versions for one worker, one at a time."""

    def __init__(self, state: AppState, load: Load, spawn: Spawn | None = None) -> None:
        self._state, self._load, self._spawn = state, load, spawn
        self._folder = state.settings.storage.artifacts
        self._one_at_a_time = asyncio.Lock()
        self._seen = artifacts.current_mark(self._folder)
        self._retiring: dict[asyncio.Task[None], ModelProcess] = {}

    async def close(self) -> None:
        """Ends the processes of the version that is served and of those that were."""
        await asyncio.gather(*(process.close() for process in self._retiring.values()))
        await asyncio.gather(*self._retiring)
        if self._state.models.process is not None:
            await self._state.models.process.close()

    async def reload(self, wanted: str | None) -> Swap:
        """Serves the named version, the `previous` one or (None) the current one, and makes it current for all workers.

        Raises ProblemError: 404 for a version that is not published, 409 where there is none before or where it cannot
        be served; what was served before is served on.
        """
        async with self._one_at_a_time:
            version = self._named(wanted)
            try:
                models = await self._loaded(version)
            except CadenceError as error:
                raise ProblemError(409, error.code, f"{error}; {self._state.models.version} is served on") from error
            # Verified before it becomes current: a version that cannot be served never stops a later start.
            artifacts.make_current(self._folder, version)
            return await self._swap(models)

    async def follow(self) -> None:
        """Serves what has become current, if it is another version. One that cannot be loaded is tried only once."""
        async with self._one_at_a_time:
            mark = artifacts.current_mark(self._folder)
            if mark == self._seen:
                return
            self._seen = mark
            version = artifacts.current_version(self._folder)
            if version is None or version == self._state.models.version:
                return
            try:
                await self._swap(await self._loaded(version))
            except CadenceError as error:
                self._state.metrics.counts["versions_refused"] += 1
                _log.error("a new version cannot be served", version=version, error=str(error))

    async def keep_following(self, stop: asyncio.Event) -> None:
        """Looks for a new current version at intervals until told to stop."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._state.settings.serving.reload_check_seconds)
                return
            await self.follow()

    def _named(self, wanted: str | None) -> str:
        if wanted is None:
            current = artifacts.current_version(self._folder)
            if current is None:
                raise ProblemError(409, "bad_artifact", "Nothing is published.")
            return current
        if wanted == PREVIOUS:
            before = artifacts.previous_version(self._folder)
            if before is None:
                raise ProblemError(409, "no_previous_version", "There is no version to go back to.")
            return before
        if wanted not in artifacts.versions(self._folder):
            raise ProblemError(404, "unknown_version", "No version of this name is published.", field="version")
        return wanted

    async def _loaded(self, version: str) -> Models:
        """The inference threads and the process of the version that is served go on answering."""
        with self._state.metrics.loads_a_version():
            return await load_warm(self._state.settings, version, self._load, self._spawn)

    async def _swap(self, models: Models) -> Swap:
        await self._state.catalog.follow(models.catalog)  # what was changed since: no search may find what is gone
        before = self._state.models
        swap = Swap(before.version, models.version)
        self._state.models = models
        if before.process is not None:
            retiring = asyncio.create_task(before.process.retire())
            self._retiring[retiring] = before.process
            retiring.add_done_callback(self._retiring.pop)
        self._state.live.follow(models)
        self._seen = artifacts.current_mark(self._folder)
        _log.info("version swapped", before=swap.before, after=swap.after)
        return swap

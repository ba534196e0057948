"""Another version while the service runs: verified and loaded beside the one served, warmed up, then swapped whole.

A request reads `state.models` once and keeps that bundle to its end; the old one goes when the last request that holds
it is answered. Cached lists carry their version in the key. What cannot be loaded changes nothing.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from api.errors import ProblemError
from api.state import AppState, Load, Models
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

    def __init__(self, state: AppState, load: Load) -> None:
        self._state, self._load = state, load
        self._folder = state.settings.storage.artifacts
        self._one_at_a_time = asyncio.Lock()
        self._seen = artifacts.current_mark(self._folder)

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
            return self._swap(models)

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
                self._swap(await self._loaded(version))
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
        """Verified, loaded and warmed up in a thread of its own: the inference threads go on answering."""

        def work() -> Models:
            models = self._load(self._state.settings, version)
            models.warm_up()
            return models

        return await asyncio.to_thread(work)

    def _swap(self, models: Models) -> Swap:
        swap = Swap(self._state.models.version, models.version)
        self._state.models = models
        self._state.live.follow(models)
        self._seen = artifacts.current_mark(self._folder)
        _log.info("version swapped", before=swap.before, after=swap.after)
        return swap

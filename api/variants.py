"""Versions that experiments serve beside the current one: loaded and warmed up in the background, then followed.

At most `MOST` are resident beside the current one: each takes as much memory as the first, and a process for its
models. One that cannot be loaded is tried once, and its experiments wait: nobody is assigned to them meanwhile.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.catalog import CatalogFollower
from api.completion import prepare
from api.embedded_search import EmbeddedSearch
from api.live_queries import LiveQueries
from api.models import load_warm
from api.state import AppState, Load, Models, Served, Spawn
from core.errors import CadenceError

MOST = 1

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Variant:
    """One version, with the tasks that keep it fresh until `stop`."""

    served: Served
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def keep(self, follow: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
        self.tasks.append(asyncio.create_task(follow(self.stop)))

    async def close(self) -> None:
        self.stop.set()
        await asyncio.gather(*self.tasks)
        process = self.served.models.process
        if process is not None:
            await process.retire()


class Variants:
    """For one worker. `current` gives the version that is served to everybody else."""

    def __init__(self, current: Callable[[], str]) -> None:
        self._resident: dict[str, Variant] = {}
        self._current = current
        self._refused: set[str] = set()

    @property
    def versions(self) -> Collection[str]:
        """Those that can be served now, the current one first."""
        return (self._current(), *self._resident)

    @property
    def refused(self) -> frozenset[str]:
        """Those that could not be loaded."""
        return frozenset(self._refused)

    @property
    def live(self) -> list[LiveQueries]:
        """What is followed for them."""
        return [variant.served.live for variant in self._resident.values()]

    def find(self, version: str) -> Served | None:
        """None for one that is not resident, the current one included."""
        variant = self._resident.get(version)
        return None if variant is None else variant.served

    async def follow(self, state: AppState, load: Load, spawn: Spawn | None) -> None:
        """Loads what experiments want now, and lets go of what none wants any more."""
        wanted = state.experiments.wanted_versions - {state.models.version}
        for version in set(self._resident) - wanted:
            variant = self._resident.pop(version)
            await variant.close()
            _log.info("variant dropped", artifact_version=version)
        for version in sorted(wanted - set(self._resident) - self._refused):
            if len(self._resident) == MOST:
                break
            try:
                with state.metrics.loads_a_version():
                    self._resident[version] = await _loaded(state, version, load, spawn)
                _log.info("variant ready", artifact_version=version)
            except (CadenceError, SQLAlchemyError, OSError) as error:
                self._refused.add(version)
                state.metrics.counts["versions_refused"] += 1
                _log.error("a variant cannot be served", artifact_version=version, error=str(error))

    async def keep_following(self, state: AppState, load: Load, spawn: Spawn | None, stop: asyncio.Event) -> None:
        """Looks at intervals until told to stop; then everything is let go."""
        while not stop.is_set():
            await self.follow(state, load, spawn)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), state.settings.experiments.experiment_refresh_seconds)
        for variant in self._resident.values():
            await variant.close()
        self._resident = {}


async def _loaded(state: AppState, version: str, load: Load, spawn: Spawn | None) -> Variant:
    models: Models = await load_warm(state.settings, version, load, spawn)
    catalog = CatalogFollower(state.database, state.settings.serving.catalog_refresh_seconds, models.catalog)
    live = LiveQueries(state.database, state.settings.suggest, state.rules, models)
    try:
        await catalog.refresh()
        await live.refresh()
    except SQLAlchemyError:
        if models.process is not None:
            await models.process.close()
        raise
    for prefix in models.head(state.settings.suggest.suggest_warm_prefixes):
        with suppress(CadenceError):  # as in `api.warming`: a cold arm would be late more often than the other one
            await prepare(state, models, prefix)
    variant = Variant(Served(models, live, EmbeddedSearch(lambda: models.search, state.threads)))
    for follow in (catalog.keep_fresh, catalog.keep_embedding, live.keep_fresh):
        variant.keep(follow)
    return variant

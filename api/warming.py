"""Lists ready before anyone asks: after a start or a swap, the prefixes that are typed most are gathered once.

One after the other and only while nothing else is computed, so that shoppers who are there already wait for none of
it. What was ready in the shared cache is left as it is.
"""

import asyncio
from contextlib import suppress

import structlog

from api.completion import prepare
from api.state import AppState, Models
from core.errors import CadenceError

_BUSY_SECONDS = 0.05  # until it is looked again whether anything is computed
_LOOK_SECONDS = 1.0  # for another version

_log = structlog.get_logger(__name__)


class Warming:
    """`prepared`: lists of the version that is served now which are ready, or were before."""

    def __init__(self, state: AppState) -> None:
        self.prepared = 0
        self._state = state

    async def keep_warm(self, stop: asyncio.Event) -> None:
        """Warms the version that is served, and each that follows it, until told to stop."""
        warmed: str | None = None
        while not stop.is_set():
            models = self._state.models
            if models.version != warmed:
                await self.warm(models, stop)
                warmed = models.version
            await _pause(stop, _LOOK_SECONDS)

    async def warm(self, models: Models, stop: asyncio.Event) -> None:
        """Gathers what `models` say is typed most; ends early when told to stop or when they are replaced."""
        self.prepared = 0
        for prefix in models.head(self._state.settings.suggest.suggest_warm_prefixes):
            while self._busy(models) and not stop.is_set():
                await _pause(stop, _BUSY_SECONDS)
            if stop.is_set() or self._state.models is not models:
                return
            with suppress(CadenceError):  # the process has ended, say: shoppers who ask for it warm it themselves
                await prepare(self._state, models, prefix)
                self.prepared += 1
        _log.info("warm", artifact_version=models.version, prefixes=self.prepared)

    def _busy(self, models: Models) -> bool:
        return bool(self._state.threads.pending or (models.process and models.process.pending))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)

"""The one way in which background work goes on: at intervals, until told to stop, and past failures."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

_log = structlog.get_logger(__name__)


async def at_intervals(
    refresh: Callable[[], Awaitable[None]],
    seconds: float,
    stop: asyncio.Event,
    failure: str,
    errors: tuple[type[Exception], ...] = (SQLAlchemyError,),
) -> None:
    """Calls `refresh` until `stop`, so many seconds apart. One of these errors is the line `failure` of the log."""
    while not stop.is_set():
        try:
            await refresh()
        except errors as error:
            _log.warning(failure, error=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)

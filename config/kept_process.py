"""A child process that is kept: another one is started when it ends, later each time."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from config.child_process import unless

T = TypeVar("T")
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 30.0  # before another start
SOUND_SECONDS = 60.0  # after which an end counts as the first one


async def keep_running(
    child: T,
    serve: Callable[[T], Coroutine[Any, Any, None]],
    bury: Callable[[T], Coroutine[Any, Any, None]],
    another: Callable[[float], Coroutine[Any, Any, T | None]],
    closing: asyncio.Event,
) -> None:
    """Returns when it is closed and the child of that time is buried.

    `serve` returns when the child has ended, and is cancelled by the closing; `bury` comes after either. `another`
    waits for that many seconds and starts the next child, or returns None where it cannot, and is asked again.
    """
    closed, pause = asyncio.create_task(closing.wait()), PAUSE_SECONDS
    served: T | None = child
    while True:
        begun = time.monotonic()
        if served is not None:
            await unless(closed, serve(served))
            await bury(served)
        if closing.is_set():
            return
        if time.monotonic() - begun > SOUND_SECONDS:
            pause = PAUSE_SECONDS
        served = await unless(closed, another(pause))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

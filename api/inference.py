"""A few threads that compute, and a bounded queue before them: over the limit is an honest 503, not a slow death."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from core.errors import OverloadedError

T = TypeVar("T")


class InferenceThreads:
    """Runs CPU-bound work beside the event loop, `threads` at a time while at most `max_waiting` wait."""

    def __init__(self, threads: int, max_waiting: int) -> None:
        self._limit = threads + max_waiting
        self._pending = 0
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="inference")

    async def run(self, compute: Callable[[], T]) -> T:
        """What `compute` returns or raises. Raises OverloadedError at once when too many wait."""
        if self._pending >= self._limit:
            raise OverloadedError("too many requests wait to be computed")
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, compute)
        finally:
            self._pending -= 1

    @property
    def pending(self) -> int:
        """Computing or waiting now."""
        return self._pending

    def close(self) -> None:
        self._executor.shutdown(wait=True, cancel_futures=True)

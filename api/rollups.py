"""Counts ahead what the dashboard asks for, in the background; one process at a time (`database.repositories.rollups`).

Each pass looks for what has changed in the log, then counts the hours that are due, the latest day first. Counting only
reads; between two runs (the due hours of a day that adjoin) the thread rests as long as it counted, so that shoppers
notice nothing while a year of a new import is caught up with. Interrupted anywhere, the next pass goes on from there.
"""

import asyncio
import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from database.connection import Database
from database.repositories import rollups
from database.repositories.people import newest_erasure
from database.repositories.rollup_changes import find_changes
from database.repositories.rollup_log import fold_span

_REPORT_SECONDS = 10.0  # between two lines of progress

_log = structlog.get_logger(__name__)


class RollupFollower:
    """`refresh` leaves nothing due, unless another process counts."""

    def __init__(
        self,
        database: Database,
        refresh_seconds: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        rest: float = 1.0,
    ) -> None:
        """`rest`: seconds for each second of counting."""
        self._database, self._clock, self._every, self._rest = database, clock, refresh_seconds, rest
        self._owner = f"{os.getpid()}-{uuid.uuid4().hex}"

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Count at intervals until told to stop. What failed is still due at the next pass."""
        while not stop.is_set():
            try:
                await self.refresh(stop)
            except SQLAlchemyError as error:
                _log.warning("log not counted", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._every)
        with suppress(SQLAlchemyError):
            await self._database.commit(partial(rollups.give_lease_back, owner=self._owner))

    async def refresh(self, stop: asyncio.Event | None = None) -> int:
        """Count what is due; returns how many hours. Raises SQLAlchemyError when the database cannot be used."""
        stop, now = stop or asyncio.Event(), self._clock()
        if not await self._database.commit(partial(rollups.take_lease, owner=self._owner, now=now)):
            return 0
        state = await self._database.read(rollups.find_state)
        changed, hours = await self._database.count(partial(find_changes, state=state, now=now))
        await self._database.commit(partial(rollups.note_look, state=changed, hours=hours))
        waiting = await self._database.read(rollups.count_due)
        counted, reported = 0, time.monotonic()
        while (run := await self._database.read(rollups.next_run)) is not None and not stop.is_set():
            start, end = run
            began = time.monotonic()
            marks = await self._database.read(partial(rollups.find_marks, start=start, end=end))
            tallies = await self._database.count(partial(fold_span, start=start, end=end))
            took = time.monotonic() - began
            if not await self._database.commit(partial(rollups.take_lease, owner=self._owner, now=self._clock())):
                break  # this process was away for so long that another one counts
            await self._database.commit(partial(rollups.store, start=start, end=end, tallies=tallies, marks=marks))
            counted += (end - start) // rollups.HOUR
            if time.monotonic() - reported > _REPORT_SECONDS:
                reported = time.monotonic()
                _log.info("counting the log", hours_counted=counted, hours_due=max(0, waiting - counted), at=str(start))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._rest * took)
        if run is None:
            await self._prune()
        return counted

    async def _prune(self) -> None:
        """After an erasure: what only somebody erased had typed."""
        erasure = await self._database.read(newest_erasure)
        if erasure > await self._database.read(rollups.pruned_erasure):
            await self._database.commit(partial(rollups.prune_texts, erasure=erasure))

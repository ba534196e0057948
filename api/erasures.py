"""Erasing somebody, in every place where something of theirs is or was learnt from.

The rows go in one transaction (`database.repositories.people`), with a number that every worker follows. A worker that
sees a new one drops what it keeps of visits, profiles and lists, and learns live queries, the crowd and trends anew
from the log that is left; the first one to count hours of the log counts those again that held something (`rollups`).

What was under way when the rows went may come later: lists that another worker had not written yet. So the worker that
erased looks again after a while, with the user's key in its memory alone, for what happened before: who comes back
meanwhile keeps what they do then. Redis gives back what it holds at once; where
it does not answer, it is asked again until it does. SQLite's write-ahead log is cut to nothing for the same reason.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from api.intervals import at_intervals
from database.repositories.people import Erased, Person, erase, erase_late, find_person, newest_erasure

if TYPE_CHECKING:
    from api.state import AppState

LOOK_AGAIN_SECONDS = 5.0  # twenty times what a worker keeps lists back
_log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Erasures:
    """For one event loop; `state` is asked once the service has begun."""

    def __init__(
        self,
        state: "Callable[[], AppState]",
        check_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state, self._check_seconds, self._clock = state, check_seconds, clock
        self._seen: int | None = None
        self._again: dict[str, tuple[float, datetime]] = {}  # user key → when to look again, and when it was erased
        self._in_redis: set[str] = set()  # owners whose profiles Redis may still have
        self._in_archive: list[Person] = []
        self._lists_in_redis = self._in_wal = False

    @property
    def pending(self) -> int:
        """How many of the places that an erasure must reach did not answer yet."""
        return len(self._in_redis) + len(self._in_archive) + self._lists_in_redis + self._in_wal

    async def erase(self, user_key: str) -> Erased:
        """Returns when nothing of theirs is in the database; what is `pending` is done in the background.

        Raises SQLAlchemyError when the database cannot be written: then nothing was erased.
        """
        state = self._state()
        await state.writer.flush_events()
        await state.writer.flush_lists()
        erased = await self._rows(user_key)
        self._again[user_key] = (self._clock() + LOOK_AGAIN_SECONDS, _utc_now())
        await self.refresh()
        return erased

    async def refresh(self) -> None:
        """Do what an erasure anywhere asks of this worker, and what is still pending. Raises SQLAlchemyError."""
        newest = await self._state().database.read(newest_erasure)
        if self._seen is not None and newest != self._seen:
            await self._forget_what_was_learnt()
        self._seen = newest
        now = self._clock()
        for user_key, erased_at in [(key, erased) for key, (at, erased) in self._again.items() if at <= now]:
            if await self._late_rows(user_key, erased_at):
                await self._forget_what_was_learnt()
            del self._again[user_key]
        await self._clear_stores()

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Look at intervals until told to stop. What failed is tried again."""
        await at_intervals(self.refresh, self._check_seconds, stop, "erasure not complete", (SQLAlchemyError, OSError))

    async def _rows(self, user_key: str) -> Erased:
        state = self._state()

        def work(connection: Connection) -> tuple[Person, Erased]:
            person = find_person(connection, user_key)
            return person, erase(connection, person, _utc_now)

        person, erased = await state.database.commit(work)
        await self._rows_are_gone(person)
        return Erased({**erased.rows, "archived": await self._clear_archive()})

    async def _late_rows(self, user_key: str, erased_at: datetime) -> int:
        def work(connection: Connection) -> tuple[Person, int]:
            person = find_person(connection, user_key)
            return person, erase_late(connection, person, erased_at, _utc_now)

        person, gone = await self._state().database.commit(work)
        if gone:
            await self._rows_are_gone(person)
        return gone

    async def _rows_are_gone(self, person: Person) -> None:
        for owner in person.owners:
            if not await self._state().profiles.merged(owner):
                self._in_redis.add(owner)
        self._in_wal = True
        self._in_archive.append(person)

    async def _clear_archive(self) -> int:
        """How many rows went. A file that cannot be written now leaves the person to the next look."""
        folder, gone = self._state().settings.storage.cadence_home / "archive", 0
        while self._in_archive:
            try:
                gone += await asyncio.to_thread(_from_archive, folder, self._in_archive[0])
            except (OSError, sqlite3.Error) as error:
                _log.warning("archive not cleared", error=type(error).__name__)
                break
            self._in_archive.pop(0)
        return gone

    async def _forget_what_was_learnt(self) -> None:
        state = self._state()
        state.sessions.clear()
        state.shoppers.clear()
        state.profiles.clear()
        state.replies.clear()
        self._lists_in_redis = True
        for live in (state.live, *state.variants.live):
            await live.learn_anew()
        await state.shoppers.learn_anew()
        await state.opt_outs.read_anew()
        await state.trending.refresh()

    async def _clear_stores(self) -> None:
        state = self._state()
        for owner in list(self._in_redis):
            if await state.profiles.merged(owner):
                self._in_redis.discard(owner)
        await self._clear_archive()
        if self._lists_in_redis:
            self._lists_in_redis = not await state.candidates.clear()
        if self._in_wal:
            self._in_wal = not await state.database.empty_log()


def _from_archive(folder: Path, person: Person) -> int:
    if not folder.is_dir():
        return 0
    from database.archive import erase_from_archive  # polars takes its time, and few services ever need it here

    return erase_from_archive(folder, person.user_keys, person.session_keys)

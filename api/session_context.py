"""What a shopper searched before in this visit, at hand on every keystroke.

The first keystroke of a session reads its last queries from the database; this worker's own searches are noted at once,
and what other workers took is seen after the entry was read anew, which no keystroke waits for. An entry takes about
2 KB.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.domain import PreviousQuery
from core.text.half_typed import is_half_typed
from core.text.normalize import normalize
from database.connection import Database
from database.repositories.events import find_previous_queries

MAX_QUERIES = 10
MAX_SESSIONS = 20_000  # about 40 MB
PATIENCE_SECONDS = 0.01  # that a keystroke waits for the database; ten times what that mostly takes
STALE_TTLS = 12  # ages of an entry, in its TTLs, up to which it is served while it is read anew
_READ = 50  # completions read for ten distinct ones: shoppers repeat themselves

_NEVER = datetime.min.replace(tzinfo=UTC)
_log = structlog.get_logger(__name__)

_Key: TypeAlias = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class _Entry:
    read_at: datetime
    queries: tuple[PreviousQuery, ...]


class SessionContext:
    """The previous queries of sessions and of their signed users; of the most recently active sessions only."""

    def __init__(
        self,
        database: Database,
        ttl_seconds: float,
        max_sessions: int = MAX_SESSIONS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.failures = 0  # readings that the database did not answer
        self.late = 0  # keystrokes that had to do without
        self._database = database
        self._ttl = timedelta(seconds=ttl_seconds)
        self._max_sessions = max_sessions
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._readings: dict[_Key, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    async def previous(
        self, session_id: str, user_key: str | None, *, at_hand: bool = False
    ) -> tuple[PreviousQuery, ...]:
        """The last distinct completed queries, newest first, ten at most; half-typed ones are left out.

        Without a user these are the session's own events alone: a session id does not open a known user's history.
        When the database does not answer, or not in time, what is known already; both are counted. The same with
        `at_hand`, which reads nothing.
        """
        key = (session_id, user_key)
        entry = self._entries.get(key)
        age = self._clock() - (_NEVER if entry is None else entry.read_at)
        if entry is not None and age < STALE_TTLS * self._ttl:
            self._entries.move_to_end(key)
            if age >= self._ttl and not at_hand:
                self._reading(key)  # for the next keystroke
            return entry.queries
        if at_hand:
            self.late += 1
            return entry.queries if entry else ()
        done, late = await asyncio.wait([self._reading(key)], timeout=self._patience_seconds)
        self.late += len(late)
        for reading in done:
            reading.result()
        entry = self._entries.get(key)
        return entry.queries if entry else ()

    def clear(self) -> None:
        """Forget every session; the next keystroke of each reads it anew."""
        self._entries.clear()

    async def settled(self) -> None:
        """Returns when everything that is being read now has been read."""
        await asyncio.gather(*self._readings.values())

    async def close(self) -> None:
        for reading in list(self._readings.values()):
            reading.cancel()
        await asyncio.gather(*self._readings.values(), return_exceptions=True)

    def _reading(self, key: _Key) -> "asyncio.Task[None]":
        """The one reading of `key` that is under way."""
        reading = self._readings.get(key)
        if reading is None:
            reading = self._readings[key] = asyncio.create_task(self._read(key))
            reading.add_done_callback(lambda _: self._readings.pop(key))
        return reading

    async def _read(self, key: _Key) -> None:
        (session_id, user_key), now = key, self._clock()
        try:
            stored = await self._database.read(
                partial(find_previous_queries, session_id=session_id, user_key=user_key, limit=_READ)
            )
        except SQLAlchemyError as error:
            self.failures += 1
            _log.warning("previous queries not read", error=type(error).__name__)
            known = self._entries.get(key)
            stored = list(known.queries) if known else []
        noted = self._entries.get(key)  # as of now: a search may have come during the reading
        # What was just noted may still be on its way to the disk; what is older is there, or never comes.
        kept = [query for query in noted.queries if query.at > now - self._ttl] if noted else []
        self._keep(key, _Entry(now, _newest([*kept, *stored])))

    def note(self, session_id: str, user_key: str | None, query: str, at: datetime) -> None:
        """A query was completed here, a moment ago. Text without a word is none."""
        text = normalize(query)
        if not text:
            return
        key = (session_id, user_key)
        entry = self._entries.get(key) or _Entry(_NEVER, ())  # read on the next keystroke
        self._keep(key, _Entry(entry.read_at, _newest([PreviousQuery(text, at), *entry.queries])))

    def _keep(self, key: _Key, entry: _Entry) -> None:
        self._entries[key] = entry
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_sessions:
            self._entries.popitem(last=False)


def _newest(queries: Iterable[PreviousQuery]) -> tuple[PreviousQuery, ...]:
    """Distinct texts with their last times, newest first; without those that the next search extended."""
    complete: list[PreviousQuery] = []
    for query in sorted(queries, key=lambda query: (query.at, len(query.text))):
        before = complete[-1] if complete else None
        if before and (before.text == query.text or is_half_typed(before.text, before.at, query.text, query.at)):
            complete.pop()
        complete.append(query)
    last = {query.text: query for query in complete}
    return tuple(sorted(last.values(), key=lambda query: query.at, reverse=True)[:MAX_QUERIES])

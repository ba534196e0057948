"""Group commit: events that arrive together share one transaction, and each caller learns when its own is on disk.

While one group is being committed the next one gathers, and goes on gathering for a moment after that: a transaction
has its price, and many small ones stored a fifth fewer events (training/LOG.md). Who comes alone waits for nobody.
Transactions run in the database's writing process, where it has one. Should that end before it says what became of a
group, the group is tried once more here: events that are there already stay as they are.
Profiles are folded forward in the same transaction, and handed on before the callers learn of it: who asks next is
served by what they just did. Shown lists are written behind, in batches; they may be lost in a crash, events
acknowledged may not.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as WriterBusyError

from core.domain import Engagement
from core.errors import ConflictError, OutcomeUnknownError, OverloadedError
from database.connection import Database
from database.repositories.events import content_digest, insert_new, stored_digests
from database.repositories.lists import ListLog, insert_lists
from database.repositories.profiles import StoredProfile, fold_new, profiles_of, time_after_links

MAX_EVENTS_WAITING = 10_000  # about a second of writing; beyond it callers are told to come back
MAX_EVENTS_PER_COMMIT = 500  # with their profiles, each of another shopper: keeps the write lock at about 100 ms
MAX_LISTS_WAITING = 5_000  # about 10 MB
LISTS_PER_COMMIT = 128  # 3 ms of the writing thread, of which Python's part is the smaller
GATHER_SECONDS = 0.005  # from one commit to the next
LIST_DELAY_SECONDS = 0.25  # lists gather this long: a crash loses no more than that
COMMITS_PER_CHECKPOINT = 512  # about 20 MB of log; rare enough that the disk's extra work stays out of the p99

_log = structlog.get_logger(__name__)


class Appended(StrEnum):
    """What became of an event."""

    NEW = "new"
    DUPLICATE = "duplicate"  # the same event is there already
    CONFLICT = "conflict"  # its id is there, with other content; nothing was written


Folded = Callable[[Sequence[StoredProfile]], Awaitable[None]]
"""Hears of profiles that changed, after the commit."""


async def _nobody(_: Sequence[StoredProfile]) -> None:
    pass


def _now() -> datetime:  # by name, for the writing process
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class _Waiting:
    events: tuple[Engagement, ...]
    outcome: "asyncio.Future[list[Appended]]"


class EventWriter:
    """The one that writes events and shown lists of this process. `start` it before use, `close` it after."""

    events_per_commit = MAX_EVENTS_PER_COMMIT

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime] = _now,
        folded: Folded = _nobody,
    ) -> None:
        self.lists_dropped = 0  # queue full, or not writable
        self.events_lost = 0  # of those nobody waits for
        self.events_written = self.lists_written = 0
        self._database = database
        self._clock = clock
        self._folded = folded
        self._waiting: deque[_Waiting] = deque()
        self._events_waiting = 0
        self._committed_at = float("-inf")  # by the event loop's clock
        self._lists: deque[ListLog] = deque()
        self._commits = 0
        self._has_events = asyncio.Event()
        self._has_chores = asyncio.Event()
        self._closing = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._write_events()), asyncio.create_task(self._write_behind())]

    async def close(self) -> None:
        """Write everything that waits, then stop."""
        self._closing.set()
        self._has_events.set()
        self._has_chores.set()
        await asyncio.gather(*self._tasks)
        self._tasks = []

    async def append(self, event: Engagement) -> bool:
        """Write one event; returns when it is on disk: True for a new one, False for one that was there.

        Raises ConflictError when its id was used for other content, OverloadedError when too many wait,
        SQLAlchemyError when the database cannot write.
        """
        [outcome] = await self.append_many([event])
        if outcome is Appended.CONFLICT:
            raise ConflictError(f"event_id {event.event_id} was used before for another event")
        return outcome is Appended.NEW

    async def append_many(self, events: Sequence[Engagement]) -> list[Appended]:
        """Write events in one transaction; returns what became of each, in order.

        Raises like `append`, conflicts aside.
        """
        return await self._enqueue(events)

    def append_soon(self, event: Engagement) -> None:
        """Write one event without waiting for it; it goes with the next commit. One that fails is counted.

        Raises OverloadedError when too many wait.
        """
        self._enqueue([event]).add_done_callback(self._count_lost)

    async def flush_events(self) -> None:
        """Returns when every event handed over before is settled, written or not."""
        settled = self._enqueue([])
        settled.add_done_callback(lambda outcome: outcome.cancelled() or outcome.exception())  # heard by its own caller
        await asyncio.wait([settled])

    def _count_lost(self, outcome: "asyncio.Future[list[Appended]]") -> None:
        if outcome.cancelled() or outcome.exception() is not None:
            self.events_lost += 1

    def _enqueue(self, events: Sequence[Engagement]) -> "asyncio.Future[list[Appended]]":
        if not self._tasks or self._closing.is_set():
            raise OverloadedError("the service is stopping")
        if self._events_waiting + len(events) > MAX_EVENTS_WAITING:
            raise OverloadedError("too many events wait to be written")
        waiting = _Waiting(tuple(events), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._events_waiting += len(events)
        self._has_events.set()
        return waiting.outcome

    def log_list(self, shown: ListLog) -> None:
        """Write a shown list some time soon. When too many wait, this one is dropped and counted."""
        if len(self._lists) >= MAX_LISTS_WAITING or self._closing.is_set():
            self.lists_dropped += 1
            return
        self._lists.append(shown)
        self._has_chores.set()

    async def _write_events(self) -> None:
        while not (self._closing.is_set() and not self._waiting):
            await self._has_events.wait()
            self._has_events.clear()
            while self._waiting:
                await self._gather()
                await self._settle(self._next_group())
                self._committed_at = asyncio.get_running_loop().time()

    async def _gather(self) -> None:
        left = self._committed_at + GATHER_SECONDS - asyncio.get_running_loop().time()
        if left > 0 and self._events_waiting < self.events_per_commit and not self._closing.is_set():
            await asyncio.sleep(left)

    def _next_group(self) -> list[_Waiting]:
        group = [self._waiting.popleft()]
        size = len(group[0].events)
        while self._waiting and size + len(self._waiting[0].events) <= self.events_per_commit:
            group.append(self._waiting.popleft())
            size += len(group[-1].events)
        self._events_waiting -= size
        return group

    def _all_waiting(self) -> list[_Waiting]:
        waiting, self._events_waiting = list(self._waiting), 0
        self._waiting.clear()
        return waiting

    async def _settle(self, group: list[_Waiting]) -> None:
        """Commit the group and tell its callers. If that fails, each is tried alone: one bad event harms no other.

        Where it is the storage that fails (locked, full, read-only), nobody is tried alone, since each would wait as
        long as the group did, and what waits behind it hears of it now.
        """
        [result] = await asyncio.gather(self._commit(group), return_exceptions=True)
        if isinstance(result, (OperationalError, WriterBusyError)):
            self._refuse([*group, *self._all_waiting()], result)
            return
        if isinstance(result, BaseException):
            if len(group) > 1:
                for one in group:
                    await self._settle([one])
            elif not group[0].outcome.done():
                group[0].outcome.set_exception(result)
            return
        for waiting, outcomes in zip(group, result, strict=True):
            if not waiting.outcome.done():  # its caller may have gone
                waiting.outcome.set_result(outcomes)

    def _refuse(self, some: Iterable[_Waiting], error: SQLAlchemyError) -> None:
        for waiting in some:
            if not waiting.outcome.done():
                waiting.outcome.set_exception(error)

    async def _commit(self, group: list[_Waiting]) -> list[list[Appended]]:
        batches = [waiting.events for waiting in group]
        try:
            outcomes, folded = await self._database.commit_apart(partial(_append, batches, self._clock))
        except OutcomeUnknownError:
            _log.warning("a group of events is written again", events=sum(map(len, batches)))
            outcomes, folded = await self._database.commit(partial(_append, batches, self._clock, again=True))
        self.events_written += sum(one is Appended.NEW for batch in outcomes for one in batch)
        if folded:
            await self._folded(folded)
        self._commits += 1
        if self._commits >= COMMITS_PER_CHECKPOINT:
            self._has_chores.set()
        return outcomes

    async def _write_behind(self) -> None:
        while not (self._closing.is_set() and not self._lists):
            await self._has_chores.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), LIST_DELAY_SECONDS)
            self._has_chores.clear()
            await self.flush_lists()
            if self._commits >= COMMITS_PER_CHECKPOINT:
                self._commits = 0
                await self._checkpoint()

    async def flush_lists(self) -> None:
        """Write the lists that wait. When the database cannot, they are dropped and counted."""
        batch = [self._lists.popleft() for _ in range(len(self._lists))]
        if not batch:
            return
        for at in range(0, len(batch), LISTS_PER_COMMIT):
            some = batch[at : at + LISTS_PER_COMMIT]
            try:
                # Where events are written: a request waits for it no longer than for one group.
                await self._database.commit_apart(partial(insert_lists, batch=some))
                self.lists_written += len(some)
            except (SQLAlchemyError, OutcomeUnknownError) as error:
                lost = batch[at:] if isinstance(error, (OperationalError, WriterBusyError)) else some
                self.lists_dropped += len(lost)
                _log.warning("shown lists not written", lists=len(lost), error=type(error).__name__)
                if lost is not some:
                    return  # it would not take the next ones either, and keep events waiting meanwhile
            self._commits += 1

    async def _checkpoint(self) -> None:
        try:
            await self._database.checkpoint()
        except SQLAlchemyError as error:
            _log.warning("checkpoint failed", error=type(error).__name__)


def _append(
    batches: Sequence[Sequence[Engagement]],
    clock: Callable[[], datetime],
    connection: Connection,
    *,
    again: bool = False,
) -> tuple[list[list[Appended]], list[StoredProfile]]:
    """Insert the events and fold the profiles; returns what became of each event, batch by batch, and the profiles.

    Among these are those of events that were there before: whoever stored them may have been killed before it said so.
    `again`: this group was tried before, so what is there is most likely its own, and new.
    """
    events = [event for batch in batches for event in batch]
    received_at = time_after_links(connection, events, clock())  # the write lock is held
    unclaimed = insert_new(connection, events, received_at)
    repeated = [] if len(unclaimed) == len(events) else [event.event_id for event in events]
    digests = stored_digests(connection, repeated)
    new: list[Engagement] = []
    known: list[Engagement] = []

    def outcome(event: Engagement) -> Appended:
        if event.event_id in unclaimed:
            unclaimed.remove(event.event_id)
            new.append(event)
            return Appended.NEW
        known.append(event)
        if digests[event.event_id] != content_digest(event):
            return Appended.CONFLICT
        return Appended.NEW if again else Appended.DUPLICATE

    outcomes = [[outcome(event) for event in batch] for batch in batches]
    folded = fold_new(connection, new, received_at)
    return outcomes, [*folded, *profiles_of(connection, known)]

"""Old rows out of the database: `python -m training.retention --older-than 365 --home DIR`.

Moves events, visits, exposures and shown lists that are older than so many days (whole days of UTC) into Parquet files
below the home's `archive`, one for each table and month, and then deletes them, a few at a time, so that a service on
the same home goes on as ever. `--delete` deletes without an archive; `--dry-run` only counts. Without `--older-than`,
RETENTION_EVENTS_DAYS and RETENTION_LISTS_DAYS say how old.

A row is deleted after the file with it is on disk, so none is ever missing in both; interrupted, the next run goes on,
and a second one finds nothing to do. Profiles are folds of the log: what is gone no longer counts in them. Counts by
the hour and by the day stay as they are, and hours without a whole log are never counted again; so all hours must have
been counted before (`--even-uncounted` goes on without). An archive holds what was stored: erasing a person reaches
the home's, and no other (`database.archive.erase_from_archive`). The file of the database does not shrink; its room is
used again.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

from sqlalchemy import Connection

from config.progress import Steps, Update
from config.retention_settings import SHORTEST_DAYS
from config.settings import Settings
from core.errors import CadenceError
from database.archive import ArchiveChangedError, add_rows
from database.connection import Database
from database.profile_cache import ProfileCache, marks_of, shared_profiles
from database.repositories.people import newest_erasure
from database.repositories.retention import (
    LOGS,
    Log,
    count,
    delete_events,
    delete_rows,
    months,
    names,
    note_whole_from,
    owners_of,
    rows,
    uncounted_hours,
)
from database.repositories.statements import chunks

T = TypeVar("T")
ROWS_PER_COMMIT = 500  # a shopper's event waits that long at most, and seldom: between two commits it rests
OWNERS_PER_COMMIT = 20  # whose profiles are folded anew
_TRIES = 5  # at a file, while people are being erased


class RetentionError(CadenceError):
    """It must not go on; the message says why."""

    code = "retention"


@dataclass(frozen=True, slots=True)
class Plan:
    """`before`: from when on rows stay, by log. `archive` None: what is older is deleted for good."""

    before: dict[str, datetime]
    archive: Path | None
    even_uncounted: bool = False


def utc_now() -> datetime:
    return datetime.now(UTC)


def main(arguments: list[str] | None = None, clock: Callable[[], datetime] = utc_now) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop (default ./var)")
    parser.add_argument("--older-than", type=int, metavar="DAYS", help=f"at least {SHORTEST_DAYS}")
    parser.add_argument("--archive", type=Path, metavar="DIR", help="where files go (default HOME/archive)")
    parser.add_argument("--delete", action="store_true", help="delete without an archive")
    parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
    parser.add_argument("--even-uncounted", action="store_true", help="give up counts that nobody has made yet")
    options = parser.parse_args(arguments)
    if options.delete and options.archive:
        parser.error("--delete keeps no archive")
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    settings, steps = Settings(), Steps()
    try:
        days = _days(settings, options.older_than)
        today = clock().replace(hour=0, minute=0, second=0, microsecond=0)
        before = {name: today - timedelta(days=number) for name, number in days.items()}
        folder = None if options.delete else options.archive or settings.storage.cadence_home / "archive"
        plan = Plan(before, folder, options.even_uncounted)
        return asyncio.run(_run(settings, plan, steps, clock, dry=options.dry_run))
    except CadenceError as error:
        steps.fail(error)
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: nothing is lost; start it again, and it goes on")
        return 130


def _days(settings: Settings, older_than: int | None) -> dict[str, int]:
    """By log. Raises RetentionError where nobody has said how many."""
    events = older_than if older_than is not None else settings.retention.retention_events_days
    lists = older_than if older_than is not None else settings.retention.retention_lists_days or events
    days = {name: number for name in LOGS if (number := lists if name == "list_log" else events) is not None}
    if not days:
        raise RetentionError("how old? Say --older-than DAYS, or set RETENTION_EVENTS_DAYS")
    if min(days.values()) < SHORTEST_DAYS:
        raise RetentionError(f"events may come a day late and are looked back at: keep at least {SHORTEST_DAYS} days")
    return days


async def _run(settings: Settings, plan: Plan, steps: Steps, clock: Callable[[], datetime], *, dry: bool) -> int:
    database = Database(settings.storage.url)
    cache = ProfileCache(database, marks_of(settings), shared_profiles(settings))
    try:
        await database.migrate()
        if dry:
            for name, before in plan.before.items():
                number = await database.read(partial(_count_old, log=LOGS[name], before=before))
                steps.say(f"{name}: {number:,} rows before {before:%Y-%m-%d}")
            return 0
        await Retention(database, cache, steps, clock).keep(plan)
        return 0
    finally:
        await cache.close()
        await database.dispose()


def _count_old(connection: Connection, log: Log, before: datetime) -> int:
    return sum(count(connection, log, *span) for span in months(connection, log, before))


class Retention:
    """Keeps what a plan says, and no more."""

    def __init__(
        self,
        database: Database,
        cache: ProfileCache,
        steps: Steps,
        clock: Callable[[], datetime] = utc_now,
        rest: float = 1.0,
    ) -> None:
        """`rest`: seconds for each second of writing, in which others write."""
        self.archived = self.deleted = self.refolded = 0
        self.longest = 0.0  # seconds of a transaction
        self._rest = rest
        self._database, self._cache, self._steps, self._clock = database, cache, steps, clock

    async def keep(self, plan: Plan) -> None:
        """Raises RetentionError where hours would be lost that nobody has counted."""
        uncounted = await self._database.read(partial(uncounted_hours, before=max(plan.before.values())))
        if uncounted != 0 and not plan.even_uncounted:
            some = "hours" if uncounted is None else f"{uncounted:,} hours"
            raise RetentionError(
                f"{some} of that time are not counted for the dashboard yet: let the service run until they are, or "
                "give them up with --even-uncounted"
            )
        for name, before in plan.before.items():
            log = LOGS[name]
            await self._database.commit(partial(note_whole_from, log=log, moment=before))
            with self._steps.step(name) as update:
                spans = await self._database.read(partial(months, log=log, before=before))
                for number, span in enumerate(spans):
                    await self._month(log, span, plan.archive, _part(update, number, len(spans), f"{span[0]:%Y-%m}"))
        self._steps.say(
            f"{self.archived:,} rows archived, {self.deleted:,} deleted, {self.refolded:,} profiles folded anew; "
            f"longest transaction {1_000 * self.longest:.0f} ms"
        )

    async def _month(self, log: Log, span: tuple[datetime, datetime], folder: Path | None, update: Update) -> None:
        # What is named before it is archived is surely in the file; what comes later stays until the next run.
        if log is LOGS["events"]:
            owners = await self._database.count(partial(owners_of, start=span[0], end=span[1]))
            await self._archive(log, span, folder)
            await self._delete_events(owners, update)
            return
        named = await self._database.count(partial(names, log=log, start=span[0], end=span[1]))
        await self._archive(log, span, folder)
        for number, some in enumerate(chunks(named, ROWS_PER_COMMIT), 1):
            self.deleted += await self._commit(partial(delete_rows, log=log, named=some))
            update(min(1.0, number * ROWS_PER_COMMIT / len(named)), f"{self.deleted:,} rows deleted")

    async def _commit(self, work: Callable[[Connection], T]) -> T:
        begun = time.perf_counter()
        done = await self._database.commit(work)
        took = time.perf_counter() - begun
        self.longest = max(self.longest, took)
        await asyncio.sleep(self._rest * took)
        return done

    async def _archive(self, log: Log, span: tuple[datetime, datetime], folder: Path | None) -> None:
        if folder is None:
            return
        loop = asyncio.get_running_loop()

        def erased_by_now() -> int:  # asked from the thread that reads
            return asyncio.run_coroutine_threadsafe(self._database.read(newest_erasure), loop).result()

        add = partial(_add, log=log, span=span, folder=folder, erased_by_now=erased_by_now)
        for last in reversed(range(_TRIES)):
            try:
                self.archived += await self._database.count(add)
                return
            except ArchiveChangedError:
                if not last:
                    raise

    async def _delete_events(self, owners: dict[str | None, list[str]], update: Update) -> None:
        nobodys, done, total = owners.pop(None, []), 0, sum(map(len, owners.values())) or 1
        for some in chunks(nobodys, ROWS_PER_COMMIT):
            gone, _, _ = await self._commit(partial(delete_events, event_ids=some, owners=[], now=self._clock()))
            self.deleted += gone
        for group in _groups(owners):
            ids = [event_id for owner in group for event_id in owners[owner]]
            gone, kept, emptied = await self._commit(
                partial(delete_events, event_ids=ids, owners=group, now=self._clock())
            )
            await self._cache.changed(kept)
            for owner in emptied:
                await self._cache.merged(owner)
            self.deleted, self.refolded, done = self.deleted + gone, self.refolded + len(kept), done + len(ids)
            update(done / total, f"{self.deleted:,} rows deleted")


def _add(
    connection: Connection, log: Log, span: tuple[datetime, datetime], folder: Path, erased_by_now: Callable[[], int]
) -> int:
    erased = newest_erasure(connection)  # of the state that is read; asked again before the file is put in its place
    some = rows(connection, log, *span)
    return add_rows(folder, log.table, span[0], log.named_by, some, lambda: erased_by_now() == erased)


def _groups(owners: dict[str | None, list[str]]) -> Iterator[Sequence[str]]:
    """Owners whose events make a transaction of about `ROWS_PER_COMMIT` rows; all of one owner's go together."""
    group, size = list[str](), 0
    for owner, ids in owners.items():
        if owner is None:
            continue
        if group and (size + len(ids) > ROWS_PER_COMMIT or len(group) >= OWNERS_PER_COMMIT):
            yield group
            group, size = [], 0
        group.append(owner)
        size += len(ids)
    if group:
        yield group


def _part(update: Update, number: int, of: int, name: str) -> Update:
    def part(share: float, note: str = "") -> None:
        update((number + share) / of, f"{name}: {note}")

    return part


if __name__ == "__main__":
    raise SystemExit(main())

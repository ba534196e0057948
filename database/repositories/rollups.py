"""Counts of the log by the hour and by the day, kept beside it and made anew where the log has changed.

An hour's counts follow from the log alone, so there is nothing to keep in step: whatever comes late, is imported or
removed makes its hour *due*, and who counts it again gets what the log says now. A day is the sum of its hours. The
last hours stay *open* (nothing is stored) until nothing can usually be added to them; they are counted when asked.

One process counts at a time (a lease). Counting reads; what it found is written in a short transaction of its own.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from core.analytics.cells import Cells, cells_of, day_of
from core.analytics.definitions import CLICK_WINDOW_SECONDS, LAYOUT
from core.analytics.fold import hour_of
from core.analytics.tally import Tally
from database.models import retention, rollup_due, rollup_state, rollup_terms, rollups
from database.repositories.statements import chunks, upsert

LEASE = timedelta(seconds=120)  # several runs of counting, on a busy machine
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A click may belong to a search of half an hour ago, and lists are written a moment late.
CLOSES_AFTER = timedelta(seconds=CLICK_WINDOW_SECONDS, minutes=2)
HOURS_AT_ONCE = 6  # of the log in memory: half a kilobyte an event
_EVER = datetime.min.replace(tzinfo=UTC)
_ONLY = 1  # id of the one row of the state


@dataclass(frozen=True, slots=True)
class RollupState:
    """`looked_at`: what was received until then is counted, or due; None: nobody has ever counted."""

    looked_at: datetime | None
    imports: Mapping[str, Sequence[str]]

    @property
    def open_from(self) -> datetime | None:
        """The first hour of which nothing is stored."""
        return None if self.looked_at is None else open_from(self.looked_at)


def open_from(at: datetime) -> datetime:
    return hour_of(at - CLOSES_AFTER)


def day_start(at: datetime) -> datetime:
    return hour_of(at).replace(hour=0)


def find_state(connection: Connection) -> RollupState:
    found = connection.execute(
        select(rollup_state.c.looked_at, rollup_state.c.imports).where(rollup_state.c.layout == LAYOUT)
    ).first()
    return RollupState(None, {}) if found is None else RollupState(*found)


def take_lease(connection: Connection, owner: str, now: datetime) -> bool:
    """Makes `owner` the one that counts, until `LEASE` from now; False where another one does."""
    first = {"id": _ONLY, "layout": LAYOUT, "imports": {}}
    connection.execute(upsert(connection.dialect, rollup_state).values(first).on_conflict_do_nothing())
    state = rollup_state.c
    free = or_(state.owner.is_(None), state.owner == owner, state.lease_expires_at <= now)
    taken = connection.execute(
        update(rollup_state).where(free).values(owner=owner, lease_expires_at=now + LEASE).returning(state.layout)
    ).scalar()
    if taken is not None and taken != LAYOUT:  # of another release: all is counted anew
        for table in (rollups, rollup_due):
            connection.execute(delete(table))
        connection.execute(update(rollup_state).values(layout=LAYOUT, looked_at=None, imports={}))
    return taken is not None


def give_lease_back(connection: Connection, owner: str) -> None:
    connection.execute(
        update(rollup_state).where(rollup_state.c.owner == owner).values(owner=None, lease_expires_at=None)
    )


def make_due(connection: Connection, hours: Iterable[datetime]) -> None:
    """These hours no longer hold. Whoever removes or changes events calls it in the same transaction.

    What was counted of a time whose log is no longer whole stays as it is: there is nothing to count it from.
    """
    first = countable_from(connection)
    rows = [{"start": hour} for hour in sorted(set(hours)) if hour >= first]
    if rows:
        statement = upsert(connection.dialect, rollup_due)
        once_more = {"mark": rollup_due.c.mark + 1}
        connection.execute(statement.on_conflict_do_update(index_elements=["start"], set_=once_more), rows)
        for days in chunks(sorted({day_start(row["start"]) for row in rows})):
            connection.execute(delete(rollups).where(rollups.c.grain == "day", rollups.c.start.in_(days)))


def countable_from(connection: Connection) -> datetime:
    """The first hour that can be counted anew: a day after the logs begin, since acts may belong to earlier ones."""
    whole_from = connection.execute(select(func.max(retention.c.whole_from))).scalar()
    return _EVER if whole_from is None else whole_from + DAY


def note_look(connection: Connection, state: RollupState, hours: Iterable[datetime]) -> None:
    """Stores what a look at the log found: `hours` become due."""
    make_due(connection, hours)
    connection.execute(update(rollup_state).values(looked_at=state.looked_at, imports=dict(state.imports)))


def count_due(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(rollup_due)).scalar_one()


def find_due(connection: Connection, start: datetime, end: datetime) -> set[datetime]:
    due = rollup_due.c.start
    return set(connection.execute(select(due).where(due >= start, due < end)).scalars())


def find_marks(connection: Connection, start: datetime, end: datetime) -> dict[datetime, int]:
    """The due hours with their marks, to be read before they are counted (`store`)."""
    due = rollup_due.c
    rows = connection.execute(select(due.start, due.mark).where(due.start >= start, due.start < end))
    return {row.start: row.mark for row in rows}


def next_run(connection: Connection) -> tuple[datetime, datetime] | None:
    """From and before which hour to count next: the last due ones of one day that adjoin, at most `HOURS_AT_ONCE`."""
    last = connection.execute(select(func.max(rollup_due.c.start))).scalar()
    if last is None:
        return None
    due = find_due(connection, day_start(last), last + HOUR)
    start = last
    while start - HOUR in due and last - start < (HOURS_AT_ONCE - 1) * HOUR:
        start -= HOUR
    return start, last + HOUR


def store(
    connection: Connection,
    start: datetime,
    end: datetime,
    tallies: Mapping[datetime, Tally],
    marks: Mapping[datetime, int] | None = None,
) -> None:
    """Replaces the counts of the hours of one day from `start` on, before `end`, and of their day if it is complete.

    `marks` as read before counting: an hour that became due once more meanwhile stays due. None: nothing could.
    """
    numbers = _number(connection, set(chain.from_iterable(tally.texts() for tally in tallies.values())))
    hours = rollups.c.start >= start, rollups.c.start < end
    connection.execute(delete(rollups).where(rollups.c.grain == "hour", *hours))
    now_due = find_marks(connection, start, end)
    settled = [hour for hour, mark in now_due.items() if marks is None or marks.get(hour) == mark]
    for some in chunks(settled):
        connection.execute(delete(rollup_due).where(rollup_due.c.start.in_(some)))
    rows = [_row("hour", hour, cells_of(tally, numbers)) for hour, tally in tallies.items()]
    if rows:
        connection.execute(insert(rollups), rows)
    day = day_start(start)
    connection.execute(delete(rollups).where(rollups.c.grain == "day", rollups.c.start == day))
    looked_at = connection.execute(select(rollup_state.c.looked_at)).scalar()
    is_over = looked_at is not None and day + DAY <= open_from(looked_at)
    if is_over and not find_due(connection, day, day + DAY):
        parts = {hour.hour: cells for hour, cells in find_cells(connection, "hour", day, day + DAY)}
        if parts:
            connection.execute(insert(rollups), [_row("day", day, day_of(parts))])


def _row(grain: str, start: datetime, cells: Cells) -> dict[str, Any]:
    raw = cells.to_bytes()
    digest = int.from_bytes(hashlib.blake2b(raw, digest_size=6).digest(), "little")
    return {"grain": grain, "start": start, "digest": digest, "cells": raw}


def digest_days(connection: Connection, start: datetime, end: datetime) -> tuple[int, int]:
    """How many days are stored, and a sum that is another one once any of them is counted anew."""
    days = rollups.c.grain == "day", rollups.c.start >= start, rollups.c.start < end
    number, digests = connection.execute(select(func.count(), func.sum(rollups.c.digest)).where(*days)).one()
    return number, int(digests or 0)


def find_cells(connection: Connection, grain: str, start: datetime, end: datetime) -> list[tuple[datetime, Cells]]:
    """What is stored, in the order of time; `grain` is hour or day."""
    found = connection.execute(
        select(rollups.c.start, rollups.c.cells)
        .where(rollups.c.grain == grain, rollups.c.start >= start, rollups.c.start < end)
        .order_by(rollups.c.start)
    )
    return [(at, Cells.from_bytes(raw)) for at, raw in found]


def find_hours(connection: Connection, hours: Iterable[datetime]) -> dict[datetime, Cells]:
    found: dict[datetime, Cells] = {}
    for some in chunks(sorted(set(hours))):
        rows = select(rollups.c.start, rollups.c.cells).where(rollups.c.grain == "hour", rollups.c.start.in_(some))
        found.update((at, Cells.from_bytes(raw)) for at, raw in connection.execute(rows))
    return found


def find_numbers(connection: Connection, texts: Iterable[str]) -> dict[str, int]:
    """By text; those that never were counted are left out."""
    terms = rollup_terms.c
    found: dict[str, int] = {}
    for some in chunks(sorted(texts)):
        found.update((text, number) for text, number in connection.execute(_NUMBERS.where(terms.text.in_(some))))
    return found


def find_texts(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    terms = rollup_terms.c
    found: dict[int, str] = {}
    for some in chunks(sorted(numbers)):
        found.update((number, text) for text, number in connection.execute(_NUMBERS.where(terms.id.in_(some))))
    return found


def count_texts(connection: Connection) -> int:
    """The greatest number of a text."""
    return connection.execute(select(func.max(rollup_terms.c.id))).scalar() or 0


def prune_texts(connection: Connection, erasure: int) -> int:
    """Deletes the texts that no stored hour counts any more, and notes that it was done after this erasure.

    To be called while nothing is due. Reads every hour that is stored: some seconds for a year of a large shop.
    """
    used: set[int] = set()
    found = connection.execute(
        select(rollups.c.cells).where(rollups.c.grain == "hour"), execution_options={"yield_per": 100}
    )
    for (raw,) in found:
        cells = Cells.from_bytes(raw)
        for ids in (cells.query_ids, cells.empty_ids, cells.product_ids, cells.measure_ids, cells.member_ids):
            used.update(ids.tolist())
    known = connection.execute(select(rollup_terms.c.id)).scalars()
    unused = sorted(set(known) - used)
    for some in chunks(unused):
        connection.execute(delete(rollup_terms).where(rollup_terms.c.id.in_(some)))
    connection.execute(update(rollup_state).values(pruned_erasure=erasure))
    return len(unused)


def pruned_erasure(connection: Connection) -> int:
    """The number of the last erasure after which texts were pruned."""
    return connection.execute(select(rollup_state.c.pruned_erasure)).scalar() or 0


def _number(connection: Connection, texts: set[str]) -> dict[str, int]:
    known = find_numbers(connection, texts)
    new = sorted(texts - known.keys())
    if new:
        statement = upsert(connection.dialect, rollup_terms).on_conflict_do_nothing()
        connection.execute(statement, [{"text": text} for text in new])
        known.update(find_numbers(connection, new))
    return known


_NUMBERS = select(rollup_terms.c.text, rollup_terms.c.id)

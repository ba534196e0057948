"""The counts of any span of time, put together: whole days and hours as they are stored, the rest from the log.

What a span's ends cut off of an hour, the hours that are still open and the few that wait to be counted anew are
counted on the spot, by the same code. So the sum is exact, whatever has been counted before.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from core.analytics.cells import Array, Cells, add_up, cells_of
from core.analytics.definitions import SERIES
from core.analytics.fold import hour_of
from core.analytics.tally import Tally
from database.repositories.insights import Span
from database.repositories.rollup_changes import find_changes
from database.repositories.rollup_log import fold_span
from database.repositories.rollups import (
    DAY,
    HOUR,
    count_texts,
    day_start,
    digest_days,
    find_cells,
    find_due,
    find_hours,
    find_numbers,
    find_state,
    find_texts,
)

KEPT = 8  # sums of stretches
LONG = timedelta(days=7)  # of a stretch whose sum is worth keeping
COUNTED_ON_THE_SPOT = 6  # hours at most, each some milliseconds


@dataclass(frozen=True, slots=True)
class Piece:
    """`start`: of the hour that it is, or is a part of, or of the first of `days`."""

    start: datetime
    days: int
    cells: Cells

    def holds(self, hour: datetime) -> bool:
        return self.start <= hour < self.start + (self.days * DAY or HOUR)


class Stretches:
    """Sums of many days, kept as long as none of these days is counted anew: the latest `KEPT` that were asked for.

    About ten megabytes for a year of a million sessions.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[datetime, datetime], tuple[tuple[int, int], Cells]] = OrderedDict()

    def find(self, connection: Connection, start: datetime, end: datetime) -> Cells:
        """The sum of the stored days."""
        key, digest = (start, end), digest_days(connection, start, end)
        known = self._kept.pop(key, None)
        if known is None or known[0] != digest:
            known = digest, _sum_of_days(find_cells(connection, "day", start, end), start, end)
        self._kept[key] = known
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return known[1]


def _sum_of_days(days: Sequence[tuple[datetime, Cells]], start: datetime, end: datetime) -> Cells:
    series = np.zeros(((end - start) // HOUR, SERIES))
    for at, cells in days:
        first = (at - start) // HOUR
        series[first : first + 24] = cells.series
    return replace(add_up([cells for _, cells in days]), series=series)


@dataclass(frozen=True, slots=True)
class Freshness:
    """What stored counts can be used for an answer: those before `open_from`, `stale` hours aside.

    `waiting`: hours that wait to be counted and are too many to be counted for an answer.
    """

    open_from: datetime
    stale: frozenset[datetime]
    waiting: int

    is_complete: bool = True  # otherwise hours are left out that nobody has counted yet

    @classmethod
    def of(cls, connection: Connection, span: Span, now: datetime) -> "Freshness":
        """Of the log as it is. Where nobody has counted ever, all is counted from the log."""
        state = find_state(connection)
        if state.looked_at is None or state.open_from is None:
            return cls(hour_of(span.start), frozenset(), 0, is_complete=False)
        changed = find_changes(connection, state, now)[1] if now >= state.looked_at else set()
        first, end = hour_of(span.start), min(span.end, state.open_from)
        due, changed = find_due(connection, first, end), {hour for hour in changed if first <= hour < end}
        stale = due | changed
        if len(stale) <= COUNTED_ON_THE_SPOT:
            return cls(state.open_from, frozenset(stale), 0)
        missing = due - find_hours(connection, due).keys()
        if len(missing) > COUNTED_ON_THE_SPOT:
            return cls(state.open_from, frozenset(), len(stale), is_complete=False)
        return cls(state.open_from, frozenset(missing), len(stale) - len(missing))


class SpanCounts:
    """Counts spans of one consistent state of the database. `measures`: those of dimensions, too. With `stretches` many
    days may come as one piece, which has no measures."""

    def __init__(
        self, connection: Connection, fresh: Freshness, stretches: Stretches | None = None, *, measures: bool = False
    ) -> None:
        self._measures, self._stretches = measures, stretches
        self._connection, self._fresh = connection, fresh
        self._numbers: dict[str, int] = {}
        self._stored_texts = count_texts(connection)
        self._new: dict[int, str] = {}  # that no count had before: with further numbers for this answer

    def pieces(self, span: Span) -> list[Piece]:
        """In the order of time; together they are the span."""
        first = _next(span.start, HOUR)
        closed = min(hour_of(span.end), self._fresh.open_from)
        if closed <= first:
            return self._from_log(span.start, span.end)
        stored = self._stored(first, closed)
        return [*self._from_log(span.start, first), *stored, *self._from_log(closed, span.end)]

    def hours(self, span: Span) -> list[Piece]:
        """As `pieces`, of whole hours, none of them as a part of a day."""
        closed = max(span.start, min(span.end, self._fresh.open_from))
        return [*self._hours(span.start, closed), *self._from_log(closed, span.end)]

    def _stored(self, start: datetime, end: datetime) -> list[Piece]:
        first, last = _next(start, DAY), day_start(end)
        if last <= first:
            return self._hours(start, end)
        # A day of which nothing is stored had no traffic, or waits for one of its hours.
        torn = {day_start(hour) for hour in self._fresh.stale} | {
            day_start(at) for at in find_due(self._connection, first, last)
        }
        whole = [*sorted(day for day in torn if first <= day < last), last]
        pieces: list[Piece] = []
        for day in whole:
            pieces += self._days(first, day)
            first = day + DAY
        first = _next(start, DAY)
        for day in sorted(torn):
            if first <= day < last:
                pieces += self._hours(day, day + DAY)
        pieces.sort(key=lambda piece: piece.start)
        return [*self._hours(start, first), *pieces, *self._hours(last, end)]

    def _days(self, start: datetime, end: datetime) -> list[Piece]:
        """Stored days. What comes late is at most a day late as a rule: the last two do not disturb a stretch."""
        if start >= end:
            return []
        settled = end - 2 * DAY
        pieces = []
        if self._stretches is not None and settled - start >= LONG:
            cells = self._stretches.find(self._connection, start, settled)
            pieces, start = [Piece(start, (settled - start) // DAY, cells)], settled
        return [*pieces, *(Piece(at, 1, cells) for at, cells in find_cells(self._connection, "day", start, end))]

    def _hours(self, start: datetime, end: datetime) -> list[Piece]:
        if start >= end:
            return []
        stored = find_cells(self._connection, "hour", start, end)
        pieces = [Piece(at, 0, cells) for at, cells in stored if at not in self._fresh.stale]
        for hour in sorted(self._fresh.stale):
            if start <= hour < end:
                pieces += self._from_log(hour, hour + HOUR)
        return sorted(pieces, key=lambda piece: piece.start)

    def _from_log(self, start: datetime, end: datetime) -> list[Piece]:
        tallies = fold_span(self._connection, start, end, measures=self._measures)
        return [Piece(hour, 0, cells_of(tally, self._known(tally))) for hour, tally in sorted(tallies.items())]

    def _known(self, tally: Tally) -> dict[str, int]:
        texts = tally.texts() - self._numbers.keys()
        self._numbers.update(find_numbers(self._connection, texts))
        for text in sorted(texts - self._numbers.keys()):
            self._numbers[text] = self._stored_texts + 1 + len(self._new)
            self._new[self._numbers[text]] = text
        return self._numbers

    def number_of(self, text: str) -> int | None:
        found = find_numbers(self._connection, [text]) if text not in self._numbers else self._numbers
        return found.get(text)

    def texts(self, numbers: Sequence[int]) -> dict[int, str]:
        stored = find_texts(self._connection, [number for number in numbers if number not in self._new])
        return stored | {number: self._new[number] for number in numbers if number in self._new}

    def series(self, pieces: Sequence[Piece], parts: Sequence[Span]) -> Array:
        """(parts, 6): the first totals in each of the adjoining parts, which begin at whole seconds."""
        base = hour_of(parts[0].start)
        hourly = np.zeros(((parts[-1].end - base) // HOUR + 2, SERIES))
        moments: dict[datetime, list[Array]] = {}
        for piece in pieces:
            at = (piece.start - base) // HOUR
            if piece.days:
                hourly[at : at + 24 * piece.days] += piece.cells.series
            else:
                hourly[at] += piece.cells.totals[:SERIES]
                moments.setdefault(piece.start, []).append(piece.cells.moments)
        edges = [parts[0].start, *(part.end for part in parts)]
        cut = {hour_of(edge) for edge in edges} - moments.keys()
        within_days = [at for at in cut if any(piece.days and piece.holds(at) for piece in pieces)]
        for hour, cells in find_hours(self._connection, within_days).items():
            moments[hour] = [cells.moments]
        before = np.concatenate([np.zeros((1, SERIES)), np.cumsum(hourly, axis=0)])
        so_far = []
        for edge in edges:
            hour = hour_of(edge)
            within = sum((_until(some, edge - hour) for some in moments.get(hour, [])), np.zeros(SERIES))
            so_far.append(before[(hour - base) // HOUR] + within)
        return np.diff(np.stack(so_far), axis=0)


def total(pieces: Sequence[Piece]) -> Cells:
    return add_up([piece.cells for piece in pieces])


def _until(moments: Array, passed: timedelta) -> Array:
    """(6): how often each of the series was counted in the first `passed` of an hour."""
    seconds = int(passed.total_seconds())
    starts = 3_600 * np.arange(SERIES)
    counted: Array = np.searchsorted(moments, starts + seconds) - np.searchsorted(moments, starts)
    return counted


def _next(at: datetime, unit: timedelta) -> datetime:
    """The first hour or day that begins then or later."""
    whole = hour_of(at) if unit == HOUR else day_start(at)
    return whole if whole == at else whole + unit

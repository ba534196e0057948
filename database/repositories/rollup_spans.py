"""The counts of any span of time, put together: whole days and hours as they are stored, the rest from the log.

What a span's ends cut off of an hour, the hours that are still open and the few that wait to be counted anew are
counted on the spot, by the same code. So the sum is exact, whatever has been counted before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
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
    day_start,
    find_cells,
    find_due,
    find_hours,
    find_numbers,
    find_state,
    find_texts,
)

COUNTED_ON_THE_SPOT = 6  # hours at most, each some milliseconds
_NEW = 2**31  # numbers of texts that no count had before, for one answer


@dataclass(frozen=True, slots=True)
class Piece:
    """`start`: of the hour or day that it is, or that it is a part of."""

    start: datetime
    is_day: bool
    cells: Cells


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
    """Counts spans of one consistent state of the database; `measures`: those of dimensions, too."""

    def __init__(self, connection: Connection, fresh: Freshness, *, measures: bool = False) -> None:
        self._measures = measures
        self._connection, self._fresh = connection, fresh
        self._numbers: dict[str, int] = {}
        self._new: dict[int, str] = {}

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
        days = find_cells(self._connection, "day", first, last)
        there = {at for at, _ in days}
        torn = {day_start(hour) for hour in self._fresh.stale}
        # A day of which nothing is stored had no traffic, or waits for one of its hours.
        torn |= {day_start(at) for at in find_due(self._connection, first, last)} - there
        pieces = [Piece(at, True, cells) for at, cells in days if at not in torn]
        for day in sorted(torn):
            if first <= day < last:
                pieces += self._hours(day, day + DAY)
        pieces.sort(key=lambda piece: piece.start)
        return [*self._hours(start, first), *pieces, *self._hours(last, end)]

    def _hours(self, start: datetime, end: datetime) -> list[Piece]:
        if start >= end:
            return []
        stored = find_cells(self._connection, "hour", start, end)
        pieces = [Piece(at, False, cells) for at, cells in stored if at not in self._fresh.stale]
        for hour in sorted(self._fresh.stale):
            if start <= hour < end:
                pieces += self._from_log(hour, hour + HOUR)
        return sorted(pieces, key=lambda piece: piece.start)

    def _from_log(self, start: datetime, end: datetime) -> list[Piece]:
        tallies = fold_span(self._connection, start, end, measures=self._measures)
        return [Piece(hour, False, cells_of(tally, self._known(tally))) for hour, tally in sorted(tallies.items())]

    def _known(self, tally: Tally) -> dict[str, int]:
        texts = tally.texts() - self._numbers.keys()
        self._numbers.update(find_numbers(self._connection, texts))
        for text in sorted(texts - self._numbers.keys()):
            self._numbers[text] = _NEW + len(self._new)
            self._new[self._numbers[text]] = text
        return self._numbers

    def number_of(self, text: str) -> int | None:
        found = find_numbers(self._connection, [text]) if text not in self._numbers else self._numbers
        return found.get(text)

    def texts(self, numbers: Sequence[int]) -> dict[int, str]:
        stored = find_texts(self._connection, [number for number in numbers if number < _NEW])
        return stored | {number: self._new[number] for number in numbers if number >= _NEW}

    def series(self, pieces: Sequence[Piece], parts: Sequence[Span]) -> Array:
        """(parts, 6): the first totals in each of the adjoining parts, which begin at whole seconds."""
        base = hour_of(parts[0].start)
        hourly = np.zeros(((parts[-1].end - base) // HOUR + 2, SERIES))
        moments: dict[datetime, list[Array]] = {}
        for piece in pieces:
            at = (piece.start - base) // HOUR
            if piece.is_day:
                hourly[at : at + 24] += piece.cells.series
            else:
                hourly[at] += piece.cells.totals[:SERIES]
                moments.setdefault(piece.start, []).append(piece.cells.moments)
        edges = [parts[0].start, *(part.end for part in parts)]
        cut = {hour_of(edge) for edge in edges} - moments.keys()
        of_days = {piece.start for piece in pieces if piece.is_day}
        for hour, cells in find_hours(self._connection, [at for at in cut if day_start(at) in of_days]).items():
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

"""Counts of a stretch of time as arrays of numbers: small to store, and added up within milliseconds for a year.

Adding is exact and has no order. Sessions are sets: one that shows in two stretches counts once in their sum.
"""

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.analytics.definitions import BOT, BOUGHT, LAYOUT, MEASURES, SERIES, SESSION_MEASURES, TOTALS, USED_SUGGESTIONS
from core.analytics.tally import Tally

Array = NDArray[Any]
_BITS = np.uint64(15)


@dataclass(frozen=True, slots=True)
class Cells:
    """Texts are numbers (`ids` ascending). (n) or (n, k): one row for each id or session.

    `moments` are those of a tally, where the stretch is an hour; `series` the first totals by the hour, where it is
    one or more days. `visits` and `member_visits` hold a
    session's hash above four bits (`definitions.STEPS`, and BOUGHT …).
    """

    totals: Array  # (T) float64
    moments: Array  # (n) uint16, ascending
    series: Array  # (24 a day, 6) float64
    query_ids: Array  # (q) uint32
    queries: Array  # (q, 3) int32: searches, followed, clicked
    empty_ids: Array
    empty: Array  # (e, 1)
    product_ids: Array
    products: Array  # (p, 1)
    visits: Array  # (v) uint64, ascending
    measure_ids: Array
    measures: Array  # (m, M) float64
    member_ids: Array  # (s) uint32, ascending …
    member_visits: Array  # (s) uint64

    def to_bytes(self) -> bytes:
        parts = {one.name: np.ascontiguousarray(getattr(self, one.name)) for one in fields(self)}
        layout = {name: [part.dtype.str, part.shape] for name, part in parts.items()}
        head = json.dumps({"layout": LAYOUT, "parts": layout}, separators=(",", ":")).encode()
        return b"".join([struct.pack("<I", len(head)), head, *(part.tobytes() for part in parts.values())])

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Cells":
        """Raises ValueError for what is no such thing."""
        (length,) = struct.unpack_from("<I", raw)
        at = 4 + length
        parts = {}
        for name, (kind, shape) in json.loads(raw[4:at])["parts"].items():
            count = math.prod(shape)
            parts[name] = np.frombuffer(raw, dtype=kind, count=count, offset=at).reshape(shape)
            at += count * np.dtype(kind).itemsize
        return cls(**parts)


def cells_of(tally: Tally, numbers: Mapping[str, int]) -> Cells:
    """The same in numbers. `numbers` has one for each of `tally.texts()`."""

    def table(counts: Mapping[str, Any], width: int, kind: str) -> tuple[Array, Array]:
        rows = sorted((numbers[text], row) for text, row in counts.items())
        values = np.array([row for _, row in rows], dtype=kind).reshape(len(rows), width)
        return np.array([number for number, _ in rows], dtype=np.uint32), values

    visits = np.array(sorted(key | bits for key, bits in tally.visits.items()), dtype=np.uint64)
    members = sorted((numbers[value], key | bits) for (value, key), bits in tally.members.items())
    return Cells(
        np.array(tally.totals),
        np.array(sorted(tally.moments), dtype=np.uint16),
        np.zeros((0, SERIES)),
        *table(tally.queries, 3, "<i4"),
        *table(tally.empty, 1, "<i4"),
        *table(tally.products, 1, "<i4"),
        visits,
        *table(tally.measures, len(MEASURES), "<f8"),
        np.array([value for value, _ in members], dtype=np.uint32),
        np.array([visit for _, visit in members], dtype=np.uint64),
    )


def add_up(parts: Sequence[Cells]) -> Cells:
    """All of them together, without `moments` and `series`."""

    def table(ids: str, values: str, width: int) -> tuple[Array, Array]:
        return sum_by_id([getattr(one, ids) for one in parts], [getattr(one, values) for one in parts], width)

    return Cells(
        np.sum([one.totals for one in parts], axis=0) if parts else np.zeros(len(TOTALS)),
        np.zeros(0, np.uint16),
        np.zeros((0, SERIES)),
        *table("query_ids", "queries", 3),
        *table("empty_ids", "empty", 1),
        *table("product_ids", "products", 1),
        join_visits([one.visits for one in parts]),
        *table("measure_ids", "measures", len(MEASURES)),
        *_join_members(parts),
    )


def sum_by_id(ids: Sequence[Array], values: Sequence[Array], width: int) -> tuple[Array, Array]:
    """`(ids, sums)`, ascending. Ids are dense (a table counts them up), so they are places: no sorting."""
    if not ids:
        return np.zeros(0, np.uint32), np.zeros((0, width))
    every, rows = np.concatenate(ids), np.concatenate(values)
    there = np.zeros(int(every.max(initial=0)) + 1, bool)
    there[every] = True
    different = np.flatnonzero(there)
    sums = np.stack(
        [np.bincount(every, rows[:, column], len(there))[different] for column in range(width)], axis=1
    ).astype(rows.dtype)
    return different.astype(np.uint32), sums


def join_visits(sets: Sequence[Array]) -> Array:
    """Each session once, with the bits of all."""
    every = np.concatenate([np.zeros(0, np.uint64), *sets])
    every.sort(kind="stable")  # which merges what is sorted already
    if not len(every):
        return every
    keys = every & ~_BITS
    first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    joined: Array = keys[first] | np.bitwise_or.reduceat(every & _BITS, first)
    return joined


def _join_members(parts: Sequence[Cells]) -> tuple[Array, Array]:
    ids = np.concatenate([np.zeros(0, np.uint32), *(one.member_ids for one in parts)])
    visits = np.concatenate([np.zeros(0, np.uint64), *(one.member_visits for one in parts)])
    if not len(ids):
        return ids, visits
    order = np.lexsort((visits, ids))
    ids, keys, bits = ids[order], visits[order] & ~_BITS, visits[order] & _BITS
    first = np.flatnonzero(np.concatenate([[True], (keys[1:] != keys[:-1]) | (ids[1:] != ids[:-1])]))
    return ids[first], keys[first] | np.bitwise_or.reduceat(bits, first)


def day_of(hours: Mapping[int, Cells]) -> Cells:
    """A whole day, by the number of its hours. The sessions of each value are counted, their sets no longer needed."""
    series = np.zeros((24, SERIES))
    for number, hour in hours.items():
        series[number] = hour.totals[:SERIES]
    return replace(with_sessions_counted(add_up(list(hours.values()))), series=series)


def with_sessions_counted(cells: Cells) -> Cells:
    """The same with the sessions of each value as measures instead of sets."""
    ids = np.unique(np.concatenate([cells.measure_ids, cells.member_ids]))
    measures = np.zeros((len(ids), len(MEASURES)))
    measures[np.searchsorted(ids, cells.measure_ids)] = cells.measures
    places, bits = np.searchsorted(ids, cells.member_ids), cells.member_visits & _BITS
    is_bot = (bits & np.uint64(BOT)) > 0
    for column, counted in enumerate(
        (
            ~is_bot,
            ~is_bot & ((bits & np.uint64(BOUGHT)) > 0),
            ~is_bot & ((bits & np.uint64(USED_SUGGESTIONS)) > 0),
            is_bot,
        )
    ):
        measures[:, len(MEASURES) - SESSION_MEASURES + column] = np.bincount(places[counted], minlength=len(ids))
    nobody = np.zeros(0, np.uint32), np.zeros(0, np.uint64)
    return replace(
        cells, measure_ids=ids.astype(np.uint32), measures=measures, member_ids=nobody[0], member_visits=nobody[1]
    )


def funnel_of(visits: Array) -> list[int]:
    """Sessions that did the first step, the first two, …"""
    return [int(np.count_nonzero((visits & np.uint64(mask)) == mask)) for mask in (1, 3, 7, 15)]

"""How long GET /admin/dashboard takes, from the log and from stored counts.

`python -m tests.benchmarks.dashboard --visits 80000` fills a new SQLite file with made-up visits of the last 56 days
(so 28 days and those before are all of it), with lists as large as real ones. `--events 10000000 --days 1 7 28 90 365`
fills one with so many events of 400 days (`long_log.py`; 5 GB below the temporary folder while it runs).

Printed are the time to count the log ahead and what the reads of a keystroke take meanwhile; every part of a plain
count for several ranges; the whole answer from stored counts (p50 and p95) beside the plain one; what reads take while
the longest range is counted; what writing a list costs with the indexes and without. The file lies in the disk cache.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, text

from api.dashboard import Dashboard
from api.dashboard_answers import answer_from_log
from api.rollups import RollupFollower
from api.steady import run_steadily
from core.domain import Action
from core.text.normalize import normalize
from database.connection import Database
from database.models import events
from database.repositories import insight_tables, insights
from database.repositories.insights import Span
from database.repositories.lists import ListLog, ShownItem, insert_lists, items_text
from database.repositories.products import find_products

DAYS = 56
LONG_DAYS = 400
_WHILE = "while the dashboard counts"
_AT_ONCE = 5_000
_THINGS = ("shoes", "jacket", "lamp", "chair", "phone case", "protein powder", "rain boots", "desk", "kettle", "drill")
_KINDS = ("red", "black", "running", "small", "wooden", "steel", "kids", "outdoor", "cheap", "large", "smart", "blue")


class Traffic:
    """Made-up visits, each with its lists and events. Every one is about a query, which few repeat and many share."""

    def __init__(self, visits: int, end: datetime, days: float, seed: int = 0, products: tuple[str, ...] = ()) -> None:
        self._random = random.Random(seed)
        self._begin_times = sorted(self._begins(end, days) for _ in range(visits))  # logs are written as time goes by
        self._queries = [f"{kind} {thing}" for kind in _KINDS for thing in _THINGS]
        self._products = products or tuple(f"p{number}" for number in range(5_000))
        self._ids = 0

    def __iter__(self) -> Iterator[tuple[list[ListLog], list[dict[str, Any]]]]:
        """The lists and the rows of events of each visit, one after the other."""
        return (self._visit(at) for at in self._begin_times)

    def _visit(self, at: datetime) -> tuple[list[ListLog], list[dict[str, Any]]]:
        draw = self._random
        session = f"{draw.getrandbits(128):032x}"
        query = self._queries[min(int(draw.paretovariate(0.6)) - 1, len(self._queries) - 1)]
        if draw.random() < 0.3:
            query += f" {draw.randint(2, 4_000)}"
        lists, rows = [], []
        typed = draw.randint(2, len(query))
        for length in range(max(1, typed - 6), typed + 1):
            at += timedelta(seconds=0.3 + draw.random())
            lists.append(self._list("suggest", session, query[:length], at, 10))
        if draw.random() < 0.55:
            rank = min(10, int(draw.expovariate(0.6)) + 1)
            chosen = {"query": query, "item_rank": rank, "additional_data": {"prefix": query[:typed]}}
            rows.append(self._event(Action.SUGGESTION_CLICK, session, at, **chosen))
        at += timedelta(seconds=1)
        found = 0 if draw.random() < 0.06 else 24
        searched = self._list("search", session, query if found else f"{query} xl", at, found)
        lists.append(searched)
        if found:
            rows.append(self._event(Action.SEARCH, session, at, query=query, request_id=searched.request_id))
            rows += self._clicks(session, at, searched.request_id)
        return lists, rows

    def _begins(self, end: datetime, days: float) -> datetime:
        """More visits lately than long ago, more in the evening than at night."""
        while True:
            at = end - timedelta(days=days * self._random.random() ** 1.15, minutes=5)
            if self._random.random() < (0.15 if at.hour < 6 else 0.6 if at.hour < 16 else 1.0):
                return at

    def _clicks(self, session: str, at: datetime, request_id: str) -> Iterator[dict[str, Any]]:
        draw = self._random
        for _ in range(min(9, int(draw.expovariate(0.35)))):
            at += timedelta(seconds=5 + 40 * draw.random())
            product = self._products[min(int(draw.paretovariate(0.5)) - 1, len(self._products) - 1)]
            shown = {"item_id": product, "request_id": request_id, "item_rank": draw.randint(1, 24)}
            yield self._event(Action.CLICK, session, at, **shown)
            for _ in range(draw.randint(1, 6)):
                yield self._event(Action.VIEW, session, at + timedelta(seconds=4), **shown)
            if draw.random() < 0.18:
                yield self._event(Action.ADD_TO_CART, session, at + timedelta(seconds=20), **shown)
                if draw.random() < 0.3:
                    yield self._event(Action.PURCHASE, session, at + timedelta(seconds=90), **shown)

    def _list(self, kind: Any, session: str, query: str, at: datetime, length: int) -> ListLog:
        shown = (
            ShownItem(f"{query} and more {rank}", rank, "relevance", 1 / (rank + 1)) for rank in range(1, length + 1)
        )
        return ListLog(self._id(), kind, session, query, items_text(shown), "a-version", at)

    def _event(self, action: Action, session: str, at: datetime, **values: Any) -> dict[str, Any]:
        nothing = dict.fromkeys(column.name for column in events.columns)
        if "query" in values:
            values["normalized"] = normalize(values["query"])
        said = {"event_id": self._id(), "action": action.value, "session_id": session, "digest": "0" * 64}
        return {**nothing, **said, "occurred_at": at, "received_at": at, **values}

    def _id(self) -> str:
        self._ids += 1
        return f"{self._ids:016x}{self._random.getrandbits(64):016x}"


async def fill(database: Database, traffic: Traffic) -> tuple[int, int]:
    """How many events and lists were written."""
    lists: list[ListLog] = []
    rows: list[dict[str, Any]] = []
    written = [0, 0]
    for more_lists, more_rows in traffic:
        lists += more_lists
        rows += more_rows
        written = [written[0] + len(more_rows), written[1] + len(more_lists)]
        if len(rows) + len(lists) >= _AT_ONCE:
            await _write(database, lists, rows)
            lists, rows = [], []
    await _write(database, lists, rows)
    return written[0], written[1]


async def _write(database: Database, lists: list[ListLog], rows: list[dict[str, Any]]) -> None:
    def write(connection: Connection) -> None:
        insert_lists(connection, lists)
        if rows:
            connection.execute(events.insert(), rows)

    await database.commit(write)


_PARTS: dict[str, Callable[[Connection, Span], object]] = {
    "series": lambda connection, span: insights.count_in_parts(connection, span.parts(48)),
    "lists by kind": insights.count_lists,
    "sessions": insights.count_sessions,
    "typing": insights.count_typing,
    "positions": insights.count_positions,
    "saved": insights.count_saved,
    "outcomes": insights.count_outcomes,
    "funnel": insights.count_funnel,
    "top queries": insight_tables.find_top_queries,
    "rising queries": insight_tables.find_rising_queries,
    "empty queries": insight_tables.find_empty_queries,
    "top products": insight_tables.find_top_products,
}


async def measure(folder: Path, options: argparse.Namespace, console: Console) -> None:
    file = folder / "cadence.sqlite3"
    database = Database(f"sqlite+aiosqlite:///{file.as_posix()}")
    await database.migrate()
    end = datetime.now(UTC).replace(microsecond=0)
    began = time.perf_counter()
    if options.events:
        from tests.benchmarks.long_log import fill_long  # which uses the visits from here

        of_events, of_lists, _ = fill_long(file, options.events, LONG_DAYS, end)
    else:
        of_events, of_lists = await fill(database, Traffic(options.visits, end, DAYS))
        await database.checkpoint()
    console.print(
        f"{of_events:,} events, {of_lists:,} lists, {file.stat().st_size / 1e6:,.0f} MB, "
        f"in {time.perf_counter() - began:.0f} s"
    )
    await _measure_reads(database, None, "alone", console)
    follower = RollupFollower(database, 30, lambda: end, options.rest)
    began = time.perf_counter()
    counting = asyncio.create_task(follower.refresh())
    await _measure_reads(database, counting, "while the log is counted ahead", console)
    hours, took = counting.result(), time.perf_counter() - began
    await database.checkpoint()
    grown = file.stat().st_size / 1e6
    console.print(f"{hours:,} hours counted ahead in {took:.0f} s, rests included; {grown:,.0f} MB with the counts")
    began = time.perf_counter()
    await follower.refresh()
    console.print(f"a pass with nothing to do: {1e3 * (time.perf_counter() - began):.1f} ms")

    dashboard = Dashboard(database, clock=lambda: end)
    whole = Table("GET /admin/dashboard", *(f"{days} d" for days in options.days), title="with the span before")
    quick: list[list[str]] = [[], [], []]
    for days in options.days:
        times = []
        for _ in range(options.repeat):
            began = time.perf_counter()
            answer = await dashboard.answer(24 * days)
            times.append(1e3 * (time.perf_counter() - began))
            assert answer.stored_counts.used
        for row, value in zip(quick, (*np.quantile(times, [0.5, 0.95]), max(times)), strict=True):
            row.append(f"{value:.0f}")
    for name, row in zip(("ms, p50", "ms, p95", "ms, most"), quick, strict=True):
        whole.add_row(f"stored counts, {name}", *row)
    console.print(whole)
    await _measure_reads(database, asyncio.create_task(_again(dashboard, 24 * max(options.days))), _WHILE, console)

    spans = [Span(end - timedelta(days=days), end) for days in options.plain]
    parts = Table("seconds", *(f"{days} d" for days in options.plain), title="plain counts, of the range alone")
    for name, count in _PARTS.items():
        parts.add_row(name, *[f"{await _seconds(database, count, span):.2f}" for span in spans])
    console.print(parts)
    plain = Table("seconds", *(f"{days} d" for days in options.plain), title="the plain answer, with the span before")
    plain.add_row("answer_from_log", *[f"{await _seconds(database, answer_from_log, span):.1f}" for span in spans])
    console.print(plain)
    await _measure_writing(database, end, console)
    await database.dispose()


async def _again(dashboard: Dashboard, hours: int) -> None:
    for _ in range(20):
        await dashboard.answer(hours)


async def _seconds(database: Database, count: Callable[[Connection, Span], object], span: Span) -> float:
    began = time.perf_counter()
    await database.count(lambda connection: count(connection, span))
    return time.perf_counter() - began


async def _measure_reads(database: Database, work: "asyncio.Task[Any] | None", what: str, console: Console) -> None:
    """Milliseconds of one read of products, as every keystroke makes some, until `work` is done."""
    times: list[float] = []
    while len(times) < 1_000 if work is None else not work.done():
        began = time.perf_counter()
        await database.read(partial(find_products, product_ids=["p1", "p2", "p3"]))
        times.append(1e3 * (time.perf_counter() - began))
        await asyncio.sleep(0.005)  # as keystrokes come
    p50, p99 = np.quantile(times, [0.5, 0.99])
    console.print(f"a read {what}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, most {max(times):.1f} ms of {len(times):,}")


async def _measure_writing(database: Database, end: datetime, console: Console) -> None:
    """Microseconds a list, in commits of fifty as the writer makes them: the best of ten rounds."""
    for what in ("with", "without"):
        if what == "without":
            await database.commit(_drop_indexes)
        each = []
        for number in range(10):
            await database.checkpoint()
            traffic = Traffic(200, end, 0.01, seed=number + (1 if what == "with" else 11))
            lists = [shown for more_lists, _ in traffic for shown in more_lists]
            began = time.perf_counter()
            for at in range(0, len(lists), 50):
                await _write(database, lists[at : at + 50], [])
            each.append((time.perf_counter() - began) / len(lists))
        console.print(f"writing a list {what} the indexes: {1e6 * min(each):.0f} µs")


def _drop_indexes(connection: Connection) -> None:
    for one in ("ix_list_log_kind_created_at_session_id_query", "ix_list_log_empty"):
        connection.execute(text(f"DROP INDEX {one}"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=80_000, help="each brings about 12 events and 6 lists")
    parser.add_argument("--events", type=int, default=0, help="instead of visits: so many events of 400 days")
    parser.add_argument("--days", type=int, nargs="+", default=[1, 7, 28])
    parser.add_argument(
        "--plain", type=int, nargs="*", default=[1, 7, 28], help="days of plain counts, which take long"
    )
    parser.add_argument("--rest", type=float, default=1.0, help="of the background count, for a second of work")
    parser.add_argument("--repeat", type=int, default=40, help="so many whole answers of each range")
    options = parser.parse_args()
    run_steadily()  # as the service
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), options, Console()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

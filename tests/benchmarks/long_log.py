"""A long log quickly: some days of made-up visits, copied through the year inside SQLite.

Ids and the rarer queries differ from copy to copy; lists hold one item each instead of ten, since counting does not
read them and the file would have several times the size. Indexes are made at the end, as a dump is restored.
"""

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.dashboard import Traffic

TEMPLATE_DAYS = 20
_PRODUCTS = 5_000
_CATEGORIES = 60


def fill_long(file: Path, events: int, days: int, end: datetime) -> tuple[int, int, int]:
    """Events, lists and sessions that were written to the migrated, empty database."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-400000")
    copies = -(-days // TEMPLATE_DAYS)
    _make_template(connection, int(events / copies / 11.6), end)
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
        "AND tbl_name IN ('events', 'list_log', 'sessions')"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.executemany(
        "INSERT INTO products (product_id, title, category, price, attributes, position) VALUES (?, ?, ?, ?, '{}', ?)",
        [(f"p{n}", f"Product {n}", f"category {n % _CATEGORIES}", 5 + n % 90, n) for n in range(_PRODUCTS)],
    )
    for copy in range(copies - 1, -1, -1):
        _copy(connection, copy)
    for _, sql in indexes:
        connection.execute(sql)
    counts = [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("events", "list_log", "sessions")
    ]
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return counts[0], counts[1], counts[2]


def _make_template(connection: sqlite3.Connection, visits: int, end: datetime) -> None:
    connection.execute(
        "CREATE TEMP TABLE e (id, action, at, session, user, item, query, normalized, rank, request, more, facts)"
    )
    connection.execute("CREATE TEMP TABLE l (id, kind, session, query, items, at)")
    traffic = Traffic(visits, end, TEMPLATE_DAYS)
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO l VALUES (?,?,?,?,?,?)", _lists(traffic))
    connection.execute("COMMIT")
    traffic = Traffic(visits, end, TEMPLATE_DAYS)  # the same once more
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO e VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", _events(traffic))
    connection.execute("COMMIT")


def _lists(traffic: Traffic) -> Iterator[tuple[Any, ...]]:
    for number, (lists, _) in enumerate(traffic):
        for one in lists:
            shown = one.items != "[]"
            items = '[{"item":"p7","rank":1}]' if shown and one.kind == "search" else '[{"rank":1}]' if shown else "[]"
            yield one.request_id[8:16], one.kind, number, one.query, items, _text(one.created_at)


def _events(traffic: Traffic) -> Iterator[tuple[Any, ...]]:
    for number, (_, rows) in enumerate(traffic):
        for row in rows:
            more = row["additional_data"] and json.dumps(row["additional_data"])
            item = row["item_id"]
            facts = item and json.dumps({"category": f"category {int(item[1:]) % _CATEGORIES}"})
            request = row["request_id"] and row["request_id"][8:16]
            yield (
                row["event_id"][8:16], row["action"], _text(row["occurred_at"]), number, number % 3 == 0, item,
                row["query"], row["normalized"], row["item_rank"], request, more, facts,
            )  # fmt: skip


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def _copy(connection: sqlite3.Connection, copy: int) -> None:
    """The template, `copy` times its days earlier. Queries of three words and more are this copy's own."""
    at = f"date(at, '-{copy * TEMPLATE_DAYS} days') || substr(at, 11)"
    own = "CASE WHEN {0} GLOB '* * [0-9]*' THEN {0} || '%d' ELSE {0} END" % copy  # noqa: UP031  # braces stay
    arms = 'CASE WHEN session % 2 THEN \'{"ranker":"b"}\' ELSE \'{"ranker":"a"}\' END' if copy == 0 else "NULL"
    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO events (event_id, action, occurred_at, received_at, session_id, user_key, item_id, query, "
        "normalized, item_rank, request_id, additional_data, digest, facts) "
        f"SELECT '{copy}-' || id, action, {at}, {at}, '{copy}-' || session, "
        f"CASE WHEN user THEN 'u' || session % 5000 END, item, {own.format('query')}, {own.format('normalized')}, "
        "rank, "
        f"'{copy}-' || request, more, '0', facts FROM e ORDER BY at"
    )
    connection.execute(
        "INSERT INTO list_log (request_id, kind, session_id, query, items, arm, artifact_version, created_at, "
        f"experiments) SELECT '{copy}-' || id, kind, '{copy}-' || session, query, items, '', '', {at}, {arms} "
        "FROM l ORDER BY at"
    )
    connection.execute(
        "INSERT INTO sessions (session_id, user_key, device, started_at) "
        f"SELECT '{copy}-' || session, CASE WHEN session % 3 = 0 THEN 'u' || session % 5000 END, "
        f"CASE session % 3 WHEN 0 THEN 'mobile' WHEN 1 THEN 'desktop' END, min({at}) FROM l GROUP BY session"
    )
    connection.execute("COMMIT")

"""Figures of the dashboard on logs that can be counted by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

from core.domain import Action, Engagement, Product
from database.connection import Database
from database.repositories import insights
from database.repositories.demo_traffic import DEMO_SHOPPERS
from database.repositories.events import EventRepository, insert_new
from database.repositories.imports import SYNTHETIC, ImportRepository
from database.repositories.insight_tables import (
    EmptyQuery,
    RisingQuery,
    TopProduct,
    TopQuery,
    find_empty_queries,
    find_rising_queries,
    find_top_products,
    find_top_queries,
)
from database.repositories.insights import (
    Counts,
    Funnel,
    Saved,
    SearchOutcomes,
    Span,
    Typing,
    count_funnel,
    count_in_parts,
    count_lists,
    count_outcomes,
    count_positions,
    count_saved,
    count_sessions,
    count_typing,
)
from database.repositories.lists import ListLog, ListRepository, ShownItem, items_text
from database.repositories.products import ProductRepository

pytestmark = pytest.mark.anyio
START = datetime(2025, 1, 31, 12, tzinfo=UTC)
HOUR = Span(START, START + timedelta(hours=1))
T = TypeVar("T")


class Log:
    """Lists and events, written by name and by the second of the hour."""

    def __init__(self) -> None:
        self.lists: list[ListLog] = []
        self.events: list[Engagement] = []

    def shown(
        self, kind: Literal["suggest", "search", "recommend"], query: str, at: float, session: str = "s", items: int = 1
    ) -> str:
        request_id = f"r{len(self.lists)}"
        text = items_text([ShownItem(f"item {rank}", rank, "relevance", 1.0) for rank in range(1, items + 1)])
        self.lists.append(ListLog(request_id, kind, session, query, text, "v", START + timedelta(seconds=at)))
        return request_id

    def typed(self, *prefixes: str, at: float, session: str = "s") -> None:
        for second, prefix in enumerate(prefixes):
            self.shown("suggest", prefix, at + second, session)

    def did(self, action: Action, at: float, session: str | None = "s", **values: Any) -> None:
        number = f"e{len(self.events)}"
        self.events.append(Engagement(number, action, START + timedelta(seconds=at), session, **values))

    def searched(self, query: str, at: float, session: str = "s") -> str:
        """As /search stores a search that finds something."""
        request_id = self.shown("search", query, at, session)
        self.did(Action.SEARCH, at, session, query=query, request_id=request_id)
        return request_id

    async def store(self, database: Database) -> None:
        async with database.transaction() as session:
            await ListRepository(session).add_many(self.lists)
            await EventRepository(session).add_many(self.events, START)


async def counted(database: Database, count: Callable[[Connection, Span], T], span: Span = HOUR) -> T:
    return await database.count(lambda connection: count(connection, span))


async def test_an_empty_database_counts_nothing(database: Database) -> None:
    for count in (find_top_queries, find_rising_queries, find_empty_queries, find_top_products):
        assert await counted(database, count) == []
    assert await counted(database, count_typing) == Typing(0, 0)
    assert await counted(database, count_saved) == Saved(0, 0, 0)
    assert await counted(database, count_outcomes) == SearchOutcomes(0, 0, 0)
    assert await counted(database, count_funnel) == Funnel(0, 0, 0, 0)
    assert await counted(database, count_positions) == {}
    assert await counted(database, count_sessions) == 0


async def test_demo_shoppers_are_nobody(database: Database) -> None:
    log = Log()
    log.searched("hat", 10)
    log.did(Action.CLICK, 20, item_id="p1")
    await log.store(database)
    async with database.transaction() as session:
        number = await ImportRepository(session).begin(DEMO_SHOPPERS, "demo shoppers", "a" * 64, SYNTHETIC)
        demo = Engagement("demo", Action.CLICK, START + timedelta(seconds=30), "d", "somebody", item_id="p2")
        await (await session.connection()).run_sync(insert_new, [demo], START, number)
    assert await counted(database, lambda connection, span: count_in_parts(connection, [span])) == [
        Counts(0, 1, 1, 0, 0)
    ]
    assert [one.product_id for one in await counted(database, find_top_products)] == ["p1"]
    assert await counted(database, count_sessions) == 1


async def test_a_part_holds_its_start_and_not_its_end(database: Database) -> None:
    log = Log()
    log.typed("r", "re", at=-2)  # before the hour
    log.typed("h", "ha", at=0)
    log.shown("suggest", "", 5)  # a page that opens
    log.searched("hat", 1_799)
    log.shown("search", "hat", 1_799.5)  # its second page
    log.shown("search", "no such hat", 1_800, items=0)
    log.did(Action.CLICK, 1_799.9, item_id="p1")
    log.did(Action.CLICK, 1_800, item_id="p1")
    log.did(Action.ADD_TO_CART, 3_599.9, item_id="p1")
    log.did(Action.PURCHASE, 3_600, item_id="p1")  # the next hour
    await log.store(database)
    halves = await counted(database, lambda connection, span: count_in_parts(connection, span.parts(2)))
    assert halves == [Counts(2, 1, 1, 0, 0), Counts(0, 1, 1, 1, 0)]
    assert await counted(database, lambda connection, span: count_in_parts(connection, [span.before])) == [
        Counts(2, 0, 0, 0, 0)
    ]
    assert await counted(database, count_lists) == {"suggest": 3, "search": 3, "browse": 0, "recommend": 0}


async def test_sessions_are_counted_once_wherever_they_show(database: Database) -> None:
    log = Log()
    log.shown("suggest", "", 1, "only looks")
    log.shown("recommend", "", 1, "only looks")
    log.searched("hat", 2, "searches")
    log.did(Action.CLICK, 3, "only clicks", item_id="p1")
    log.did(Action.CLICK, 3, None, item_id="p1")
    log.did(Action.CLICK, -3, "long ago", item_id="p1")
    await log.store(database)
    assert await counted(database, count_sessions) == 3


async def test_typing_ends_with_a_pause_a_choice_a_search_or_a_click(database: Database) -> None:
    log = Log()
    log.typed("r", "re", "red", at=0)
    log.did(Action.SUGGESTION_CLICK, 3, query="red shoes", item_rank=1)
    log.searched("red shoes", 3.5)
    log.typed("b", "bl", at=5)
    log.searched("blue", 7)  # nothing chosen
    log.typed("g", at=10)
    log.typed("gr", at=40)  # 30 seconds later: the same
    log.typed("gre", at=71)  # 31 seconds: another one
    log.did(Action.CLICK, 72, item_id="p1")
    log.typed("y", at=73)
    log.shown("search", "yellow", 74, items=0)  # finds nothing, so there is no event
    log.typed("z", at=75)
    log.typed("a", at=0, session="another")
    log.shown("suggest", "", 100, "opens the page")
    log.did(Action.SUGGESTION_CLICK, 101, "opens the page", query="trending", item_rank=2)  # nothing was typed
    log.did(Action.SUGGESTION_CLICK, 4, query="red shoes", item_rank=1)  # of no list: the sequence is over
    await log.store(database)
    assert await counted(database, count_typing) == Typing(sequences=7, chosen=1)


async def test_what_a_choice_saved_and_where_it_stood(database: Database) -> None:
    log = Log()
    for query, rank, additional in (
        ("red shoes", 1, {"prefix": "red"}),  # 6 of 9
        ("hat", 3, {"prefix": ""}),  # 3 of 3
        ("hat", 3, {"prefix": "hattt"}),  # 0 of 3: a slip that was corrected
        ("hat", 12, {"category": "x"}),
        ("hat", 1, None),
        ("hat", None, {"prefix": None}),
    ):
        log.did(Action.SUGGESTION_CLICK, 1, query=query, item_rank=rank, additional_data=additional)
    log.did(Action.SUGGESTION_CLICK, -1, query="old", item_rank=9, additional_data={"prefix": "o"})
    await log.store(database)
    assert await counted(database, count_saved) == Saved(choices=3, characters=9, of_characters=15)
    assert await counted(database, count_positions) == {1: 2, 3: 2, 12: 1}


async def test_a_search_counts_as_clicked_once(database: Database) -> None:
    log = Log()
    hat, _ = log.searched("Hat", 1), log.searched("hat ", 2)
    cap = log.searched("cap", 3)
    for item in ("p1", "p2"):
        log.did(Action.CLICK, 4, item_id=item, request_id=hat)
    log.did(Action.VIEW, 4, item_id="p1", request_id=cap)  # no click
    log.did(Action.SEARCH, 5, query="cap")  # of a shop that sends no request ids
    log.did(Action.SEARCH, 5, query="mail jane.doe@example.com", request_id="x")
    log.shown("search", "Nothing", 6, items=0)
    log.shown("search", "nothing", 6, items=0)
    log.shown("search", "less", 6, items=0)
    log.shown("search", "older", -6, items=0)
    log.shown("search", "jane.doe@example.com", 6, items=0)
    log.shown("suggest", "void", 6, items=0)  # no search
    await log.store(database)
    assert await counted(database, count_outcomes) == SearchOutcomes(followed=4, clicked=1, empty=4)
    assert await counted(database, find_top_queries) == [TopQuery("cap", 2, 1, 0), TopQuery("hat", 2, 2, 1)]
    assert await counted(database, find_empty_queries) == [EmptyQuery("nothing", 2), EmptyQuery("less", 1)]


async def test_the_funnel_narrows(database: Database) -> None:
    log = Log()
    steps = (Action.CLICK, Action.ADD_TO_CART, Action.PURCHASE)
    for session, done in (("a", 3), ("b", 2), ("c", 1), ("d", 0)):
        log.searched("hat", 1, session)
        log.searched("hat", 9, session)
        for step in steps[:done]:
            log.did(step, 2, session, item_id="p1")
    log.did(Action.PURCHASE, 2, "d", item_id="p1")  # without a click
    log.did(Action.CLICK, 2, "never searched", item_id="p1")
    await log.store(database)
    assert await counted(database, count_funnel) == Funnel(4, 3, 2, 1)


async def test_from_one_to_two_is_no_great_rise(database: Database) -> None:
    log = Log()
    for query, earlier, now in (("once", 1, 2), ("rises", 8, 20), ("new", 0, 3), ("falls", 9, 4), ("stays", 5, 5)):
        for number in range(earlier):
            log.did(Action.SEARCH, -1, f"s{number}", query=query)
        for number in range(now):
            log.did(Action.SEARCH, 1, f"s{number}", query=query)
    log.did(Action.SEARCH, -3_601, query="long before")
    await log.store(database)
    assert await counted(database, find_rising_queries) == [  # 4, 3 and 0.7
        RisingQuery("rises", 20, 8),
        RisingQuery("new", 3, 0),
        RisingQuery("once", 2, 1),
    ]


async def test_products_are_named_as_long_as_they_are_there(database: Database) -> None:
    async with database.transaction() as session:
        await ProductRepository(session).upsert_many([Product("p1", "A Hat")], None, 0)
    log = Log()
    for item in ("p1", "p1", "gone"):
        log.did(Action.CLICK, 1, item_id=item)
    await log.store(database)
    assert await counted(database, find_top_products) == [TopProduct("p1", "A Hat", 2), TopProduct("gone", None, 1)]


async def test_lists_are_counted_without_reading_them(database: Database) -> None:
    """Some kilobytes each: half a million of them are a gigabyte."""

    def plans(connection: Connection, span: Span) -> list[str]:
        found = []
        for where in (insights.was_shown("suggest", span), insights.found_nothing(span)):
            statement = insights._number(where).compile(connection)
            rows = connection.exec_driver_sql(
                f"EXPLAIN QUERY PLAN {statement}", tuple(statement.construct_params().values())
            )
            found += [row[3] for row in rows]
        return found

    suggest, empty = await counted(database, plans)
    assert "COVERING INDEX ix_list_log_kind_created_at_session_id_query" in suggest
    assert "ix_list_log_empty" in empty


async def test_postgresql_is_asked_the_same() -> None:
    """No such server runs here; at least every statement can be spelt for it."""
    statement = str(
        insights._number(insights.found_nothing(HOUR)).compile(
            dialect=postgresql.dialect()  # type: ignore[no-untyped-call]  # as the library has it
        )
    )
    assert "CAST(list_log.items AS TEXT) = '[]'" in statement

"""Exposures, and what units did after them, on logs that can be counted by hand."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from core.domain import Action, Engagement, Product
from core.errors import ConflictError
from database.connection import Database
from database.models import exposures
from database.repositories.audit import Actor, Audited, AuditRepository
from database.repositories.events import insert_new
from database.repositories.experiment_outcomes import count_before, count_outcomes, find_credits, find_exposed
from database.repositories.experiments import ExperimentRepository, ExperimentRow, Exposure
from database.repositories.lists import ListLog, ShownItem, insert_lists, items_text
from database.repositories.products import ProductRepository

pytestmark = pytest.mark.anyio
START = datetime(2025, 1, 31, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def exposed(unit: str, arm: str, seconds: float, *, by_hand: bool = False) -> Exposure:
    user = unit.removeprefix("u:") if unit.startswith("u:") else None
    return Exposure("e", unit, arm, 1, f"r{seconds}", unit.removeprefix("s:"), user, by_hand, at(seconds))


def shown(kind: Any, query: str, seconds: float, session: str, user: str | None = None, **more: Any) -> ListLog:
    items = more.pop("items", [ShownItem("p1", 1, "relevance", 0.5)])
    request = more.pop("request", f"{session}-{kind}-{seconds}")
    return ListLog(request, kind, session, query, items_text(items), "v", at(seconds), user, **more)


def did(action: Action, seconds: float, session: str, user: str | None = None, **more: Any) -> Engagement:
    return Engagement(f"{action}-{seconds}-{session}-{user}", action, at(seconds), session, user, **more)


async def store(database: Database, lists: list[ListLog], events: list[Engagement]) -> None:
    def write(connection: Connection) -> None:
        insert_lists(connection, lists)
        insert_new(connection, events, START)

    await database.commit(write)


async def test_only_the_first_exposure_of_a_unit_is_kept(database: Database) -> None:
    lists = [shown("suggest", "a", second, "x", exposures=(exposed("s:x", "far", second),)) for second in (5, 6, 7)]
    lists.append(shown("suggest", "a", 8, "y", exposures=(exposed("s:y", "control", 8, by_hand=True),)))
    await store(database, lists[1:2], [])
    await store(database, lists, [])
    found = await database.read(lambda connection: find_exposed(connection, "e"))
    assert [(one.unit, one.arm) for one in found.units] == [("s:x", "far")]
    assert (found.by_hand, found.since) == (1, at(6))
    rows = await database.read(lambda connection: list(connection.execute(select(exposures.c.request_id))))
    assert {row[0] for row in rows} == {"r6", "r8"}
    await store(database, [shown("suggest", "a", 9, "x", exposures=(exposed("s:x", "control", 9, by_hand=True),))], [])
    taken_out = await database.read(lambda connection: find_exposed(connection, "e"))
    assert (taken_out.units, taken_out.by_hand) == ([], 2)
    assert (await database.read(lambda connection: find_exposed(connection, "other"))).since is None


async def outcomes(database: Database, *, by_session: bool, end: float = 1_000) -> dict[tuple[str, str], float]:
    def read(connection: Connection) -> dict[tuple[str, str], float]:
        found = count_outcomes(connection, "e", by_session=by_session, start=at(0), end=at(end))
        return {(unit, name): value for unit, name, value in found if value}

    return await database.read(read)


async def test_what_a_user_did_is_counted_from_the_exposure_on_in_every_session(database: Database) -> None:
    async with database.transaction() as session:
        await ProductRepository(session).upsert_many([Product("p1", "Red Shoes", price=20.0)], None, 0)
    mine = {"user": "ada"}
    lists = [
        shown("suggest", "r", 10, "one", "ada", exposures=(exposed("u:ada", "far", 10),)),
        shown("suggest", "re", 11, "one", "ada"),
        shown("suggest", "", 12, "one", "ada"),
        shown("search", "nothing", 13, "two", "ada", items=[]),
        shown("suggest", "b", 14, "three", "bob"),
    ]
    events = [
        did(Action.PURCHASE, 5, "one", **mine, item_id="p1"),  # before
        did(Action.SUGGESTION_CLICK, 20, "one", **mine, query="red", item_rank=2),
        did(Action.SUGGESTION_CLICK, 21, "one", **mine, query="red"),
        did(Action.SEARCH, 22, "one", **mine, query="red", request_id="s1"),
        did(Action.SEARCH, 23, "one", **mine, query="blue", request_id="s2"),
        did(Action.SEARCH, 24, "one", **mine, query="told by nobody"),
        did(Action.CLICK, 25, "one", **mine, item_id="p1", request_id="s1"),
        did(Action.CLICK, 26, "one", **mine, item_id="p2", request_id="s1"),
        did(Action.PURCHASE, 30, "two", **mine, item_id="p1"),
        did(Action.PURCHASE, 31, "two", **mine, item_id="gone", additional_data={"price": 7.5, "quantity": 2}),
        did(Action.PURCHASE, 32, "two", **mine, item_id="gone"),
        did(Action.PURCHASE, 2_000, "two", **mine, item_id="p1"),  # after the end
        did(Action.CLICK, 27, "three", "bob", item_id="p1"),  # of nobody who was exposed
    ]
    await store(database, lists, events)
    found = await outcomes(database, by_session=False)
    assert {unit for unit, _ in found} == {"u:ada"}
    assert {name: value for (_, name), value in found.items()} == {
        "keystrokes": 2, "empty_searches": 1, "clicks": 2, "purchases": 3, "choices": 2, "ranked_choices": 1,
        "reciprocal_ranks": 0.5, "revenue": 35.0, "searches": 3, "followed_searches": 2, "clicked_searches": 1,
        "engagement": 2 * 2.0 + 2 * 2.0 + 3 * 10.0,
    }  # fmt: skip


async def test_a_session_is_a_unit_of_its_own_where_it_is_asked_for(database: Database) -> None:
    lists = [shown("suggest", "r", 10, "one", "ada", exposures=(exposed("s:one", "far", 10),))]
    clicks = [did(Action.CLICK, 20, session, "ada", item_id="p1") for session in ("one", "two")]
    await store(database, lists, clicks)
    assert (await outcomes(database, by_session=True))["s:one", "clicks"] == 1
    assert await outcomes(database, by_session=False) == {}  # nobody of this name was exposed as a user


async def test_the_days_before_are_counted_for_who_was_exposed_later(database: Database) -> None:
    lists = [shown("suggest", "r", 10, "one", "ada", exposures=(exposed("u:ada", "far", 10),))]
    day = 24 * 3_600
    events = [did(Action.CLICK, seconds, "old", "ada", item_id="p1") for seconds in (-15 * day, -13 * day, -1, 11)]
    await store(database, lists, events)

    def read(connection: Connection) -> dict[str, float]:
        found = count_before(connection, "e", by_session=False, first=at(10))
        return {name: value for unit, name, value in found if unit == "u:ada" and value}

    assert await database.read(read) == {"clicks": 2, "engagement": 4.0}


async def test_choices_from_interleaved_lists_are_credited_once(database: Database) -> None:
    both = {"experiments": json.dumps({"e": "interleaved"})}
    items = [ShownItem("p1", 1, "relevance", 0.5, credit=-1.0), ShownItem("p2", 2, "relevance", 0.4, credit=1.0)]
    lists = [
        shown("search", "red", 10, "one", items=items, request="r1", **both),
        shown(
            "suggest", "re", 11, "two", items=[ShownItem("red", 1, "history", 0.5, credit=1.0)], request="r2", **both
        ),
        shown("search", "red", 12, "three", items=items, request="r3", **both),
        shown("search", "red", 13, "four", items=items, request="r4", experiments=json.dumps({"e": "control"})),
    ]
    events = [
        did(Action.CLICK, 20, "one", item_id="p1", request_id="r1"),
        did(Action.CLICK, 21, "one", item_id="p1", request_id="r1"),
        did(Action.CLICK, 22, "one", item_id="elsewhere", request_id="r1"),
        did(Action.SUGGESTION_CLICK, 23, "two", query="red", request_id="r2"),
        did(Action.CLICK, 24, "stranger", item_id="p2", request_id="r3"),
        did(Action.CLICK, 25, "four", item_id="p2", request_id="r4"),
    ]
    await store(database, lists, events)
    found = await database.read(
        lambda connection: find_credits(connection, "e", start=at(0), end=at(100), by_user=False)
    )
    assert found == {"one": -1.0, "two": 1.0, "three": 0.0}


async def test_a_version_that_somebody_else_added_is_not_overwritten(database: Database) -> None:
    async with database.transaction() as session:
        repository = ExperimentRepository(session)
        await repository.add(ExperimentRow("e", 1, {"n": 1}, START))
        await repository.add(ExperimentRow("e", 2, {"n": 2}, at(1)))
        await repository.add(ExperimentRow("d", 1, {"n": 3}, at(2)))
    for version in (2, 4):
        with pytest.raises(ConflictError, match="at version 2"):
            async with database.transaction() as session:
                await ExperimentRepository(session).add(ExperimentRow("e", version, {}, at(3)))
    async with database.reading() as session:
        repository = ExperimentRepository(session)
        assert [(row.name, row.version) for row in await repository.newest()] == [("e", 2), ("d", 1)]
        assert [row.definition["n"] for row in await repository.history("e")] == [1, 2]
        assert await repository.mark() == 3


async def test_the_audit_log_shows_the_newest_first(database: Database) -> None:
    async with database.transaction() as session:
        for number in range(3):
            await AuditRepository(session).add(Audited(at(number), Actor.GUARD, "promote", f"v{number}", {"n": number}))
    async with database.reading() as session:
        found = await AuditRepository(session).newest(2)
    assert [(one.subject, one.actor, one.details) for one in found] == [
        ("v2", Actor.GUARD, {"n": 2}), ("v1", Actor.GUARD, {"n": 1})
    ]  # fmt: skip

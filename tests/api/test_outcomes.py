"""GET /admin/metrics on a log that can be counted by hand."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, insert

from api.outcomes import find_outcomes
from api.rollups import RollupFollower
from api.schemas.outcomes import Breakdown, Excluded, Outcomes, OutcomesResponse
from core.domain import Action, Engagement, EventFacts, Product
from database.connection import Database
from database.models import sessions
from database.repositories.demo_traffic import DEMO_SHOPPERS
from database.repositories.events import insert_new
from database.repositories.imports import SYNTHETIC, ImportRepository
from database.repositories.lists import ListLog, ShownItem, insert_lists, items_text
from database.repositories.products import ProductRepository
from tests.api.calls import in_service, state_of

pytestmark = pytest.mark.anyio
DAY = datetime(2025, 3, 4, 12, tzinfo=UTC)
NOW = DAY + timedelta(days=2)
HATS = EventFacts(category="Hats")


class Log:
    """Two days: what session `a` did on the first, what `b`, `c` and a robot did on the second."""

    def __init__(self) -> None:
        self.lists: list[ListLog] = []
        self.events: list[Engagement] = []

    def shown(self, kind: Any, session: str, query: str, at: datetime, arm: str | None = None, item: str = "h1") -> str:
        items = items_text([ShownItem(item, 1, "relevance", 1.0)] if item else [])
        arms = arm and json.dumps({"ranker": arm})
        self.lists.append(ListLog(f"r{len(self.lists)}", kind, session, query, items, "v", at, experiments=arms))
        return self.lists[-1].request_id

    def did(self, action: Action, session: str, at: datetime, **values: Any) -> None:
        values.setdefault("user_key", {"a": "u1", "b": "u1"}.get(session))
        self.events.append(Engagement(f"e{len(self.events)}", action, at, session, **values))

    async def store(self, database: Database) -> None:
        def write(connection: Connection) -> None:
            insert_lists(connection, self.lists)
            insert_new(connection, self.events, NOW - timedelta(hours=1))
            started = [{"session_id": one, "device": device, "started_at": DAY} for one, device in DEVICES.items()]
            connection.execute(insert(sessions), started)

        await database.commit(write)


DEVICES = {"a": "mobile", "b": "desktop"}


async def filled(database: Database) -> None:
    log = Log()
    at = DAY
    typed = log.shown("suggest", "a", "re", at, "b")
    log.did(
        Action.SUGGESTION_CLICK, "a", at + timedelta(seconds=2), query="red hat", item_rank=2, request_id=typed,
        additional_data={"prefix": "re"},
    )  # fmt: skip
    found = log.shown("search", "a", "red hat", at + timedelta(seconds=3), "b")
    log.did(Action.SEARCH, "a", at + timedelta(seconds=3), query="Red hat", request_id=found)
    for moment in (9.0, 9.4, 30):  # the second one is a double click
        clicked = at + timedelta(seconds=moment)
        log.did(Action.CLICK, "a", clicked, item_id="h1", request_id=found, facts=HATS)
    bought = at + timedelta(hours=5)
    log.did(Action.PURCHASE, "a", bought, item_id="h1", facts=HATS, additional_data={"quantity": 2})
    at += timedelta(days=1)
    log.shown("suggest", "b", "x", at)
    log.shown("search", "b", "xyz", at + timedelta(seconds=2), item="")
    log.did(Action.PURCHASE, "c", at, item_id="h1", facts=HATS, additional_data={"price": 4.5})
    for place in range(301):
        log.shown("suggest", "robot", "r", at + timedelta(seconds=place * 5))
    await log.store(database)
    async with database.transaction() as session:
        await ProductRepository(session).upsert_many([Product("h1", "Hat", category="Hats", price=10.0)], None, 0)
        number = await ImportRepository(session).begin(DEMO_SHOPPERS, "demo shoppers", "a" * 64, SYNTHETIC)
        demo = Engagement("demo", Action.PURCHASE, DAY, "d", item_id="h1")
        await (await session.connection()).run_sync(insert_new, [demo], NOW, number)


async def asked(database: Database, by: Breakdown, days: int = 2) -> OutcomesResponse:
    return await database.count(
        lambda connection: find_outcomes(connection, DAY.date(), DAY.date() + timedelta(days=days - 1), by, NOW)
    )


async def test_outcomes_can_be_counted_by_hand(database: Database) -> None:
    await filled(database)
    from_log = await asked(database, Breakdown.DAY)  # nobody has counted yet
    await RollupFollower(database, 1, lambda: NOW).refresh()
    answer = await asked(database, Breakdown.DAY)
    assert answer == from_log
    assert answer.excluded == Excluded(robot_sessions=1, robot_lists=301, robot_events=0, duplicates=1, demo_events=1)
    first, second = answer.rows
    assert (first.key, second.key) == ("2025-03-04", "2025-03-05")
    assert first.model_dump(exclude={"key"}) == {
        "sessions": 1, "searches": 1, "searches_with_suggestion": 1.0, "sessions_with_suggestion": 1.0,
        "suggestion_ctr": 1.0, "mean_reciprocal_rank": 0.5, "saved_keystrokes": 5.0, "saved_share": 5 / 7,
        "search_ctr": 1.0, "zero_result_rate": 0.0, "conversion": 1.0, "revenue_per_session": 20.0,
        "engagement_score": 2.0 + 2 * 2.0 + 10.0, "clicks": 2, "purchases": 1, "revenue": 20.0,
    }  # fmt: skip
    assert (second.sessions, second.searches, second.suggestion_ctr, second.zero_result_rate) == (2, 1, 0.0, 1.0)
    assert (second.conversion, second.revenue_per_session) == (0.5, 2.25)
    assert (answer.total.sessions, answer.total.revenue) == (3, 24.5)
    hours = (await asked(database, Breakdown.HOUR)).rows
    assert [(row.key, row.sessions, row.purchases) for row in hours] == [
        ("2025-03-04T12:00:00+00:00", 1, 0),
        ("2025-03-04T17:00:00+00:00", 1, 1),
        ("2025-03-05T12:00:00+00:00", 2, 1),
    ]


async def test_outcomes_by_dimension(database: Database) -> None:
    await filled(database)
    await RollupFollower(database, 1, lambda: NOW).refresh()

    async def rows(by: Breakdown) -> Mapping[str, Any]:
        return {row.key: row for row in (await asked(database, by)).rows}

    devices = await rows(Breakdown.DEVICE)
    assert {key: (row.sessions, row.conversion) for key, row in devices.items()} == {
        "mobile": (1, 1.0), "desktop": (1, 0.0), "unknown": (1, 1.0)
    }  # fmt: skip
    arm = (await rows(Breakdown.ARM))["ranker=b"]
    assert (arm.sessions, arm.suggestion_ctr, arm.mean_reciprocal_rank, arm.search_ctr) == (1, 1.0, 0.5, 1.0)
    assert (arm.conversion, arm.revenue, arm.engagement_score) == (1.0, 20.0, 16.0)
    [hats] = (await rows(Breakdown.CATEGORY)).values()
    assert (hats.key, hats.searches, hats.search_ctr, hats.clicks, hats.revenue) == ("Hats", 1, 1.0, 2, 24.5)
    assert (hats.zero_result_rate, hats.suggestion_ctr) == (None, None)
    visitors = await rows(Breakdown.VISITOR)
    assert {key: row.sessions for key, row in visitors.items()} == {"new": 1, "unknown": 2}


async def test_who_was_there_on_an_earlier_day_returns_even_if_that_day_comes_late(database: Database) -> None:
    log, clock = Log(), [NOW]
    log.did(Action.VIEW, "b", DAY + timedelta(days=1), item_id="h1")
    await log.store(database)
    follower = RollupFollower(database, 1, lambda: clock[0])
    await follower.refresh()
    assert [row.key for row in (await asked(database, Breakdown.VISITOR)).rows] == ["new"]
    late = Engagement("late", Action.VIEW, DAY, "a", "u1", item_id="h1")
    clock[0] += timedelta(minutes=5)
    await database.commit(lambda connection: insert_new(connection, [late], clock[0]))
    await follower.refresh()
    rows = (await asked(database, Breakdown.VISITOR)).rows
    assert {row.key: row.sessions for row in rows} == {"new": 1, "returning": 1}


def test_the_endpoint_takes_days(client: TestClient, admin: dict[str, str]) -> None:
    follower = RollupFollower(state_of(client).database, 1)
    in_service(client, follower.refresh)
    answer = client.get("/admin/metrics", headers=admin).json()
    assert answer["rows"] == [] and answer["total"]["sessions"] == 0
    assert date.fromisoformat(answer["last_day"]) - date.fromisoformat(answer["first_day"]) == timedelta(days=6)
    assert {*Outcomes.model_fields, *Excluded.model_fields} <= answer["definitions"].keys()
    for bad in (
        {"from": "2025-02-02", "to": "2025-02-01"},
        {"from": "2020-01-01"},
        {"by": "hour", "from": "2025-01-01"},
    ):
        refused = client.get("/admin/metrics", params=bad, headers=admin)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "from")
    assert client.get("/admin/metrics").status_code == 401
    assert client.get("/admin/metrics.csv", headers=admin).text.splitlines()[0].startswith("key,sessions,searches,")

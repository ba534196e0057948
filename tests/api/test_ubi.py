"""GET /admin/export/ubi: fields and types as the schemas of UBI 1.3 have them, and queries that events name."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
import polars as pl
import pytest
from fastapi.testclient import TestClient

from api.ubi import UbiTable, rows_of
from core.domain import Action, Engagement
from database.connection import Database
from database.repositories import log_pages
from database.repositories.events import EventRepository
from database.repositories.insights import Span
from tests.api.calls import in_service, post, state_of

_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}
# The facts of https://ubisearch.dev's JSON schemas (1.3): names, types and what is required.
QUERY: dict[str, Any] = {
    "type": "object",
    "required": ["user_query"],
    "additionalProperties": False,
    "properties": {
        "application": _TEXT,
        "query_id": {"type": "string", "maxLength": 100},
        "client_id": {"type": "string", "maxLength": 100},
        "user_query": _TEXT,
        "query_attributes": _OBJECT,
        "object_id_field": _TEXT,
        "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"},
        "query_response_id": {"type": "string", "maxLength": 100},
        "query_response_hit_ids": {"type": "array", "items": _TEXT},
    },
}
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["action_name", "timestamp"],
    "additionalProperties": False,
    "properties": {
        **{name: QUERY["properties"][name] for name in ("application", "query_id", "client_id", "timestamp")},
        "action_name": {"type": "string", "maxLength": 100},
        "session_id": {"type": "string", "maxLength": 100},
        "user_id": {"type": "string", "maxLength": 100},
        "message_type": {"type": "string", "maxLength": 100},
        "message": {"type": "string", "maxLength": 1024},
        "user_query": _TEXT,
        "event_attributes": {
            "type": "object",
            "properties": {
                "object": {
                    "type": "object",
                    "required": ["object_id"],
                    "properties": {"object_id": _TEXT, "object_id_type": _TEXT, "object_id_field": _TEXT},
                },
                "position": {"type": "object", "properties": {"ordinal": {"type": "integer", "minimum": 1}}},
            },
        },
    },
}
TODAY = datetime.now(UTC).date()
RANGE = {"from": str(TODAY - timedelta(days=1)), "to": str(TODAY + timedelta(days=1))}


def exported(client: TestClient, admin: dict[str, str], table: str, form: str = "ndjson") -> Any:
    answer = client.get(f"/admin/export/ubi/{table}", params={**RANGE, "format": form}, headers=admin)
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()] if form == "ndjson" else answer.content


def test_what_was_done_is_exported_twice_over(client: TestClient, admin: dict[str, str]) -> None:
    shopper = {"session_id": "a-session"}
    listed = post(client, "/autosuggest", {**shopper, "query_prefix": "re"}).json()
    chosen = {"query": "red running shoes", "item_rank": 2, "request_id": listed["request_id"]}
    post(client, "/engagement", {**shopper, "user_id": "jane", **chosen, "action_type": "suggestion_click"})
    searched = post(client, "/search", {**shopper, "query": "Red"}).json()
    click = {"item_id": "p1", "item_rank": 1, "request_id": searched["request_id"], "action_type": "click"}
    post(client, "/engagement", {**shopper, "user_id": "jane", **click})
    in_service(client, state_of(client).writer.flush_events)
    in_service(client, state_of(client).writer.flush_lists)

    queries, events = exported(client, admin, "queries"), exported(client, admin, "events")
    for rows, schema in ((queries, QUERY), (events, EVENT)):
        for row in rows:
            jsonschema_rs.validate(schema, row)
    by_id = {row["query_id"]: row for row in queries}
    assert by_id[searched["request_id"]]["user_query"] == "Red"
    assert by_id[searched["request_id"]]["query_response_hit_ids"] == [
        one["product_id"] for one in searched["products"]
    ]
    assert by_id[listed["request_id"]]["query_response_hit_ids"] == listed["suggestions"]
    assert [row["action_name"] for row in events] == ["click", "suggestion_click", "search"]
    assert all(row["query_id"] in by_id for row in events)
    assert events[0]["event_attributes"] == {
        "object": {"object_id": "p1", "object_id_type": "product", "object_id_field": "product_id"},
        "position": {"ordinal": 1},
    }
    assert "a-session" not in json.dumps([queries, events]) and "jane" not in json.dumps([queries, events])
    assert {row["client_id"] for row in queries} <= {row["session_id"] for row in events}
    for table, rows in (("queries", queries), ("events", events)):
        frame = pl.read_parquet(io.BytesIO(exported(client, admin, table, "parquet")))
        assert frame["query_id"].to_list() == [row["query_id"] for row in rows]
    [position] = {one["position"]["ordinal"] for one in frame["event_attributes"].to_list()[:1]}
    assert position == 1


def test_the_export_is_for_operators_and_has_an_order(client: TestClient, admin: dict[str, str]) -> None:
    assert client.get("/admin/export/ubi/queries", params=RANGE).status_code == 401
    turned = {"from": RANGE["to"], "to": RANGE["from"]}
    assert client.get("/admin/export/ubi/queries", params=turned, headers=admin).status_code == 422
    assert exported(client, admin, "events") == []
    assert len(pl.read_parquet(io.BytesIO(exported(client, admin, "events", "parquet")))) == 0


@pytest.mark.anyio
async def test_pages_leave_nothing_out_and_repeat_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_pages, "PAGE_ROWS", 3)
    monkeypatch.setattr("api.ubi.PAGE_ROWS", 3)
    at = datetime(2025, 1, 31, 12, tzinfo=UTC)
    some = [Engagement(f"e{n}", Action.CLICK, at + timedelta(seconds=n // 4), "s", item_id=f"p{n}") for n in range(11)]
    async with database.transaction() as session:
        await EventRepository(session).add_many(some, at)
    pages = [page async for page in rows_of(database, UbiTable.EVENTS, Span(at, at + timedelta(hours=1)), str.upper)]
    assert max(map(len, pages)) == 3
    items = [row["event_attributes"]["object"]["object_id"] for page in pages for row in page]
    assert sorted(items) == sorted(f"p{n}" for n in range(11))

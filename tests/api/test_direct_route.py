"""Requests take the short way and FastAPI's to the same reply."""

import json
from typing import Any

import pytest
from fastapi import APIRouter, Request
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.dependencies import Authorization, State
from api.direct_route import DirectRoute
from api.schemas.base import ResponseBody
from api.schemas.engagement import EngagementRequest
from tests.api.calls import raw_post, rows

ID = "0b0a2a3c-6f0e-4b57-9a53-0123456789ab"
VIEW: dict[str, Any] = {"user_id": "mary", "session_id": "s", "action_type": "view", "item_id": "p1", "event_id": ID}
LONG_WAY = {"Content-Type": "application/json; charset=utf-8"}  # not what the short way looks for


def told(response: Any) -> tuple[int, Any, Any]:
    """All of a reply but what is new in each."""
    body = response.json()
    return response.status_code, response.headers["content-type"], {**body, "request_id": "", "message": ""}


def same_both_ways(client: TestClient, path: str, body: bytes) -> tuple[int, Any, Any]:
    first = told(raw_post(client, path, body))
    assert told(raw_post(client, path, body, LONG_WAY)) == first
    return first


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (json.dumps(VIEW), 200),
        (json.dumps(VIEW | {"timestamp": 5}), 422),
        (json.dumps(VIEW | {"unknown": 1}), 422),
        (json.dumps(VIEW | {"item_rank": True}), 422),
        (json.dumps(VIEW | {"item_rank": "3"}), 422),
        (json.dumps(VIEW | {"duration_seconds": float("nan")}), 422),
        (json.dumps(VIEW | {"item_id": "\ud800"}), 422),
        (json.dumps(VIEW)[:-1] + ', "item_id": "p2"}', 409),  # a name that stands twice: the last one counts
        ("", 422),
        ("[]", 422),
        ("{", 400),
        ("null", 422),
    ],
)
def test_a_refusal_is_the_same_both_ways(client: TestClient, body: str, status: int) -> None:
    raw_post(client, "/engagement", json.dumps(VIEW).encode())
    assert same_both_ways(client, "/engagement", body.encode("utf-8", "surrogatepass"))[0] == status


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_other_encodings_of_json_are_read_as_before(client: TestClient, encoding: str) -> None:
    same_both_ways(client, "/engagement", json.dumps(VIEW | {"item_id": "größe"}).encode(encoding))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(EngagementRequest.model_fields)), VALUES, max_size=4))
def test_whatever_is_sent_is_told_the_same_both_ways(client: TestClient, changed: dict[str, Any]) -> None:
    body = json.dumps(VIEW | {"event_id": ID} | changed)
    if isinstance(changed.get("event_id", ID), str):  # else each gets an id of its own
        same_both_ways(client, "/engagement", body.encode("utf-8", "surrogatepass"))


def test_the_short_way_is_taken(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    read = Request.body

    async def noted(request: Request) -> bytes:
        taken.append(await read(request))
        return taken[-1]

    def never(*_: object) -> None:
        raise AssertionError("the long way")

    monkeypatch.setattr(Request, "body", noted)
    monkeypatch.setattr(Request, "json", never)
    assert raw_post(client, "/engagement", json.dumps(VIEW).encode()).status_code == 200
    assert raw_post(client, "/autosuggest", b'{"query_prefix": "a", "session_id": "s"}').status_code == 200
    assert len(taken) == 2
    assert len(rows(client, "SELECT event_id FROM events")) == 1


class Reply(ResponseBody):
    ok: bool


def test_an_endpoint_that_asks_for_more_is_refused_when_it_is_declared() -> None:
    router = APIRouter(route_class=DirectRoute)

    async def asks_for_more(body: EngagementRequest, state: State, page: int = 1) -> Reply:
        return Reply(ok=page > 0)

    async def asks_for_nothing(authorization: Authorization = None) -> Reply:
        return Reply(ok=True)

    for endpoint in (asks_for_more, asks_for_nothing):
        with pytest.raises(TypeError, match=endpoint.__name__):
            router.post("/x")(endpoint)

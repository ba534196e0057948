"""What is kept of people, who may see it, and that it goes when they say so."""

import json
import shutil
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from redis import Redis

from api.main import create_app
from api.rollups import RollupFollower
from config.settings import Settings, StorageSettings
from database.repositories.profiles import compare, owners
from tests.api.calls import in_service, post, rows, start_session, state_of, stored_session
from tests.api.small_shop import SmallShop

K = 5  # SUGGESTION_MIN_SHOPPERS
UNIQUE = "jacket for zyxwv quuxify"


def claims_of(client: TestClient, session: dict[str, str]) -> tuple[str, str]:
    claims = state_of(client).gate.claims(session["Authorization"])
    return claims.session_id, claims.user_id


def act(client: TestClient, session: dict[str, str], action: str = "click", **more: object) -> None:
    session_id, user_id = claims_of(client, session)
    event = {"user_id": user_id, "session_id": session_id, "action_type": action, "item_id": "p1", **more}
    assert post(client, "/engagement", event, session).status_code == 200


def settle(client: TestClient) -> None:
    state = state_of(client)
    in_service(client, state.writer.flush_events)
    in_service(client, state.writer.flush_lists)


def traces(folder: Path, *texts: str) -> list[tuple[str, str]]:
    """In which files below `folder` which of the texts stand, byte by byte."""
    found = []
    for file in folder.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            found += [(file.name, text) for text in texts if text.encode() in content]
    return found


def learnt(client: TestClient, text: str) -> bool:
    """Whether others are suggested this text (tests/e2e/test_live_suggestions.py sees it in the list)."""
    return state_of(client).live.index.weight_of(text, time.time()) > 0


@pytest.fixture
def with_redis(
    stocked: Path, settings: Settings, shop: SmallShop, redis_url: str
) -> Iterator[tuple[TestClient, "Redis"]]:
    """The service with a Redis of its own, emptied."""
    redis = Redis.from_url(redis_url)
    redis.flushall()
    shutil.copytree(stocked, settings.storage.cadence_home)
    storage = StorageSettings(cadence_home=settings.storage.cadence_home, redis_url=redis_url, redis_timeout_ms=2_000)
    shared = settings.model_copy(update={"storage": storage})
    with TestClient(create_app(shared, load=lambda *_: shop.models())) as client:
        yield client, redis


def test_erasure_reaches_every_byte(
    with_redis: tuple[TestClient, "Redis"], settings: Settings, admin: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    client, redis = with_redis
    state, home = state_of(client), settings.storage.cadence_home
    user_id = f"mary-{uuid.uuid4()}"
    guest = post(client, "/user/session/start", {"location": "Zzyzx Road"}).json()
    as_guest = {"Authorization": f"Bearer {guest['session_token']}"}
    act(client, as_guest, "view")
    signed = post(
        client, "/user/session/start", {"user_id": user_id}, as_guest | {"X-API-Key": admin["Authorization"].split()[1]}
    ).json()
    session = {"Authorization": f"Bearer {signed['session_token']}"}
    for at in range(3, len(UNIQUE) + 1, 3):
        post(client, "/autosuggest", {"query_prefix": UNIQUE[:at]}, session)
    act(client, session, "search", query=UNIQUE, item_id=None)
    act(client, session, "purchase", additional_data={"gift_note": "for aunt Petunia Qwertz"})
    other = start_session(client, "john")
    act(client, other, "click")
    settle(client)
    users, opened = state.gate.users, [guest["session_id"], signed["session_id"]]
    secrets = [user_id, users.key(user_id), users.key(guest["user_id"]), UNIQUE, "Petunia", "Zzyzx"]
    secrets += opened + [stored_session(client, one) for one in opened]
    follower = RollupFollower(state.database, 1.0, rest=0.0)
    in_service(client, follower.refresh)
    before = {text for _, text in traces(home, *secrets)}
    assert {users.key(user_id), UNIQUE, "Petunia", "Zzyzx"} <= before
    assert user_id not in before and not before & set(opened)  # only as keyed hashes
    assert redis.dbsize() > 0

    erased = client.delete(f"/users/{user_id}", headers=session)
    assert erased.status_code == 200, erased.text
    assert erased.json()["rows"]["events"] == 3
    assert erased.json()["rows"]["sessions"] == 2
    assert not erased.json()["retrain"]
    in_service(client, follower.refresh)
    in_service(client, state.database.empty_log)
    assert traces(home, *secrets) == []
    kept = "".join(f"{key!r} {redis.get(key)!r}" for key in redis.keys("*"))
    assert [text for text in secrets if text in kept] == []
    logged = "".join(capfd.readouterr())
    assert [text for text in secrets if text in logged] == []
    assert [row.user_key for row in rows(client, "SELECT user_key FROM events")] == [users.key("john")]
    assert in_service(client, state.database.read, owners) == [f"u:{users.key('john')}"]
    assert in_service(client, state.database.read, lambda connection: compare(connection, f"u:{users.key('john')}"))


def test_what_was_erased_is_no_longer_served(client: TestClient, admin: dict[str, str]) -> None:
    state = state_of(client)
    sessions = [start_session(client, f"shopper-{number}") for number in range(K)]
    for session in sessions:
        act(client, session, "search", query="jacket rain", item_id=None)
    in_service(client, state.live.refresh)
    assert learnt(client, "jacket rain")
    assert client.delete("/users/shopper-0", headers=sessions[0]).status_code == 200
    assert not learnt(client, "jacket rain")  # K − 1 are left
    items = post(client, "/autosuggest", {"query_prefix": ""}, sessions[0]).json()["items"]
    assert [one for one in items if one["source"] == "recent"] == []


def test_another_worker_hears_of_an_erasure(client: TestClient, settings: Settings, shop: SmallShop) -> None:
    session = start_session(client, "mary")
    act(client, session, "search", query="red jacket", item_id=None)
    with TestClient(create_app(settings, load=lambda *_: shop.models())) as other:
        post(other, "/autosuggest", {"query_prefix": ""}, session)
        in_service(other, state_of(other).sessions.settled)  # however busy the machine
        items = post(other, "/autosuggest", {"query_prefix": ""}, session).json()["items"]
        assert [one["text"] for one in items if one["source"] == "recent"] == ["red jacket"]
        assert client.delete("/users/mary", headers=session).status_code == 200
        in_service(other, state_of(other).erasures.refresh)
        items = post(other, "/autosuggest", {"query_prefix": ""}, session).json()["items"]
        assert [one for one in items if one["source"] == "recent"] == []


def test_what_comes_late_is_erased_and_what_was_done_since_stays(client: TestClient) -> None:
    session, before = start_session(client, "mary"), datetime.now(UTC).isoformat()
    act(client, session)
    state = state_of(client)
    assert client.delete("/users/mary", headers=session).json()["pending"] == 0
    act(client, session, timestamp=before)  # as from a worker that had kept it back
    act(client, start_session(client, "mary"), item_id="p2")
    state.erasures._clock = lambda: float("inf")
    in_service(client, state.erasures.refresh)
    assert [row.item_id for row in rows(client, "SELECT item_id FROM events")] == ["p2"]
    owner = f"u:{state.gate.users.key('mary')}"
    assert in_service(client, state.database.read, lambda connection: compare(connection, owner))
    assert state.erasures.pending == 0


def test_erasure_reaches_the_archive(client: TestClient, settings: Settings) -> None:
    session, users = start_session(client, "mary"), state_of(client).gate.users
    folder = settings.storage.cadence_home / "archive"
    folder.mkdir()
    rows_kept = {"user_key": [users.key("mary"), users.key("john")], "session_id": ["s1", "s2"]}
    pl.DataFrame(rows_kept, schema_overrides={}).write_parquet(folder / "events-2024-01.parquet")
    assert client.delete("/users/mary", headers=session).json()["rows"]["archived"] == 1
    assert pl.read_parquet(folder / "events-2024-01.parquet")["user_key"].to_list() == [users.key("john")]
    assert traces(folder, users.key("mary")) == []


def test_an_export_holds_everything_and_nothing_of_others(client: TestClient, admin: dict[str, str]) -> None:
    mary, john = start_session(client, "mary"), start_session(client, "john")
    for session in (mary, john):
        post(client, "/search", {"query": "red"}, session)
        act(client, session, "purchase", additional_data={"note": claims_of(client, session)[1]})
    settle(client)
    for headers in (mary, admin):
        document = json.loads(client.get("/users/mary/export", headers=headers).text)
        assert document["user_id"] == "mary"
        assert {one["action"] for one in document["events"]} == {"search", "purchase"}
        assert [one["kind"] for one in document["lists"]] == ["search"]
        assert len(document["sessions"]) == 1
        assert "john" not in json.dumps(document)
        assert state_of(client).gate.users.key("john") not in json.dumps(document)
    assert json.loads(client.get("/users/nobody/export", headers=admin).text)["events"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/analytics/user/{}"),
        ("GET", "/users/{}/export"),
        ("DELETE", "/users/{}"),
        ("PUT", "/users/{}/personalization"),
    ],
)
def test_one_user_neither_reads_nor_changes_another(
    client: TestClient, admin: dict[str, str], method: str, path: str
) -> None:
    mary, john = start_session(client, "mary"), start_session(client, "john")
    act(client, mary)
    body = {"enabled": True} if method == "PUT" else None
    answers = [client.request(method, path.format(who), headers=john, json=body) for who in ("mary", "nobody at all")]
    assert [one.status_code for one in answers] == [403, 403]
    assert answers[0].json()["detail"] == answers[1].json()["detail"]  # nor learns whether there is such a user
    assert client.request(method, path.format("mary"), json=body).status_code == 401
    assert client.request(method, path.format("mary"), headers={"X-API-Key": "x"}, json=body).status_code == 401
    assert client.request(method, path.format("mary"), headers=mary, json=body).status_code == 200


def test_one_user_infers_nothing_of_another(client: TestClient) -> None:
    """Whatever mary did alone: john, a stranger and who knows her session's id are answered as before."""
    mary, john = start_session(client, "mary"), start_session(client, "john")
    hers, _ = claims_of(client, mary)
    asked: list[tuple[str, dict[str, object]]] = [
        ("/autosuggest", {"query_prefix": ""}),
        ("/autosuggest", {"query_prefix": "red"}),
        ("/search", {"query": "red", "preview": True}),
        ("/recommendations", {"max_results": 5, "reasons": ["for_you"]}),
    ]
    callers: list[tuple[dict[str, str], dict[str, str]]] = [
        (john, {}),
        ({}, {}),
        ({}, {"session_id": hers}),
        ({}, {"session_id": hers, "user_id": "mary"}),
    ]

    def answers() -> list[object]:
        found: list[object] = []
        for path, body in asked:
            for headers, more in callers:
                reply = post(client, path, body | more, headers)
                assert reply.status_code == 200, reply.text
                said = reply.json()
                found.append([said.get(name) for name in ("suggestions", "products", "personalized", "total_results")])
        return found

    before = answers()
    for _ in range(K + 1):
        post(client, "/search", {"query": "red jacket"}, mary)
    act(client, mary, "search", query="jacket rain", item_id=None)
    act(client, mary, "view")
    settle(client)
    in_service(client, state_of(client).live.refresh)
    in_service(client, state_of(client).trending.refresh)
    assert answers() == before


@pytest.mark.parametrize(("shoppers", "shown"), [(K - 1, False), (K, True)])
def test_a_query_of_fewer_than_k_shoppers_is_suggested_to_nobody_else(
    client: TestClient, shoppers: int, shown: bool
) -> None:
    for number in range(shoppers):
        session = start_session(client, f"shopper-{number}")
        for _ in range(3):  # repeating it adds nobody
            act(client, session, "search", query="jacket rain", item_id=None)
    state = state_of(client)
    in_service(client, state.live.refresh)
    in_service(client, state.trending.refresh)
    assert learnt(client, "jacket rain") is shown
    assert ("jacket rain" in state.trending.queries) is shown
    stranger = start_session(client, "stranger")
    nobody: dict[str, str] = {}
    for headers in (nobody, stranger):
        assert ("jacket rain" in post(client, "/autosuggest", {"query_prefix": ""}, headers).text) is shown


def test_who_opted_out_counts_as_nobody_however_often(client: TestClient) -> None:
    for number in range(K - 1):
        act(client, start_session(client, f"shopper-{number}"), "search", query="jacket rain", item_id=None)
    mary = start_session(client, "mary")
    assert client.put("/users/mary/personalization", json={"enabled": False}, headers=mary).status_code == 200
    for _ in range(K):
        act(client, mary, "search", query="jacket rain", item_id=None)
    in_service(client, state_of(client).live.refresh)
    assert not learnt(client, "jacket rain")


def test_an_opt_out_is_honoured_everywhere(client: TestClient, settings: Settings, shop: SmallShop) -> None:
    mary = start_session(client, "mary")
    act(client, mary)
    post(client, "/search", {"query": "red jacket"}, mary)
    settle(client)
    before = len(rows(client, "SELECT 1 FROM events"))
    assert client.put("/users/mary/personalization", json={"enabled": False}, headers=mary).json() == {"enabled": False}
    [profile] = rows(client, "SELECT version FROM profiles")
    with TestClient(create_app(settings, load=lambda *_: shop.models())) as other:
        for at in (client, other):
            items = post(at, "/autosuggest", {"query_prefix": ""}, mary).json()
            assert [one for one in items["items"] if one["source"] == "recent"] == []
            assert not items["personalized"]
            assert not post(at, "/search", {"query": "red"}, mary).json()["personalized"]
            assert not post(at, "/recommendations", {"max_results": 3}, mary).json()["personalized"]
            act(at, mary, "purchase")
            settle(at)
    new = rows(client, "SELECT user_key, session_id FROM events ORDER BY received_at")[before:]
    assert len(new) >= 4
    assert {tuple(row) for row in new} == {(None, None)}
    lists = rows(client, "SELECT session_id FROM list_log WHERE user_key IS NULL")
    assert len({row.session_id for row in lists}) == len(lists) >= 6  # no two can be put together
    assert rows(client, "SELECT version FROM profiles") == [profile]
    again = start_session(client, "mary")
    assert len(rows(client, "SELECT 1 FROM sessions")) == 1
    assert client.put("/users/mary/personalization", json={"enabled": True}, headers=again).status_code == 200
    post(client, "/autosuggest", {"query_prefix": ""}, again)
    in_service(client, state_of(client).sessions.settled)
    items = post(client, "/autosuggest", {"query_prefix": ""}, again).json()["items"]
    assert [one["text"] for one in items if one["source"] == "recent"] == ["red jacket"]


def test_secrets_are_not_in_what_errors_and_settings_print(settings: Settings) -> None:
    key = settings.security.admin_api_key
    assert isinstance(key, SecretStr)
    assert key.get_secret_value() not in repr(settings)


def test_an_operators_choice_for_somebody_leaves_a_line_in_the_audit_log(
    client: TestClient, admin: dict[str, str]
) -> None:
    chosen = client.put("/users/mary/personalization", json={"enabled": False}, headers=admin)
    assert chosen.status_code == client.delete("/users/mary", headers=admin).status_code == 200
    lines = rows(client, "SELECT actor, action, subject FROM audit_log ORDER BY id")
    assert [(line.actor, line.action) for line in lines] == [
        ("operator", "choose_personalization"),
        ("operator", "erase_user"),
    ]
    assert "mary" not in str(lines)

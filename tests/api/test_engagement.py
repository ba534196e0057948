"""POST /engagement, /engagement/batch and /user/session/start."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from core.domain import ACTION_WEIGHTS, Action
from tests.api.calls import ADMIN_KEY, in_service, post, raw_post, rows, start_session, state_of, stored_session

VOUCHED = {"X-API-Key": ADMIN_KEY}
VIEW = {"user_id": "mary", "session_id": "s", "action_type": "view", "item_id": "p1"}


def at(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def test_an_event_is_on_disk_when_it_is_acknowledged(client: TestClient) -> None:
    event_id = str(uuid.uuid4())
    sent = VIEW | {
        "event_id": event_id,
        "item_rank": 3,
        "duration_seconds": 1.5,
        "request_id": "r1",
        "timestamp": "2999-01-01T00:00:00Z",
        "additional_data": {"größe": [1, None, {"a": 0.5}]},
    }
    sent["timestamp"] = at(hours=23)
    reply = post(client, "/engagement", sent)
    assert reply.status_code == 200
    assert reply.json() == {"success": True, "message": "stored", "event_id": event_id}
    [row] = rows(client, "SELECT * FROM events")
    assert (row.event_id, row.action, row.item_id, row.item_rank, row.duration_seconds) == (
        event_id,
        "view",
        "p1",
        3,
        1.5,
    )
    assert json.loads(row.additional_data) == sent["additional_data"]
    assert row.session_id == stored_session(client, "s")
    assert row.user_key is None  # nothing vouched for mary


@pytest.mark.parametrize("action", list(Action))
def test_every_action_is_taken(client: TestClient, action: Action) -> None:
    assert action in ACTION_WEIGHTS
    sent = VIEW | {"action_type": action.value, "query": "red shoes"}
    assert post(client, "/engagement", sent).status_code == 200


def test_an_unknown_product_is_taken_and_flagged(client: TestClient) -> None:
    reply = post(client, "/engagement", VIEW | {"item_id": "'; DROP TABLE events; --"})
    assert reply.status_code == 200
    assert "does not (yet) know" in reply.json()["message"]
    assert len(rows(client, "SELECT event_id FROM events")) == 1


def test_a_repeated_event_changes_nothing_and_a_reused_id_is_a_conflict(client: TestClient) -> None:
    sent = VIEW | {"event_id": str(uuid.uuid4())}
    first, again = post(client, "/engagement", sent), post(client, "/engagement", sent)
    assert again.status_code == 200
    assert again.json()["event_id"] == first.json()["event_id"]
    assert again.json()["message"] == "stored before"
    reused = post(client, "/engagement", sent | {"action_type": "purchase"})
    assert reused.status_code == 409
    assert reused.json()["code"] == "conflict"
    assert [row.action for row in rows(client, "SELECT action FROM events")] == ["view"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_id": None}, "user_id"),
        ({"session_id": None}, "session_id"),
        ({"action_type": "stare"}, "action_type"),
        ({"item_id": None}, "item_id"),
        ({"action_type": "search"}, "query"),
        ({"action_type": "suggestion_click"}, "query"),
        ({"action_type": "impression", "item_id": None}, "query"),
        ({"item_rank": 0}, "item_rank"),
        ({"item_rank": 1.5}, "item_rank"),
        ({"duration_seconds": -1}, "duration_seconds"),
        ({"event_id": "one"}, "event_id"),
        ({"timestamp": 1_700_000_000}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+23:59"}, "timestamp"),
        ({"timestamp": "2001-01-01T00:00:00Z"}, "timestamp"),
        ({"timestamp": "2999-01-01T00:00:00"}, "timestamp"),
        ({"additional_data": {"a": "x" * 9_000}}, "additional_data"),
        ({"additional_data": {"a": "\x00"}}, "additional_data"),
        ({"additional_data": [1]}, "additional_data"),
        ({"user_id": "a\x00b"}, "user_id"),
        ({"price": 1}, "price"),
    ],
)
def test_what_cannot_be_is_refused_by_name(client: TestClient, change: dict[str, object], field: str) -> None:
    reply = post(client, "/engagement", VIEW | change)
    assert reply.status_code == 422
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in reply.json()["errors"]] == [field]
    assert rows(client, "SELECT event_id FROM events") == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999", '"\\ud800"', "[" * 500 + "]" * 500])
@pytest.mark.parametrize("field", ["duration_seconds", "additional_data"])
def test_what_json_cannot_carry_is_refused(client: TestClient, field: str, value: str) -> None:
    carried = value if field == "duration_seconds" else f'{{"a": {value}}}'
    if field == "additional_data" and value.startswith("["):
        carried = '{"a": ' * 100_000 + "1" + "}" * 100_000
    body = f'{json.dumps(VIEW)[:-1]}, "{field}": {carried}}}'
    reply = raw_post(client, "/engagement", body.encode())
    assert reply.status_code in (400, 422)
    reply.json()


def test_events_up_to_a_day_old_are_taken_and_older_ones_with_the_key(
    client: TestClient, admin: dict[str, str]
) -> None:
    assert post(client, "/engagement", VIEW | {"timestamp": at(hours=23.9)}).status_code == 200
    assert post(client, "/engagement", VIEW | {"timestamp": at(minutes=-4)}).status_code == 200
    assert post(client, "/engagement", VIEW | {"timestamp": at(hours=24.1)}).status_code == 422
    assert post(client, "/engagement", VIEW | {"timestamp": at(days=400)}, admin).status_code == 200
    assert post(client, "/engagement", VIEW | {"timestamp": at(minutes=-6)}, admin).status_code == 422


def test_times_are_kept_in_utc(client: TestClient) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    for number, text in enumerate(
        (moment.strftime("%Y-%m-%dT%H:%M:%S"), moment.isoformat(), moment.strftime("%FT%TZ"))
    ):
        post(client, "/engagement", VIEW | {"timestamp": text, "item_rank": number + 1})
    assert len({row.occurred_at for row in rows(client, "SELECT occurred_at FROM events")}) == 1


def test_a_batch_is_answered_in_its_order(client: TestClient) -> None:
    event_id = str(uuid.uuid4())
    events = [
        VIEW | {"event_id": event_id},
        VIEW | {"item_id": "unknown"},
        VIEW | {"event_id": event_id},
        VIEW | {"event_id": event_id, "action_type": "purchase"},
    ]
    reply = post(client, "/engagement/batch", {"events": events})
    assert reply.status_code == 200
    assert reply.json()["success"] is False
    assert [one["success"] for one in reply.json()["results"]] == [True, True, True, False]
    assert [one["event_id"] == event_id for one in reply.json()["results"]] == [True, False, True, True]
    assert len(rows(client, "SELECT event_id FROM events")) == 2


def test_a_batch_with_an_invalid_event_is_refused_whole(client: TestClient) -> None:
    for bad, field in (({"item_id": None}, "events.1.item_id"), ({"timestamp": at(days=2)}, "events.1.timestamp")):
        reply = post(client, "/engagement/batch", {"events": [VIEW, VIEW | bad]})
        assert reply.status_code == 422
        assert [error["field"] for error in reply.json()["errors"]] == [field]
    assert rows(client, "SELECT event_id FROM events") == []


@pytest.mark.parametrize(("size", "status"), [(0, 422), (1_000, 200), (1_001, 422)])
def test_a_batch_has_one_to_a_thousand_events(client: TestClient, size: int, status: int) -> None:
    assert post(client, "/engagement/batch", {"events": [VIEW] * size}).status_code == status


def test_a_session_says_who_visits(client: TestClient) -> None:
    started = post(
        client,
        "/user/session/start",
        {"user_id": "mary", "device": "mobile", "locale": "de", "location": "Berlin", "referrer": "https://x.test"},
        VOUCHED,
    ).json()
    assert set(started) == {"session_id", "user_id", "session_token", "experiments"}
    assert (started["user_id"], started["experiments"]) == ("mary", {})
    [row] = rows(client, "SELECT * FROM sessions")
    assert row.session_id == stored_session(client, started["session_id"])
    assert (row.device, row.locale, row.location) == ("mobile", "de", "Berlin")
    assert row.user_key == state_of(client).gate.users.key("mary")


def test_a_guest_gets_an_id_of_its_own(client: TestClient) -> None:
    guests = [post(client, "/user/session/start", {}).json() for _ in range(2)]
    assert guests[0]["user_id"] != guests[1]["user_id"]
    header = {"Authorization": f"Bearer {guests[0]['session_token']}"}
    sent = VIEW | {"user_id": guests[0]["user_id"], "session_id": guests[0]["session_id"]}
    assert post(client, "/engagement", sent, header).status_code == 200
    [row] = rows(client, "SELECT user_key FROM events")
    assert row.user_key == state_of(client).gate.users.key(guests[0]["user_id"])


def test_signed_events_belong_to_their_user(client: TestClient) -> None:
    session = start_session(client, "mary")
    claims = state_of(client).gate.tokens.read(session["Authorization"].split()[1])
    post(client, "/engagement", VIEW | {"session_id": claims.session_id}, session)
    [row] = rows(client, "SELECT user_key FROM events")
    assert row.user_key == state_of(client).gate.users.key("mary")


def started(client: TestClient, **said: str) -> dict[str, str]:
    """A new session as `/user/session/start` gives it."""
    reply: dict[str, str] = post(client, "/user/session/start", said, VOUCHED).json()
    return reply


def bearer(session: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {session['session_token']}"}


def test_what_the_shop_knows_of_a_product_is_stored_with_its_event(client: TestClient) -> None:
    session = started(client)
    found = post(client, "/search", {"query": "red", "max_results": 5}, bearer(session)).json()
    in_service(client, state_of(client).writer.flush_lists)
    clicked = found["products"][1]["product_id"]
    sent = {
        "user_id": session["user_id"], "session_id": session["session_id"], "action_type": "click",
        "item_id": clicked, "item_rank": 2, "request_id": found["request_id"],
    }  # fmt: skip
    assert post(client, "/engagement", sent, bearer(session)).status_code == 200
    [row] = rows(client, "SELECT facts FROM events WHERE action = 'click'")
    facts = json.loads(row.facts)
    assert facts["brand"] == "Acme"
    assert facts["skipped"] == [found["products"][0]["product_id"]]  # it stood above, and was left alone
    [profile] = rows(client, "SELECT owner, version FROM profiles WHERE owner LIKE 'u:%'")
    assert profile.version >= 1


def test_a_list_of_somebody_else_leaves_nothing_alone(client: TestClient) -> None:
    session, other = started(client), started(client)
    found = post(client, "/search", {"query": "red"}, bearer(session)).json()
    in_service(client, state_of(client).writer.flush_lists)
    sent = {
        "user_id": other["user_id"], "session_id": other["session_id"], "action_type": "click",
        "item_id": found["products"][1]["product_id"], "item_rank": 2, "request_id": found["request_id"],
    }  # fmt: skip
    assert post(client, "/engagement", sent, bearer(other)).status_code == 200
    [row] = rows(client, "SELECT facts FROM events WHERE action = 'click'")
    assert "skipped" not in json.loads(row.facts)


def test_a_known_user_is_not_merged_into_another(client: TestClient) -> None:
    """On a shared device the one who signs in next starts with their own history alone."""
    ann = started(client, user_id="ann")
    event = {"user_id": "ann", "session_id": ann["session_id"], "action_type": "click", "item_id": "p1"}
    assert post(client, "/engagement", event, bearer(ann)).status_code == 200
    reply = post(client, "/user/session/start", {"user_id": "bob"}, bearer(ann) | VOUCHED)
    assert reply.status_code == 200
    assert rows(client, "SELECT * FROM profile_links") == []
    guest = started(client)
    event = {"user_id": guest["user_id"], "session_id": guest["session_id"], "action_type": "click", "item_id": "p2"}
    assert post(client, "/engagement", event, bearer(guest)).status_code == 200
    assert post(client, "/user/session/start", {"user_id": "bob"}, bearer(guest) | VOUCHED).status_code == 200
    assert len(rows(client, "SELECT * FROM profile_links")) == 1


def test_a_session_without_a_token_is_taken_along_by_who_names_it(client: TestClient) -> None:
    assert post(client, "/engagement", VIEW | {"session_id": "open"}).status_code == 200
    assert [row.owner for row in rows(client, "SELECT owner FROM profiles")] == ["s:" + stored_session(client, "open")]
    assert post(client, "/user/session/start", {"user_id": "bob", "session_id": "open"}, VOUCHED).status_code == 200
    [owner] = [row.owner for row in rows(client, "SELECT owner FROM profiles")]
    assert owner.startswith("u:")

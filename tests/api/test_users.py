"""GET /analytics/user/{user_id}."""

from fastapi.testclient import TestClient

from tests.api.calls import in_service, post, start_session, state_of, stored_session


def test_what_somebody_did_is_told_to_operators_and_to_themselves(client: TestClient, admin: dict[str, str]) -> None:
    mine, other = start_session(client, "jane"), start_session(client, "joe")
    session = client.get("/analytics/user/jane", headers=mine).json()  # known by the session alone
    assert (session["events"], session["profile"], session["search_ctr"], session["conversion"]) == (
        0,
        None,
        None,
        None,
    )
    claims = state_of(client).gate.claims(mine["Authorization"])
    who = {"user_id": "jane", "session_id": claims.session_id}
    searched = post(client, "/search", {**who, "query": "red"}, mine).json()
    assert post(client, "/search", {**who, "query": "nothing like it"}, mine).json()["total_results"] == 0
    for action in ("click", "add_to_cart", "purchase"):
        told = {**who, "action_type": action, "item_id": "p1", "request_id": searched["request_id"]}
        assert post(client, "/engagement", told, mine).status_code == 200
    in_service(client, state_of(client).writer.flush_events)
    in_service(client, state_of(client).writer.flush_lists)
    answer = client.get("/analytics/user/jane", headers=admin).json()
    assert answer == client.get("/analytics/user/jane", headers=mine).json() | {
        name: answer[name] for name in ("preferred_categories", "preferred_brands", "preferred_prices")
    }  # these fade by the moment
    assert answer["actions"] == {"add_to_cart": 1, "click": 1, "purchase": 1, "search": 1}
    assert (answer["engagement_score"], answer["sessions"], answer["searches"]) == (17.0, 1, 2)
    assert (answer["search_ctr"], answer["conversion"]) == (0.5, 1.0)
    assert answer["profile"]["events"] == 4
    [brand] = answer["preferred_brands"]
    assert brand["name"] == "Acme" and brand["weight"] == 17.0 and 16.5 < brand["strength"] <= 17.0
    [visit] = answer["session_history"]
    assert (visit["session_id"], visit["actions"]["purchase"]) == (stored_session(client, claims.session_id), 1)

    assert client.get("/analytics/user/jane", headers=other).json()["code"] == "user_mismatch"
    assert client.get("/analytics/user/jane").status_code == 401
    unknown = client.get("/analytics/user/nobody", headers=admin)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_user")

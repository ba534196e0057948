"""/admin/experiments, what arms do to lists, and what is logged of them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.experiment_results import ExperimentResultsReader
from api.experiments import Experiments
from core.experiments.assignment import draw
from tests.api.calls import in_service, post, rows, start_session, state_of, stored_session
from tests.api.small_shop import SmallShop

EXPERIMENTS = "/admin/experiments"
DIVERSE: dict[str, Any] = {
    "name": "diversity",
    "arms": [{"name": "control"}, {"name": "none", "changes": {"suggestion_diversity": 0.0}}],
    "primary_metric": "suggestion_ctr",
}


def create(client: TestClient, admin: Mapping[str, str], **changed: object) -> Any:
    return post(client, EXPERIMENTS, DIVERSE | changed, admin)


def type_one(client: TestClient, session: str, prefix: str = "re") -> None:
    assert post(client, "/autosuggest", {"query_prefix": prefix, "session_id": session}).status_code == 200


def shown(client: TestClient) -> list[Any]:
    in_service(client, state_of(client).writer.flush_lists)
    return rows(client, "SELECT request_id, session_id, experiments FROM list_log ORDER BY created_at")


def arm_of(session: str, name: str = "diversity") -> str:
    return "control" if draw(name, "arm", f"s:{session}") < 0.5 else "none"


def test_an_experiment_is_created_listed_changed_and_stopped(client: TestClient, admin: dict[str, str]) -> None:
    created = create(client, admin, guardrails=[{"metric": "zero_result_rate", "tolerance": 0.02}], traffic=0.1)
    assert created.status_code == 201
    said = created.json()
    assert (said["version"], said["state"], said["salt"], said["slice"]) == (1, "running", "diversity", [0.0, 1.0])
    assert said["arms"][1]["changes"]["suggestion_diversity"] == 0.0
    listed = client.get(EXPERIMENTS, headers=admin).json()
    assert listed["enabled"]
    assert listed["experiments"] == [said]
    assert "conversion" in listed["metrics"]
    ramped = client.patch(f"{EXPERIMENTS}/diversity", json={"traffic": 0.5}, headers=admin).json()
    assert (ramped["version"], ramped["traffic"]) == (2, 0.5)
    lowered = client.patch(f"{EXPERIMENTS}/diversity", json={"traffic": 0.4}, headers=admin)
    assert (lowered.status_code, lowered.json()["errors"][0]["field"]) == (422, "traffic")
    stopped = client.patch(f"{EXPERIMENTS}/diversity", json={"stopped": True}, headers=admin).json()
    assert (stopped["version"], stopped["state"], stopped["traffic"]) == (3, "stopped", 0.5)
    again = client.patch(f"{EXPERIMENTS}/diversity", json={"stopped": False}, headers=admin)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    versions = client.get(f"{EXPERIMENTS}/diversity", headers=admin).json()["versions"]
    assert [one["version"] for one in versions] == [1, 2, 3]
    audited = rows(client, "SELECT actor, action, subject FROM audit_log ORDER BY id")
    assert [tuple(row) for row in audited] == [
        ("operator", f"{action}_experiment", "diversity") for action in ("create", "change", "stop")
    ]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "Has Spaces"}, "name"),
        ({"name": "promotion-mine"}, "name"),
        ({"primary_metric": "happiness"}, "primary_metric"),
        ({"arms": [{"name": "alone"}]}, "arms"),
        ({"arms": [{"name": "same"}, {"name": "same"}]}, "arms"),
        ({"method": "team_draft", "arms": [{"name": name} for name in "abc"]}, "method"),
        ({"slice": [0.5, 0.5]}, "slice"),
        ({"traffic": 1.5}, "traffic"),
        ({"overrides": {"users": {"ada": "nobody"}}}, "overrides"),
        ({"starts_at": "2026-01-02", "ends_at": "2026-01-01"}, "ends_at"),
        ({"guardrails": [{"metric": "conversion", "tolerance": -1.0}]}, "guardrails.0.tolerance"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_definition_that_cannot_be_is_refused(
    client: TestClient, admin: dict[str, str], changed: dict[str, object], field: str
) -> None:
    refused = create(client, admin, **changed)
    assert (refused.status_code, refused.json()["code"]) == (422, "validation_error")
    assert refused.json()["errors"][0]["field"] == field


def test_what_would_mix_two_effects_is_refused(client: TestClient, admin: dict[str, str]) -> None:
    create(client, admin, slice=[0.0, 0.5])
    assert create(client, admin).json()["code"] == "conflict"
    for changed in ({"slice": [0.4, 1.0]}, {"layer": "other"}, {"slice": [0.5, 1.0], "unit": "session"}):
        refused = create(client, admin, name="second", **changed)
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict"), changed
        assert "diversity" in refused.json()["detail"]
    assert create(client, admin, name="second", slice=[0.5, 1.0]).status_code == 201
    unknown = create(
        client, admin, name="third", arms=[{"name": "a"}, {"name": "b", "changes": {"artifact_version": "x"}}]
    )
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_version")


def test_an_arm_changes_the_list_and_its_exposure_is_logged_once(
    client: TestClient, admin: dict[str, str], shop: SmallShop
) -> None:
    create(client, admin)
    sessions = [f"visit{number}" for number in range(12)]
    for session in sessions:
        type_one(client, session)
        type_one(client, session, "red")
    asked = {query.diversity for query in shop.suggest_calls}
    assert asked == {None, 0.0}
    lists = shown(client)
    assert [json.loads(row.experiments) for row in lists] == [{"diversity": arm_of(row.session_id)} for row in lists]
    exposed = rows(client, "SELECT unit, arm, request_id, chosen_by_hand FROM exposures ORDER BY unit")
    assert [(row.unit, row.arm) for row in exposed] == [
        (f"s:{one}", arm_of(one)) for one in sorted(stored_session(client, one) for one in sessions)
    ]
    assert {row.request_id for row in exposed} <= {row.request_id for row in lists[::2]}
    assert not any(row.chosen_by_hand for row in exposed)


def test_a_list_that_no_arm_could_change_is_no_exposure(client: TestClient, admin: dict[str, str]) -> None:
    create(client, admin)
    type_one(client, "visit", "")
    type_one(client, "visit", "red rain")  # one line only
    post(client, "/search", {"query": "red", "session_id": "visit"})
    post(client, "/autosuggest", {"query_prefix": "re"})  # of nobody who could keep an arm
    assert {row.experiments for row in shown(client)} == {None}
    assert rows(client, "SELECT * FROM exposures") == []


def test_a_session_hears_its_arms_and_overrides_go_first(client: TestClient, admin: dict[str, str]) -> None:
    create(client, admin, traffic=0.0, overrides={"users": {"tester": "none"}, "sessions": {"tablet": "control"}})
    assert post(client, "/user/session/start", {"user_id": "tester"}, admin).json()["experiments"] == {
        "diversity": "none"
    }
    assert post(client, "/user/session/start", {"user_id": "other"}, admin).json()["experiments"] == {}
    headers = start_session(client, "tester")
    post(client, "/autosuggest", {"query_prefix": "re"}, headers)
    assert [row.experiments for row in shown(client)] == [None]  # counted nowhere
    assert [row[0] for row in rows(client, "SELECT chosen_by_hand FROM exposures")] == [1]


def test_the_audience_is_told_at_the_start_of_a_visit(client: TestClient, admin: dict[str, str]) -> None:
    create(client, admin, audience={"devices": ["phone"]})
    for device, takes_part in (("phone", True), ("desktop", False), (None, False)):
        started = post(client, "/user/session/start", {"device": device} if device else {}).json()
        assert bool(started["experiments"]) is takes_part, device


def test_another_worker_assigns_alike_after_a_look(client: TestClient, admin: dict[str, str]) -> None:
    state = state_of(client)
    other = Experiments(state.database, 60.0, state.variants, enabled=True)
    off = Experiments(state.database, 60.0, state.variants, enabled=False)
    create(client, admin)
    for worker in (other, off):
        in_service(client, worker.refresh)
    callers = [state.gate.caller(None, f"visit{number}", None) for number in range(50)]
    assert [other.of(one, ()).arms for one in callers] == [state.experiments.of(one, ()).arms for one in callers]
    assert not any(off.of(one, ()).placements for one in callers)


def test_results_of_nobody_are_too_early(client: TestClient, admin: dict[str, str]) -> None:
    create(client, admin)
    said = client.get(f"{EXPERIMENTS}/diversity/results", headers=admin).json()
    assert (said["units"], said["since"], said["split"]) == ({"control": 0, "none": 0}, None, None)
    assert said["verdict"]["state"] == "too_early"
    assert said["metrics"][0]["metric"] == "suggestion_ctr"
    missing = client.get(f"{EXPERIMENTS}/unheard-of/results", headers=admin)
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_experiment")


def test_results_count_what_was_done_since_the_exposure(client: TestClient, admin: dict[str, str]) -> None:
    sessions = [f"visit{number}" for number in range(8)]
    arms = {one: arm_of(stored_session(client, one)) for one in sessions}
    for session in sessions:
        act(client, session, "purchase", item_id="p1")  # before
    create(client, admin, primary_metric="revenue")
    for session in sessions:
        type_one(client, session)
        in_service(client, state_of(client).writer.flush_lists)
        found = post(client, "/search", {"query": "red running shoes", "session_id": session}).json()
        act(client, session, "click", item_id="p1", request_id=found["request_id"])
        post(client, "/search", {"query": "no such thing", "session_id": session})
        if arms[session] == "none":
            act(client, session, "purchase", item_id="p1", additional_data={"quantity": 2, "price": 40.0})
            act(client, session, "purchase", item_id="p3")  # at the catalogue's price
    act(client, "stranger", "purchase", item_id="p1")
    in_service(client, state_of(client).writer.flush_lists)
    said = client.get(f"{EXPERIMENTS}/diversity/results", headers=admin).json()
    assert said["units"] == {name: sum(arm == name for arm in arms.values()) for name in ("control", "none")}
    values = {one["metric"]: one["values"] for one in said["metrics"]}
    assert values["revenue"] == {"control": 0.0, "none": 179.0}
    assert values["conversion"] == {"control": 0.0, "none": 1.0}
    assert values["click_rate"] == {"control": 1.0, "none": 1.0}
    assert values["search_ctr"] == {"control": 0.5, "none": 0.5}
    assert values["zero_result_rate"] == {"control": 0.5, "none": 0.5}
    assert values["keystrokes_per_search"] == {"control": 0.5, "none": 0.5}
    assert values["engagement"] == {"control": 2.0, "none": 22.0}
    assert said["verdict"]["state"] == "too_early"


@pytest.mark.parametrize(
    ("asked", "units"),
    [
        ({"kind": "proportion", "baseline": 0.1, "minimum_effect": 0.1}, 14_744),
        ({"kind": "mean", "baseline": 10.0, "deviation": 20.0, "minimum_effect": 0.1}, 6_281),
    ],
)
def test_a_plan_says_how_many_units_are_needed(
    client: TestClient, admin: dict[str, str], asked: dict[str, object], units: int
) -> None:
    """The figures of statsmodels' NormalIndPower and TTestIndPower."""
    said = post(client, f"{EXPERIMENTS}/plan", asked, admin).json()
    assert abs(said["units_per_arm"] - units) <= 8
    refused = post(
        client,
        f"{EXPERIMENTS}/plan",
        asked | {"baseline": 0.5, "minimum_effect": 3.0, "kind": "proportion", "deviation": None},
        admin,
    )
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "minimum_effect")


def act(client: TestClient, session: str, action: str, **more: object) -> None:
    event = {"user_id": "anybody", "session_id": session, "action_type": action, **more}
    assert post(client, "/engagement", event).status_code == 200


TEAMS = {
    "name": "teams",
    "arms": [{"name": "control"}, {"name": "wide", "changes": {"beam_width": 3}}],
    "method": "team_draft",
    "units_per_arm": 100,
}


def test_an_interleaved_list_holds_both_arms_and_credits_choices(
    client: TestClient, admin: dict[str, str], shop: SmallShop
) -> None:
    shop.for_beam[3] = ("rain jacket", "red rain jacket", "running shoes")
    assert create(client, admin, **TEAMS).status_code == 201
    liked = 0
    for number in range(60):
        answer = post(client, "/autosuggest", {"query_prefix": "r", "session_id": f"visit{number}"}).json()
        scores = [item["score"] for item in answer["items"]]
        assert scores == sorted(scores, reverse=True)
        assert set(answer["suggestions"]) == {"red running shoes", "running shoes", "red rain jacket", "rain jacket"}
        if number % 2 and answer["suggestions"].index("rain jacket") < 2:
            liked += 1
            act(client, f"visit{number}", "suggestion_click", query="rain jacket", request_id=answer["request_id"])
            act(client, f"visit{number}", "suggestion_click", query="rain jacket", request_id=answer["request_id"])
    shown(client)
    said = client.get(f"{EXPERIMENTS}/teams/results", headers=admin).json()
    assert said["units"] == {"interleaved": 60}
    assert said["metrics"] == []
    preference = said["preference"]
    assert (preference["units"], preference["for_control"]) == (60, 0)
    assert preference["for_treatment"] == liked > 20
    assert said["verdict"]["state"] == "better"


def test_arms_that_say_the_same_are_not_interleaved(client: TestClient, admin: dict[str, str]) -> None:
    create(client, admin, **TEAMS)
    type_one(client, "visit")
    post(client, "/search", {"query": "red", "session_id": "visit"})
    assert {row.experiments for row in shown(client)} == {None}


@pytest.mark.parametrize("method", ["team_draft", "balanced"])
def test_pages_of_an_interleaved_search_are_cut_from_one_list(
    client: TestClient, admin: dict[str, str], shop: SmallShop, method: str
) -> None:
    arms = [{"name": "control"}, {"name": "near", "changes": {"personalization_reach": 0.0}}]
    create(client, admin, name="reach", arms=arms, method=method)
    shop.by_reach[0.0] = ("p3", "p2", "p1")
    body = {"query": "red", "session_id": "visit", "max_results": 1}
    first = post(client, "/search", body).json()
    pages = [
        first,
        *(post(client, "/search", body | {"offset": at, "request_id": first["request_id"]}).json() for at in (1, 2)),
    ]
    whole = post(client, "/search", body | {"max_results": 3, "request_id": first["request_id"]}).json()
    ids = [product["product_id"] for page in pages for product in page["products"]]
    assert ids == [product["product_id"] for product in whole["products"]]
    assert len(set(ids)) == len(ids)


def test_results_that_took_long_are_answered_again_for_a_while(client: TestClient, admin: dict[str, str]) -> None:
    create(client, admin)
    now = 0.0

    def slow_clock() -> float:
        nonlocal now
        now += 2.0
        return now

    state = state_of(client)
    state.results = ExperimentResultsReader(state.database, slow_clock)

    def units() -> int:
        return sum(client.get(f"{EXPERIMENTS}/diversity/results", headers=admin).json()["units"].values())

    assert units() == 0
    type_one(client, "visit")
    shown(client)
    assert units() == 0
    now += 40.0
    assert units() == 1
    type_one(client, "visit2")
    shown(client)
    assert units() == 1
    client.patch(f"{EXPERIMENTS}/diversity", json={"traffic": 1.0}, headers=admin)
    assert units() == 2  # another version is another question


def test_results_and_the_audit_log_are_saved_as_csv(client: TestClient, admin: dict[str, str]) -> None:
    create(client, admin)
    saved = client.get(f"{EXPERIMENTS}/diversity/results.csv", headers=admin)
    assert saved.headers["Content-Type"].startswith("text/csv")
    lines = saved.text.splitlines()
    assert lines[0].startswith("metric,role,treatment,value of control,value of none,difference,low,high")
    assert lines[1].startswith("suggestion_ctr,primary,none,")
    assert client.get(f"{EXPERIMENTS}/unheard-of/results.csv", headers=admin).status_code == 404
    assert "create_experiment,diversity" in client.get("/admin/models/audit.csv", headers=admin).text
    assert client.get("/admin/models/versions.csv", headers=admin).text.startswith("version,state,resident")

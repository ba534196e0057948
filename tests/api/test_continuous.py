"""Versions beside the current one, promotions that end by themselves, and retrainings that are due."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.continuous import Continuous
from api.job_processes import JobProgram
from api.main import create_app
from config.experiment_settings import ExperimentSettings
from config.settings import ServingSettings, Settings
from core import artifacts
from core.experiments.promotion import Step, decide, promotion
from core.experiments.report import report
from database.repositories.experiments import Exposure, insert_exposures
from tests.api.calls import in_service, post, rows, state_of, stored_session
from tests.api.test_jobs import Versions, served
from tests.core.experiments.test_report import no_counts
from training.begin_promotion import begin_promotion

PROMOTING = ExperimentSettings(
    promotion_share=0.5, promotion_units=100, promotion_check_seconds=3_600, experiment_refresh_seconds=3_600
)


@pytest.fixture
def versions(stocked: Path, settings: Settings) -> Versions:
    shutil.copytree(stocked, settings.storage.cadence_home)
    versions = Versions(settings)
    versions.publish("1")
    versions.publish("2")
    artifacts.make_current(versions.folder, "1")
    return versions


@pytest.fixture
def patient(settings: Settings) -> Settings:
    """Nothing is looked for unless a test asks."""
    return settings.model_copy(
        update={"serving": ServingSettings(reload_check_seconds=3_600), "experiments": PROMOTING}
    )


@pytest.fixture
def client(versions: Versions, patient: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(patient, versions.load)) as client:
        yield client


def follow(client: TestClient, versions: Versions) -> None:
    state = state_of(client)
    in_service(client, state.experiments.refresh)
    in_service(client, state.variants.follow, state, versions.load, None)


def promote(client: TestClient, versions: Versions, patient: Settings, version: str = "2") -> str:
    name = in_service(client, begin_promotion, patient, version)
    follow(client, versions)
    return name


def continuous(client: TestClient) -> Continuous:
    state: Any = client.app_state
    return Continuous(state["cadence"], state["reloader"], state["job_processes"])


def expose(client: TestClient, experiment: str, arms: dict[str, int]) -> None:
    now = datetime.now(UTC)
    units = {stored_session(client, f"{arm}{number}"): arm for arm in arms for number in range(arms[arm])}
    found = [Exposure(experiment, f"s:{one}", arm, 1, "r", one, None, False, now) for one, arm in units.items()]
    in_service(client, state_of(client).database.commit, lambda connection: insert_exposures(connection, found))


def audited(client: TestClient, admin: dict[str, str]) -> list[tuple[str, str, str]]:
    said = client.get("/admin/models", headers=admin).json()["audit"]
    return [(one["actor"], one["action"], one["subject"]) for one in reversed(said)]


def test_an_arm_is_served_by_its_version(
    client: TestClient, versions: Versions, patient: Settings, admin: dict[str, str]
) -> None:
    promote(client, versions, patient)
    for number in range(40):
        post(client, "/autosuggest", {"query_prefix": "re", "session_id": f"visit{number}"})
        post(client, "/search", {"query": "red", "session_id": f"visit{number}"})
    in_service(client, state_of(client).writer.flush_lists)
    seen = Counter(tuple(row) for row in rows(client, "SELECT artifact_version, experiments FROM list_log"))
    assert set(seen) == {("1", '{"promotion-2":"current"}'), ("2", '{"promotion-2":"candidate"}')}
    assert min(seen.values()) > 20
    listed = client.get("/admin/models", headers=admin).json()["versions"]
    assert [(one["version"], one["state"], one["resident"]) for one in listed] == [
        ("2", "promoted", True), ("1", "current", True)
    ]  # fmt: skip


def test_nobody_takes_part_until_the_version_is_loaded(
    client: TestClient, versions: Versions, patient: Settings
) -> None:
    in_service(client, begin_promotion, patient, "2")
    in_service(client, state_of(client).experiments.refresh)
    assert post(client, "/user/session/start", {}).json()["experiments"] == {}
    follow(client, versions)
    assert post(client, "/user/session/start", {}).json()["experiments"]


def test_a_version_that_cannot_be_loaded_is_rolled_back(
    client: TestClient, versions: Versions, patient: Settings, admin: dict[str, str]
) -> None:
    (versions.folder / "2" / "weights.bin").write_text("altered")
    promote(client, versions, patient)
    assert state_of(client).variants.refused == {"2"}
    in_service(client, continuous(client).guard)
    assert audited(client, admin)[-1] == ("guard", "roll_back", "2")
    assert served(client) == "1"


def test_a_promotion_without_harm_serves_everybody(
    client: TestClient, versions: Versions, patient: Settings, admin: dict[str, str]
) -> None:
    name = promote(client, versions, patient)
    expose(client, name, {"current": 99, "candidate": 99})
    in_service(client, continuous(client).guard)
    assert served(client) == "1"  # not enough yet
    expose(client, name, {"current": 100, "candidate": 100})
    in_service(client, continuous(client).guard)
    assert served(client) == "2"
    assert audited(client, admin) == [("schedule", "begin_promotion", "2"), ("guard", "promote", "2")]
    assert client.get(f"/admin/experiments/{name}", headers=admin).json()["versions"][-1]["state"] == "stopped"
    in_service(client, continuous(client).guard)  # there is nothing left to do
    assert len(audited(client, admin)) == 2


def test_a_broken_split_rolls_it_back(
    client: TestClient, versions: Versions, patient: Settings, admin: dict[str, str]
) -> None:
    name = promote(client, versions, patient)
    expose(client, name, {"current": 900, "candidate": 100})
    in_service(client, continuous(client).guard)
    follow(client, versions)
    assert (served(client), audited(client, admin)[-1]) == ("1", ("guard", "roll_back", "2"))
    assert post(client, "/user/session/start", {}).json()["experiments"] == {}
    assert list(state_of(client).variants.versions) == ["1"]


def test_harm_to_shoppers_rolls_it_back(
    client: TestClient, versions: Versions, patient: Settings, admin: dict[str, str]
) -> None:
    name = promote(client, versions, patient)
    expose(client, name, {"current": 400, "candidate": 400})
    clicks = [f"current{number}" for number in range(0, 400, 2)] + [
        f"candidate{number}" for number in range(0, 400, 20)
    ]
    event = {"user_id": "anybody", "action_type": "click", "item_id": "p1"}
    sent = post(client, "/engagement/batch", {"events": [event | {"session_id": session} for session in clicks]})
    assert sent.status_code == 200
    in_service(client, continuous(client).guard)
    assert (served(client), audited(client, admin)[-1]) == ("1", ("guard", "roll_back", "2"))
    reason = client.get("/admin/models", headers=admin).json()["audit"][0]["details"]["reason"]
    assert "click_rate" in reason


def test_patience_ends_for_small_shops() -> None:
    experiment, day = promotion("2", 0.5, 1_000, datetime.now(UTC)), timedelta(days=1)
    said = report(experiment, ["current", "candidate"] * 30, no_counts(60))
    assert decide(said, units=1_000, age=day, patience=2 * day).step is Step.WAIT
    assert decide(said, units=1_000, age=2 * day, patience=2 * day).step is Step.PROMOTE
    unseen = report(experiment, [], no_counts(0))
    assert decide(unseen, units=1_000, age=9 * day, patience=2 * day).step is Step.WAIT


def test_a_split_that_is_odd_by_chance_is_waited_for() -> None:
    experiment, day = promotion("2", 0.5, 100, datetime.now(UTC)), timedelta(days=1)
    for odd, step in ((240, Step.WAIT), (400, Step.ROLL_BACK)):
        said = report(experiment, ["current"] * odd + ["candidate"] * 150, no_counts(odd + 150))
        assert said.split is not None and said.split.alarm
        assert decide(said, units=100, age=day, patience=day).step is step


def test_a_promotion_that_was_stopped_meanwhile_is_left_alone(
    client: TestClient, versions: Versions, patient: Settings, admin: dict[str, str]
) -> None:
    name = promote(client, versions, patient)
    expose(client, name, {"current": 100, "candidate": 100})
    known = state_of(client).experiments.current
    stopped = client.patch(f"/admin/experiments/{name}", json={"stopped": True}, headers=admin)
    assert stopped.status_code == 200
    state_of(client).experiments.current = known  # as another worker, or a count that takes its time, still sees it
    in_service(client, continuous(client).guard)
    assert served(client) == "1"
    assert audited(client, admin)[-1] == ("operator", "stop_experiment", name)


def test_a_second_promotion_takes_the_place_of_the_first(
    client: TestClient, versions: Versions, patient: Settings, admin: dict[str, str]
) -> None:
    promote(client, versions, patient)
    versions.publish("3")
    artifacts.make_current(versions.folder, "1")
    promote(client, versions, patient, "3")
    assert list(state_of(client).variants.versions) == ["1", "3"]
    assert ("schedule", "stop_experiment", "promotion-2") in audited(client, admin)


@pytest.mark.parametrize(("hours", "starts"), [(None, False), (1_000_000.0, False), (1.0, True)])
def test_a_retraining_starts_when_one_is_due(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, admin: dict[str, str], hours: float | None, starts: bool
) -> None:
    state, started = state_of(client), []
    made = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    monkeypatch.setitem(state.models.manifest, "created_at", made)
    wish = PROMOTING.model_copy(update={"retrain_every_hours": hours})
    state.settings = state.settings.model_copy(update={"experiments": wish})

    async def start(program: JobProgram) -> str:
        started.append(program.kind)
        return "a-job"

    loop = continuous(client)
    monkeypatch.setattr(loop._processes, "start", start)
    in_service(client, loop.retrain_when_due)
    assert started == (["retrain"] if starts else [])
    assert audited(client, admin) == ([("schedule", "retrain", "a-job")] if starts else [])

"""Versions that come and go under a running service, and the jobs that say so."""

import asyncio
import dataclasses
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from api.reloading import Reloader
from api.state import Models
from config.security_settings import SecuritySettings
from config.settings import ServingSettings, Settings
from core import artifacts
from core.domain import SearchQuery, SearchReply
from core.errors import JobRunningError
from database.repositories.jobs import LEASE, JobRepository
from tests.api.calls import in_service, post, state_of
from tests.api.small_shop import SmallShop


class Versions:
    """Publishes versions of the small shop and loads them as the real loader does: verified or not at all."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.storage.artifacts
        self.shop = SmallShop()
        self.warmed: list[str] = []

    def publish(self, version: str) -> Path:
        prepared = self.folder.parent / "prepared"
        prepared.mkdir(parents=True)
        (prepared / "weights.bin").write_text(version)
        return artifacts.publish(self.folder, prepared, version, {})

    def load(self, _: Settings, version: str | None) -> Models:
        folder = artifacts.open_version(self.folder, version) if version else artifacts.open_current(self.folder)
        return dataclasses.replace(
            self.shop.models(), version=folder.version, warm_up=lambda: self.warmed.append(folder.version)
        )


@pytest.fixture
def versions(stocked: Path, settings: Settings) -> Versions:
    shutil.copytree(stocked, settings.storage.cadence_home)
    versions = Versions(settings)
    versions.publish("1")
    return versions


@pytest.fixture
def client(versions: Versions, settings: Settings) -> Iterator[TestClient]:
    """A worker that looks for new versions only when it is told to."""
    patient = settings.model_copy(update={"serving": ServingSettings(reload_check_seconds=3_600)})
    with TestClient(create_app(patient, versions.load)) as client:
        yield client


def served(client: TestClient) -> str:
    return str(client.get("/ready").json()["models"]["version"])


def reload(client: TestClient, admin: dict[str, str], body: object = None) -> dict[str, str]:
    reply = post(client, "/admin/reload", body, admin)
    assert reply.status_code == 202, reply.text
    job = client.get(f"/admin/jobs/{reply.json()['job_id']}", headers=admin).json()
    assert (job["kind"], job["state"], job["progress"], job["error"]) == ("reload", "done", 1.0, None)
    return dict(reply.json())


@pytest.mark.parametrize("body", [None, {}, {"version": None}, {"version": "2"}])
def test_a_new_version_is_served_after_a_reload(
    client: TestClient, versions: Versions, admin: dict[str, str], body: object
) -> None:
    assert served(client) == "1"
    versions.publish("2")
    outcome = reload(client, admin, body)
    assert (outcome["version"], outcome["previous_version"], served(client)) == ("2", "1", "2")
    assert versions.warmed[-1] == "2"


def test_one_call_goes_back_and_one_forth(client: TestClient, versions: Versions, admin: dict[str, str]) -> None:
    versions.publish("2")
    reload(client, admin)
    assert reload(client, admin, {"version": "previous"})["version"] == "1" == served(client)
    assert artifacts.current_version(versions.folder) == "1"
    assert reload(client, admin, {"version": "previous"})["version"] == "2" == served(client)
    stats = client.get("/admin/stats", headers=admin).json()["models"]
    assert (stats["version"], stats["published"], stats["previous"]) == ("2", ["1", "2"], "1")


def test_lists_of_another_version_are_not_taken_from_the_cache(
    client: TestClient, versions: Versions, admin: dict[str, str]
) -> None:
    for expected in (1, 1):
        post(client, "/autosuggest", {"query_prefix": "red"})
        assert len(versions.shop.suggest_calls) == expected
    versions.publish("2")
    reload(client, admin)
    post(client, "/autosuggest", {"query_prefix": "red"})
    assert len(versions.shop.suggest_calls) == 2


@pytest.mark.parametrize("harm", ["altered", "removed", "unlisted"])
def test_what_is_not_as_published_is_refused_and_the_old_version_stays(
    client: TestClient, versions: Versions, admin: dict[str, str], harm: str
) -> None:
    folder = versions.publish("2")
    artifacts.make_current(versions.folder, "1")
    if harm == "altered":
        (folder / "weights.bin").write_text("?")
    elif harm == "removed":
        (folder / "weights.bin").unlink()
    else:
        (folder / "more.bin").write_text("?")
    refused = post(client, "/admin/reload", {"version": "2"}, admin)
    assert (refused.status_code, refused.json()["code"]) == (409, "bad_artifact")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert "1 is served on" in refused.json()["detail"]
    assert served(client) == "1" == artifacts.current_version(versions.folder)
    reload(client, admin)  # the refused one is over: the next may run


def test_a_version_that_is_not_there_is_a_problem(client: TestClient, admin: dict[str, str]) -> None:
    for version, status, code in (
        ("nothing", 404, "unknown_version"),
        ("../keys", 404, "unknown_version"),
        ("previous", 409, "no_previous_version"),
        ("", 422, "validation_error"),
        (5, 422, "validation_error"),
    ):
        refused = post(client, "/admin/reload", {"version": version}, admin)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert post(client, "/admin/reload", {"unknown": 1}, admin).status_code == 422
    assert served(client) == "1"


def test_other_workers_follow_what_became_current(client: TestClient, versions: Versions) -> None:
    follower = Reloader(state_of(client), versions.load)
    in_service(client, follower.follow)
    assert versions.warmed == ["1"]  # nothing new: nothing is loaded
    folder = versions.publish("2")
    in_service(client, follower.follow)
    in_service(client, follower.follow)
    assert (served(client), versions.warmed) == ("2", ["1", "2"])
    (versions.publish("3") / "weights.bin").write_text("?")
    in_service(client, follower.follow)
    in_service(client, follower.follow)
    assert served(client) == "2" == folder.name
    assert state_of(client).metrics.counts["versions_refused"] == 1


def test_a_request_keeps_the_version_it_began_with(
    client: TestClient, versions: Versions, admin: dict[str, str]
) -> None:
    """A search that is being computed while the version changes ends well, with what it began with."""
    begun, go_on = threading.Event(), threading.Event()
    compute = versions.shop.search

    def slow(query: SearchQuery, _: object) -> SearchReply:
        begun.set()
        assert go_on.wait(20)
        return compute(query)

    state_of(client).models = dataclasses.replace(state_of(client).models, search=slow)
    versions.publish("2")
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(post, client, "/search", {"query": "red", "session_id": "s"})
        assert begun.wait(20)
        assert reload(client, admin)["version"] == "2"
        go_on.set()
        assert [hit["product_id"] for hit in reply.result().json()["products"]] == ["p1", "p3"]
    in_service(client, state_of(client).writer.flush_lists)

    async def logged_version() -> str:
        async with state_of(client).database.reading() as session:
            rows = await (await session.connection()).exec_driver_sql("SELECT artifact_version FROM list_log")
            return str(rows.scalar_one())

    assert in_service(client, logged_version) == "1"


def test_one_retraining_at_a_time(client: TestClient, admin: dict[str, str]) -> None:
    async def begin() -> str:
        async with state_of(client).database.transaction() as session:
            return await JobRepository(session).begin("retrain", datetime.now(UTC))

    job_id = in_service(client, begin)
    refused = post(client, "/admin/retrain", {}, admin)
    assert (refused.status_code, refused.json()["code"]) == (409, "job_running")
    assert job_id in refused.json()["detail"]
    with pytest.raises(JobRunningError):
        in_service(client, begin)
    job = client.get(f"/admin/jobs/{job_id}", headers=admin).json()
    assert (job["state"], job["progress"], job["counts"], job["finished_at"]) == ("queued", 0.0, {}, None)


def test_an_abandoned_job_is_shown_as_failed(client: TestClient, admin: dict[str, str]) -> None:
    async def begin() -> str:
        async with state_of(client).database.transaction() as session:
            return await JobRepository(session).begin("retrain", datetime.now(UTC) - 2 * LEASE)

    job = client.get(f"/admin/jobs/{in_service(client, begin)}", headers=admin).json()
    assert job["state"] == "failed" and "without a word" in job["error"]


def test_there_is_nothing_to_retrain_or_reload_before_the_first_version(
    versions: Versions, client: TestClient, admin: dict[str, str]
) -> None:
    shutil.rmtree(versions.folder)
    for path in ("/admin/retrain", "/admin/reload"):
        refused = post(client, path, {}, admin)
        assert (refused.status_code, refused.json()["code"]) == (409, "bad_artifact")
    assert post(client, "/autosuggest", {"query_prefix": "red"}).status_code == 200


def test_a_job_that_nobody_knows_is_404(client: TestClient, admin: dict[str, str]) -> None:
    for job_id in ("nothing", "0" * 32, "%00"):
        reply = client.get(f"/admin/jobs/{job_id}", headers=admin)
        assert (reply.status_code, reply.json()["code"]) == (404, "unknown_job")


def test_only_operators_may(client: TestClient, settings: Settings, versions: Versions) -> None:
    for method, path in (("POST", "/admin/retrain"), ("POST", "/admin/reload"), ("GET", "/admin/jobs/x")):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            reply = client.request(method, path, headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (401, "unauthorized")
    closed = settings.model_copy(update={"security": SecuritySettings()})
    with TestClient(create_app(closed, versions.load)) as other:
        assert other.post("/admin/reload").json()["code"] == "admin_disabled"


def test_looking_for_new_versions_ends_with_the_service(client: TestClient, versions: Versions) -> None:
    async def follow_until_told() -> bool:
        stop = asyncio.Event()
        following = asyncio.create_task(Reloader(state_of(client), versions.load).keep_following(stop))
        stop.set()
        await asyncio.wait_for(following, 20)
        return following.done()

    assert in_service(client, follow_until_told)

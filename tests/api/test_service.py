"""What holds for every endpoint: ids, headers, problems, limits, readiness, numbers, start and stop."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from api.main import create_app
from api.metrics import WINDOW, Latencies
from config.settings import ServingSettings, Settings, StorageSettings
from core.errors import ArtifactError
from tests.api.calls import in_service, post, raw_post, state_of
from tests.api.small_shop import SmallShop


def test_every_response_carries_an_id_and_keeps_a_sane_one(client: TestClient) -> None:
    sane = "0123456789abcdef-trace"
    for reply in (
        client.get("/health", headers={"X-Request-ID": sane}),
        client.get("/nowhere", headers={"X-Request-ID": sane}),
        client.post("/search", headers={"X-Request-ID": sane}),
    ):
        assert reply.headers["X-Request-ID"] == sane
    for bad in ("short", "x" * 65, "spaces in it", "new\tline", "semi;colon;semi"):
        given = client.get("/health", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert re.fullmatch("[0-9a-f]{32}", given)
    ids = [client.get("/health").headers["X-Request-ID"] for _ in range(5)]
    assert ids == sorted(ids)  # rows named so lie side by side in an index


def test_what_does_not_exist_is_a_problem_document(client: TestClient) -> None:
    for reply, status, code in (
        (client.get("/nowhere"), 404, "not_found"),
        (client.get("/static/nowhere.js"), 404, "not_found"),
        (client.get("/static/../main.py"), 404, "not_found"),
        (client.get("/search"), 405, "method_not_allowed"),
        (client.request("FOO", "/search"), 405, "method_not_allowed"),
    ):
        assert reply.status_code == status
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert reply.json()["code"] == code
        assert reply.json()["request_id"] == reply.headers["X-Request-ID"]
        assert reply.json()["status"] == status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"\xff\xfe", 400),
        (b"[" * 200_000, 400),
        (b'{"query": ' + b"1" * 6_000 + b"}", 400),
        (b'{"query": "\\ud800"}', 422),
        (b'{"query": "red", "\\udfff": 1}', 422),
        (b'{"query": "red", "a.b\\u0000": 1}', 422),
    ],
)
def test_a_body_that_is_no_request_is_a_problem_document(client: TestClient, body: bytes, status: int) -> None:
    reply = raw_post(client, "/search", body)
    assert reply.status_code == status
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json()["code"] in ("malformed_json", "malformed_body", "validation_error")


def test_a_body_of_another_type_is_refused(client: TestClient) -> None:
    reply = client.post("/search", content=b"query=red", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status_code == 422
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_large_bodies_are_refused_declared_or_streamed(client: TestClient) -> None:
    def stream() -> Iterator[bytes]:
        yield b'{"query": "'
        for _ in range(30):
            yield b"x" * 100_000
        yield b'"}'

    for reply in (raw_post(client, "/search", b"x" * 2_000_001), client.post("/search", content=stream())):
        assert reply.status_code == 413
        assert reply.json()["code"] == "body_too_large"
        assert reply.headers["X-Request-ID"]


def test_a_problem_repeats_nothing_of_what_was_sent(client: TestClient) -> None:
    reply = post(client, "/search", {"query": ["my secret query"], "user_id": 5})
    assert "secret" not in reply.text


def test_an_unexpected_error_is_a_problem_document_with_an_id(settings: Settings, shop: SmallShop) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError("secret detail")

    shop.search = broken  # type: ignore[method-assign, assignment]
    app = create_app(settings, load=lambda *_: shop.models())
    with TestClient(app, raise_server_exceptions=False) as client:
        reply = post(client, "/search", {"query": "red"})
        assert reply.status_code == 500
        assert reply.json()["code"] == "internal"
        assert "secret" not in reply.text
        assert reply.json()["request_id"] == reply.headers["X-Request-ID"]
        assert state_of(client).metrics.statuses["500"] == 1


def test_pages_may_load_nothing_foreign_but_pictures(client: TestClient) -> None:
    policy = client.get("/health").headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "https://cdn" in client.get("/docs").headers["Content-Security-Policy"]
    assert client.get("/health").headers["X-Content-Type-Options"] == "nosniff"


def test_other_origins_may_call_only_where_allowed(settings: Settings, shop: SmallShop) -> None:
    origin = {"Origin": "https://shop.test", "Access-Control-Request-Method": "POST"}
    serving = ServingSettings(cors_origins=("https://shop.test",))
    for one, allowed in ((settings, None), (settings.model_copy(update={"serving": serving}), "https://shop.test")):
        with TestClient(create_app(one, load=lambda *_: shop.models())) as client:
            reply = client.options("/autosuggest", headers=origin)
            assert reply.headers.get("Access-Control-Allow-Origin") == allowed
            assert reply.headers["X-Request-ID"]


def test_alive_and_ready(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    ready = client.get("/ready")
    assert ready.status_code == 200
    assert ready.json() == {
        "ready": True,
        "models": {"state": "ready", "version": "test-1", "catalog": True},
        "database": {"state": "ready"},
        "cache": {"state": "ready", "kind": "memory"},
    }


def test_a_database_that_does_not_answer_is_named(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail() -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(state_of(client).database, "ping", fail)
    ready = client.get("/ready")
    assert ready.status_code == 503
    assert ready.json()["ready"] is False
    assert ready.json()["database"] == {"state": "unavailable"}


def test_a_lost_cache_is_named_and_harms_nothing(settings: Settings, shop: SmallShop) -> None:
    storage = StorageSettings(cadence_home=settings.storage.cadence_home, redis_url="unix:///nowhere/redis.sock")
    with TestClient(create_app(settings.model_copy(update={"storage": storage}), lambda *_: shop.models())) as client:
        assert client.get("/ready").status_code == 200
        assert client.get("/ready").json()["cache"] == {"state": "unavailable", "kind": "redis"}
        assert post(client, "/autosuggest", {"query_prefix": "red"}).status_code == 200


def test_storage_errors_are_a_problem_to_retry(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> bool:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(state_of(client).writer, "append", fail)
    event = {"user_id": "u", "session_id": "s", "action_type": "view", "item_id": "p1"}
    reply = post(client, "/engagement", event)
    assert reply.status_code == 503
    assert reply.json()["code"] == "storage_unavailable"
    assert reply.headers["Retry-After"]
    assert "INSERT" not in reply.text


def test_the_numbers_add_up(client: TestClient, admin: dict[str, str]) -> None:
    for _ in range(3):
        post(client, "/autosuggest", {"query_prefix": "red"})
    post(client, "/search", {"query": "red"})
    client.request("FOO", "/search")
    client.get("/a/secret/path")
    in_service(client, state_of(client).writer.flush_events)
    stats = client.get("/admin/stats", headers=admin).json()
    assert stats["requests_total"] == 6
    assert stats["requests_by_status"] == {"200": 4, "405": 1, "404": 1}
    assert stats["endpoints"]["POST /autosuggest"]["count"] == 3
    assert {"p50_ms", "p95_ms", "p99_ms"} <= set(stats["endpoints"]["POST /search"])
    assert set(stats["endpoints"]) == {"POST /autosuggest", "POST /search", "other /search", "unmatched"}
    assert stats["stages"]["autosuggest"]["beam"]["count"] == 1
    assert stats["cache"]["hits"] == 2
    assert stats["cache"]["hit_rate"] == pytest.approx(2 / 3)
    assert stats["models"] == {
        "version": "test-1", "catalog": True, "published": [], "previous": None, "manifest": {"format": 1}
    }  # fmt: skip
    assert stats["data"]["products"] == 4
    assert stats["data"]["events_by_action"] == {"search": 1}


def test_percentiles_are_those_of_the_latest_values() -> None:
    latencies = Latencies()
    assert latencies.summary()["p99_ms"] == 0
    for value in range(1, 101):
        latencies.add(value)
    assert [latencies.summary()[name] for name in ("count", "p50_ms", "p95_ms", "p99_ms", "max_ms")] == [
        100,
        51,
        96,
        100,
        100,
    ]
    for _ in range(WINDOW):
        latencies.add(7)
    assert latencies.summary()["max_ms"] == 7
    assert latencies.summary()["count"] == 100 + WINDOW


def test_a_service_that_cannot_load_its_models_does_not_start(settings: Settings) -> None:
    def load(*_: object) -> object:
        raise ArtifactError("weights are missing")

    with pytest.raises(Exception, match="weights are missing"), TestClient(create_app(settings, load=load)):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "nothing is published"),
        ({"MAX_LATENCY_MS": "soon", "ADMIN_API_KEY": "topsecret"}, "MAX_LATENCY_MS"),
        ({"DATABASE_URL": "sqlite:////proc/nowhere/x.db"}, "cannot start"),
        ({"REDIS_URL": "localhost:6379"}, "Redis URL"),
    ],
)
def test_a_start_that_fails_says_why_in_one_line(tmp_path: Path, environment: dict[str, str], says: str) -> None:
    root = Path(__file__).parents[2]
    started = subprocess.run(
        [sys.executable, "-m", "uvicorn", "api.main:app", "--port", "0"],
        cwd=tmp_path,
        env=os.environ | {"CADENCE_HOME": str(tmp_path / "home"), "PYTHONPATH": str(root)} | environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert started.returncode != 0
    assert "Traceback" not in started.stderr
    assert len([line for line in started.stderr.splitlines() if says in line]) == 1
    assert "topsecret" not in started.stderr

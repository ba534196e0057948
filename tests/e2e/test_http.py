"""The contract over the wire: the real service, the real models, and clients that send what they should not."""

import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import ADMIN_KEY, READY_SECONDS, Server, running, start
from tests.trained_shop import PRODUCTS, TrainedShop, train

LOGGED = 20  # queries of the shop without a catalogue
HOSTILE_IDS = ["o'hara", '"', "mary'; DROP TABLE events; --", "' OR '1'='1", "\\", "%s", "מרים", "🔥", "a" * 256]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def queries_only(trained_shop: TrainedShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a shop that was set up from a query log alone."""
    folder = tmp_path_factory.mktemp("queries-only")
    head = trained_shop.files.queries.read_text(encoding="utf-8").splitlines()[: LOGGED + 1]
    log = folder / "queries.csv"
    log.write_text("\n".join(head) + "\n", encoding="utf-8")
    train(folder / "home", "--queries", str(log))
    with running(folder / "home") as server, httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def admin() -> dict[str, str]:
    return {"Authorization": f"Bearer {ADMIN_KEY}"}


def post(client: httpx.Client, path: str, headers: dict[str, str] | None = None, /, **body: object) -> httpx.Response:
    return client.post(path, json=body, headers=headers)


def answer(reply: httpx.Response) -> Any:
    assert reply.status_code == 200, reply.text
    assert reply.headers["X-Request-ID"]
    return reply.json()


def refused(reply: httpx.Response, status: int, code: str) -> Any:
    assert reply.status_code == status, reply.text
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["X-Request-ID"]
    problem = reply.json()
    assert problem["code"] == code and problem["status"] == status
    return problem


def stored(server: Server, event_id: str) -> list[Any]:
    with closing(sqlite3.connect(server.home / "cadence.sqlite3")) as database:
        return database.execute("SELECT action, item_id FROM events WHERE event_id = ?", [event_id]).fetchall()


def test_autosuggest(client: httpx.Client) -> None:
    body = answer(post(client, "/autosuggest", query_prefix="protein p", include_products=3, explain=True))
    assert {"suggestions", "personalized", "response_time_ms", "session_id", "request_id", "items"} <= set(body)
    assert body["suggestions"][0] == "protein powder"
    assert body["suggestions"] == [item["text"] for item in body["items"]]
    assert len(body["items"]) <= 10 and len(body["products"]) == 3
    assert len(set(body["suggestions"])) == len(body["suggestions"])
    for item in body["items"]:
        assert {"text", "category", "product_count", "source", "highlights", "score", "explain"} <= set(item)
        assert item["source"] in {"history", "query_model", "catalog_model"}
        assert item["product_count"] >= 1
    first = body["items"][0]
    assert [first["text"][start:end] for start, end in first["highlights"]] == ["protein p"]
    scores = [item["score"] for item in body["items"]]
    assert scores == sorted(scores, reverse=True)


def test_search_and_its_later_pages(client: httpx.Client) -> None:
    first = answer(post(client, "/search", query="black", max_results=10, explain=True))
    assert {"products", "total_results", "personalized", "response_time_ms", "session_id", "request_id"} <= set(first)
    assert set(first["facets"]) == {"category", "brand", "price", "rating", "in_stock", "attributes"}
    for product in first["products"]:
        assert {"product_id", "title", "brand", "category", "price", "rating", "image_url", "score"} <= set(product)
        assert product["explain"]
    second = answer(post(client, "/search", query="black", max_results=10, offset=10, request_id=first["request_id"]))
    ids = [product["product_id"] for page in (first, second) for product in page["products"]]
    assert len(set(ids)) == 20
    assert second["total_results"] == first["total_results"]


def test_a_filter_finds_as_many_as_its_facet_counted(client: httpx.Client) -> None:
    facets = answer(post(client, "/search", query="black"))["facets"]
    for field in ("category", "brand"):
        chosen = facets[field][0]
        found = answer(post(client, "/search", query="black", filters={field: [chosen["value"]]}, max_results=100))
        assert found["total_results"] == chosen["count"]
        assert {product[field] for product in found["products"]} == {chosen["value"]}


def test_corrections_and_emptiness_are_said(client: httpx.Client) -> None:
    assert answer(post(client, "/search", query="protien powder"))["corrected_query"] == "protein powder"
    nothing = answer(post(client, "/search", query="🔥"))
    assert (nothing["products"], nothing["total_results"]) == ([], 0)


def test_a_visit(client: httpx.Client, server: Server) -> None:
    """Session, search, click, and the search as the next visit's recent one."""
    started = answer(post(client, "/user/session/start", user_id="o'hara", device="phone", locale="en-IE"))
    assert set(started) == {"session_id", "user_id", "session_token", "experiments"}
    signed = {"Authorization": f"Bearer {started['session_token']}"}
    found = answer(post(client, "/search", signed, query="running shoes"))
    assert found["session_id"] == started["session_id"]
    event = {
        "user_id": "o'hara",
        "session_id": started["session_id"],
        "action_type": "click",
        "item_id": found["products"][0]["product_id"],
        "item_rank": 1,
        "request_id": found["request_id"],
        "event_id": str(uuid.uuid4()),
    }
    told = answer(post(client, "/engagement", signed, **event))
    assert told == {"success": True, "message": "stored", "event_id": event["event_id"]}
    assert stored(server, event["event_id"]) == [("click", event["item_id"])]
    again = answer(post(client, "/user/session/start", user_id="o'hara"))
    later = {"Authorization": f"Bearer {again['session_token']}"}
    items = answer(post(client, "/autosuggest", later, query_prefix=""))["items"]
    assert [item["text"] for item in items if item["source"] == "recent"] == ["running shoes"]


def test_an_event_counts_once(client: httpx.Client, server: Server) -> None:
    event = {"user_id": "u", "session_id": "s", "action_type": "view", "item_id": "P100001"}
    event["event_id"] = str(uuid.uuid4())
    first, second = (answer(post(client, "/engagement", **event)) for _ in range(2))
    assert (first["message"], second["message"]) == ("stored", "stored before")
    refused(post(client, "/engagement", **{**event, "item_id": "P100002"}), 409, "conflict")
    batch = answer(post(client, "/engagement/batch", events=[event, event]))
    assert batch["success"] and [result["message"] for result in batch["results"]] == ["stored before"] * 2
    assert stored(server, event["event_id"]) == [("view", "P100001")]


def test_a_batch_with_an_unknown_product(client: httpx.Client, server: Server) -> None:
    base = {"user_id": "u", "session_id": "s", "action_type": "purchase"}
    events = [{**base, "item_id": item, "event_id": str(uuid.uuid4())} for item in ("P100001", "no such product")]
    known, unknown = answer(post(client, "/engagement/batch", events=events))["results"]
    assert known["message"] == "stored"
    assert "does not (yet) know" in unknown["message"]
    assert all(stored(server, event["event_id"]) for event in events)


def test_operations(client: httpx.Client, admin: dict[str, str]) -> None:
    assert answer(client.get("/health")) == {"status": "ok"}
    ready = answer(client.get("/ready"))
    assert (
        ready["ready"] and ready["models"]["state"] == ready["database"]["state"] == ready["cache"]["state"] == "ready"
    )
    stats = answer(client.get("/admin/stats", headers=admin))
    assert stats["data"]["products"] == PRODUCTS
    assert stats["data"]["events"] == sum(stats["data"]["events_by_action"].values())
    assert stats["models"]["version"] == ready["models"]["version"]
    assert {"p50_ms", "p95_ms", "p99_ms"} <= set(stats["endpoints"]["GET /ready"])
    refused(client.get("/admin/stats"), 401, "unauthorized")
    paths = answer(client.get("/openapi.json"))["paths"]
    assert {"/autosuggest", "/search", "/engagement", "/engagement/batch", "/user/session/start"} <= set(paths)
    assert client.get("/docs").status_code == 200
    assert "Cadence Shop" in client.get("/").text


@pytest.mark.parametrize("prefix", ["", "   ", "🔥", "שָׁלוֹם", "حذاء", "\u202ered", "'; --", "x" * 200, "ǅ", "\u200d"])
def test_any_prefix_is_answered(client: httpx.Client, prefix: str) -> None:
    body = answer(post(client, "/autosuggest", query_prefix=prefix))
    for item in body["items"]:
        units = len(item["text"].encode("utf-16-le")) // 2
        assert all(0 <= start < end <= units for start, end in item["highlights"])


@pytest.mark.parametrize("query", [" ", "🔥", "שָׁלוֹם", "حذاء", "' OR 1=1 --", '"', "*", "AND OR NOT", "x" * 500, "%_"])
def test_any_query_is_answered(client: httpx.Client, query: str) -> None:
    body = answer(post(client, "/search", query=query))
    assert len(body["products"]) <= body["total_results"]


@pytest.mark.parametrize(
    "path, body, field",
    [
        ("/autosuggest", {"query_prefix": "x" * 10_000}, "query_prefix"),
        ("/autosuggest", {}, "query_prefix"),
        ("/autosuggest", {"query_prefix": "red", "max_suggestions": 0}, "max_suggestions"),
        ("/autosuggest", {"query_prefix": "red", "wrong": 1}, "wrong"),
        ("/search", {"query": ""}, "query"),
        ("/search", {"query": "x" * 10_000}, "query"),
        ("/search", {"query": "red", "sort": "random"}, "sort"),
        ("/search", {"query": "red", "filters": {"price_min": 9, "price_max": 1}}, "filters.price_max"),
        ("/engagement", {"user_id": "u", "session_id": "s", "action_type": "dance", "item_id": "1"}, "action_type"),
        ("/engagement", {"user_id": "u", "session_id": "s", "action_type": "click"}, "item_id"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    client: httpx.Client, path: str, body: dict[str, object], field: str
) -> None:
    problem = refused(post(client, path, **body), 422, "validation_error")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert "x" * 600 not in str(problem)  # what is too long is not sent back


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"query": "\\ud800"}', b"9" * 5_000])
def test_bodies_that_are_no_request(client: httpx.Client, body: bytes) -> None:
    reply = client.post("/search", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code in (400, 422)
    assert refused(reply, reply.status_code, reply.json()["code"])["title"]


@pytest.mark.parametrize("user_id", HOSTILE_IDS)
def test_user_ids_are_only_text(client: httpx.Client, server: Server, user_id: str) -> None:
    started = answer(post(client, "/user/session/start", user_id=user_id))
    assert started["user_id"] == user_id
    event = {"user_id": user_id, "session_id": started["session_id"], "action_type": "view", "item_id": "P100001"}
    told = answer(post(client, "/engagement", {"Authorization": f"Bearer {started['session_token']}"}, **event))
    assert stored(server, told["event_id"]) == [("view", "P100001")]


def test_a_shop_of_queries_alone(queries_only: httpx.Client, admin: dict[str, str]) -> None:
    assert answer(queries_only.get("/ready"))["models"]["catalog"] is False
    body = answer(post(queries_only, "/autosuggest", query_prefix="pro", include_products=3))
    assert "protein powder" in body["suggestions"]
    assert {item["product_count"] for item in body["items"]} == {None}
    assert body["products"] == []
    assert answer(post(queries_only, "/autosuggest", query_prefix=""))["suggestions"]
    refused(post(queries_only, "/search", query="protein powder"), 409, "no_catalog")
    assert answer(queries_only.get("/admin/stats", headers=admin))["data"]["products"] == 0


def test_events_are_kept_when_the_process_dies(trained_shop: TrainedShop, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(trained_shop.home, home)
    with running(home) as server:
        event = {"user_id": "u", "session_id": "s", "action_type": "view", "item_id": "P100001"}
        reply = httpx.post(f"{server.url}/engagement", json=event, trust_env=False, timeout=60)
        server.kill()
    assert stored(server, answer(reply)["event_id"]) == [("view", "P100001")]


def test_a_tampered_artifact_stops_the_start_with_one_line(trained_shop: TrainedShop, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(trained_shop.home, home)
    [weights] = home.glob("artifacts/*/query_model/weights.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert_does_not_start(home, "query_model/weights.safetensors is not the file that was published")


def test_a_home_without_artifacts_stops_the_start_with_one_line(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    assert_does_not_start(home, "--prepare-only")


def assert_does_not_start(home: Path, reason: str) -> None:
    server = start(home)
    try:
        assert server.process.wait(timeout=READY_SECONDS) != 0
    finally:
        server.process.kill()
    lines = [line for line in server.output.splitlines() if "cannot start: " in line]
    assert len(lines) == 1 and reason in lines[0], server.output
    assert "Traceback" not in server.output
    assert len(server.output.splitlines()) <= 4  # uvicorn's own three around it

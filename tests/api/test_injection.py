"""Text that is code elsewhere, headers and bodies that break parsers: each is refused or harmless, and nothing fails.

The client raises whatever the service does not handle, so that a status of 500 cannot hide.
"""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from config.limit_settings import LimitSettings
from config.security_settings import SecuritySettings
from config.settings import LogSettings, Settings, StorageSettings
from tests.api.calls import ADMIN_KEY, post, raw_post, rows
from tests.api.hostile import BODIES, LINES, PATHS, SQL, TEMPLATES, TEXTS, with_each_text_replaced
from tests.api.small_shop import PRODUCTS, SmallShop

KEY = {"Authorization": f"Bearer {ADMIN_KEY}"}
STOCK = {product.product_id for product in PRODUCTS}
PASSWD = re.compile(rb"root:.*:0:0:")


@pytest.fixture(scope="module")
def client(stocked: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for all of it: no test counts on what it finds there. Without limits, which would refuse the rest."""
    home = shutil.copytree(stocked, tmp_path_factory.mktemp("injection") / "home")
    kinds = ("keystrokes", "searches", "events", "admin")
    settings = Settings(
        storage=StorageSettings(cadence_home=home),
        security=SecuritySettings.model_validate({"admin_api_key": ADMIN_KEY}),
        limits=LimitSettings.model_validate({f"rate_limit_{kind}": (0, 0, 0) for kind in kinds}),
    )
    with TestClient(create_app(settings, load=lambda *_: SmallShop().models())) as client:
        yield client


def products(client: TestClient) -> set[str]:
    return {row.product_id for row in rows(client, "SELECT product_id FROM products")}


def tables(client: TestClient) -> set[str]:
    return {row.name for row in rows(client, "SELECT name FROM sqlite_master WHERE type = 'table'")}


def _with_id(text: str) -> dict[bytes, bytes]:
    return {b"Authorization": KEY["Authorization"].encode(), b"X-Request-ID": text.encode()}


def assert_harmless(reply: httpx2.Response) -> None:
    assert reply.status_code < 500, reply.text
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Type"].startswith(("application/json", "application/problem+json", "text/csv"))
    assert not PASSWD.search(reply.content)
    json.loads(reply.content) if "json" in reply.headers["Content-Type"] else None


@pytest.mark.parametrize(
    ("method", "path", "body"), BODIES, ids=[f"{path}{n}" for n, (_, path, _) in enumerate(BODIES)]
)
def test_no_text_of_a_body_is_code(client: TestClient, method: str, path: str, body: dict[str, object]) -> None:
    before = tables(client)
    for text in TEXTS:
        for changed in with_each_text_replaced(body, text):
            assert_harmless(client.request(method, path, json=changed, headers=KEY))
    assert tables(client) == before
    assert products(client) >= STOCK


def test_no_part_of_a_path_or_of_a_query_is_code(client: TestClient) -> None:
    before = tables(client)
    schema = client.get("/openapi.json").json()
    asked = 0
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                for text in TEXTS if parameter["in"] in ("path", "query") else ():
                    filled = re.sub(r"\{\w+\}", quote(text, safe=""), path)
                    query = {parameter["name"]: text} if parameter["in"] == "query" else {}
                    reply = client.request(
                        method, filled, params=query, headers=KEY, json={} if method != "get" else None
                    )
                    assert_harmless(reply)
                    asked += 1
    assert asked > 200
    assert tables(client) == before
    assert products(client) >= STOCK


@pytest.mark.parametrize("name", ["X-Request-ID", "Authorization", "X-API-Key", "Content-Length", "X-Forwarded-For"])
@pytest.mark.parametrize(
    "value",
    [
        b"a\r\nX-Evil: 1",
        b"a" * 100_000,
        b"a\x00b",
        b"\xff\xfe",
        b"Bearer " + b"." * 10_000,
        b"Bearer \x00",
        b"9" * 5_000,
    ],
    ids=["crlf", "long", "nul", "no text", "dots", "nul key", "digits"],
)
def test_no_header_is_code(client: TestClient, name: str, value: bytes) -> None:
    reply = client.post("/autosuggest", json={"query_prefix": "red"}, headers={name.encode(): value})
    assert_harmless(reply)
    assert "X-Evil" not in reply.headers and reply.status_code in {200, 401, 403, 413}
    assert re.fullmatch(r"[0-9a-f]{32}", reply.headers["X-Request-ID"])  # its own, not what was sent


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2f..%2f..%2f..%2fetc/passwd",
        "/static/%2e%2e/%2e%2e/main.py",
        "/static/..%5c..%5cmain.py",
        "/static/....//....//main.py",
        "/static/%2fetc%2fpasswd",
        "/static/%00",
        "/static/js/%2e%2e%2f%2e%2e%2fmain.py",
        "/static/" + "a/" * 3_000,
        "/static/" + "a" * 5_000,
        "/static/~root",
    ],
)
def test_static_files_end_at_their_folder(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code in {400, 404}, reply.status_code
    assert b"create_app" not in reply.content and not PASSWD.search(reply.content)


@pytest.mark.parametrize("version", [*PATHS, "..", ".", "", "current", "a\x00b", "x" * 100])
def test_a_version_is_no_path(client: TestClient, version: str) -> None:
    reply = post(client, "/admin/reload", {"version": version}, KEY)
    assert reply.status_code in {404, 409, 422}
    assert client.get("/admin/stats", headers=KEY).json()["models"]["version"] == "test-1"


def test_whatever_is_asked_a_log_line_is_one_line(
    stocked: Path, settings: Settings, shop: SmallShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(stocked, settings.storage.cadence_home)
    log = io.StringIO()
    monkeypatch.setattr("sys.stderr", log)
    loud = settings.model_copy(update={"log": LogSettings(log_level="DEBUG")})
    with TestClient(create_app(loud, load=lambda *_: shop.models())) as client:
        for text in [*LINES, *TEMPLATES[-2:]]:
            for method, path, body in BODIES[:7]:
                for changed in with_each_text_replaced(body, text):
                    client.request(method, path, json=changed, headers=_with_id(text))
            client.get(f"/products/{quote(text, safe='')}", headers=KEY)
            client.request("GET\n{}", "/health")
    lines = log.getvalue().splitlines()  # at every kind of line end, U+2028 among them
    events = [json.loads(line) for line in lines]
    assert len(events) > 100
    assert all(event["level"] in {"debug", "info", "warning", "error"} and event["logger"] for event in events)
    assert "\x1b" not in log.getvalue() and "forged" not in {event["event"] for event in events}


@pytest.mark.parametrize("text", TEMPLATES)
def test_text_comes_back_as_text_in_json_alone(client: TestClient, text: str) -> None:
    client.put("/admin/products/odd", json={"title": f"{text} lamp"}, headers=KEY)
    shown = client.get("/products/odd")
    assert shown.status_code in {200, 404}
    for reply in (shown, client.get(f"/products/{quote(text, safe='')}"), client.get(f"/{quote(text, safe='')}")):
        assert_harmless(reply)
        assert "49" not in reply.text.replace(reply.headers["X-Request-ID"], "")
    assert client.get("/admin/products/odd", headers=KEY).json()["title"] == f"{text} lamp"


def test_no_cell_of_a_table_is_a_formula(client: TestClient) -> None:
    for start in ("=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1"):
        for path, body in (
            ("/search", {"query": start, "session_id": f"of {ord(start[0])}"}),
            ("/engagement", {"user_id": "u", "session_id": "s", "action_type": "click", "item_id": start}),
        ):
            post(client, path, body, KEY)
        post(client, "/admin/keys", {"name": start, "scopes": ["ingest"]}, KEY)
    names = [
        path.replace("{table}", table)
        for path in client.get("/openapi.json").json()["paths"]
        if path.endswith(".csv") and "{name}" not in path
        for table in (["top_queries", "zero_result_queries", "top_products"] if "{table}" in path else [""])
    ]
    assert len(names) >= 5
    for path in names:
        reply = client.get(path, headers=KEY)
        assert_harmless(reply)
        assert reply.headers["Content-Disposition"].startswith("attachment")
        for cells in csv.reader(io.StringIO(reply.text, newline="")):
            numbers = re.compile(r"-?[\d.]+(e[+-]?\d+)?")
            assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell and not numbers.fullmatch(cell)]


DEEP = 100_000
BROKEN = {
    "brackets": b"[" * DEEP + b"]" * DEEP,
    "objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "brackets inside": b'{"query_prefix": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "open brackets": b"[" * DEEP,
    "1e999": b'{"query_prefix": "red", "max_suggestions": 1e999}',
    "a number of 5,000 digits": b'{"query_prefix": "red", "max_suggestions": ' + b"9" * 5_000 + b"}",
    "a text of 5,000 digits": b'{"query_prefix": "red", "max_suggestions": "' + b"9" * 5_000 + b'"}',
    "NaN": b'{"query_prefix": "red", "max_suggestions": NaN}',
    "minus infinity": b'{"query_prefix": "red", "max_suggestions": -Infinity}',
    "half a pair": b'{"query_prefix": "\\ud800"}',
    "half a pair as a name": b'{"query_prefix": "red", "\\udfff": 1}',
    "no UTF-8": b'{"query_prefix": "\xff\xfe"}',
    "overlong": b'{"query_prefix": "\xc0\xaf"}',
    "UTF-16": '{"query_prefix": "red"}'.encode("utf-16"),
    "NUL": b'{"query_prefix": "a\\u0000b"}',
    "raw NUL": b'{"query_prefix": "a\x00b"}',
    "empty": b"",
    "a text": b'"red"',
    "null": b"null",
    "prototype": b'{"query_prefix": "red", "__proto__": {"admin": true}}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("path", ["/autosuggest", "/engagement", "/admin/experiments"])
def test_a_broken_body_is_refused(client: TestClient, path: str, body: bytes) -> None:
    reply = raw_post(client, path, body, KEY)
    assert_harmless(reply)
    assert reply.status_code in {400, 413, 422} or (body[:2] in (b"\xff\xfe", b"\xfe\xff") and path == "/autosuggest")


def test_of_a_repeated_name_the_last_counts(client: TestClient) -> None:
    reply = raw_post(client, "/autosuggest", b'{"query_prefix": "zz", "query_prefix": "red"}')
    assert reply.status_code == 200 and reply.json()["suggestions"]


def test_notes_about_an_event_may_be_odd_but_not_deep(client: TestClient) -> None:
    event = {"user_id": "u", "session_id": "s", "action_type": "view", "item_id": "p1"}
    start = json.dumps(event)[:-1].encode()
    for notes in (
        b"[" * 3_000 + b"]" * 3_000,
        b"1e999",
        b"9" * 5_000,
        b"NaN",
        b'"\\ud800"',
        b'{"\\ud800": 1}',
        b'"\\u0000"',
    ):
        reply = raw_post(client, "/engagement", start + b', "additional_data": {"note": ' + notes + b"}}", KEY)
        assert_harmless(reply)


@pytest.mark.parametrize("text", SQL)
def test_sql_is_searched_and_stored_as_it_was_typed(client: TestClient, text: str) -> None:
    assert post(client, "/search", {"query": text, "session_id": "one"}).status_code == 200
    event = {"user_id": "u", "session_id": "s", "action_type": "view", "item_id": text}
    assert post(client, "/engagement", event).status_code == 200
    assert text in {row.item_id for row in rows(client, "SELECT item_id FROM events")}


def test_no_redirect_goes_where_a_header_says(client: TestClient) -> None:
    for path in ("/admin/stats/", "/search/", "/dashboard/"):
        answer = client.get(path, headers={"Host": "evil.test"}, follow_redirects=False)
        assert answer.status_code == 404
        assert "location" not in answer.headers

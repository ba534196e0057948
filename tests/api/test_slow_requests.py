"""Requests that never end, or mean to break what reads them, over a real socket: refused, and nobody else waits."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient

from api.json_depth import is_nested_deeper
from api.main import create_app
from config.overload_settings import OverloadSettings
from config.settings import Settings, StorageSettings
from tests.api.calls import raw_post
from tests.api.small_shop import SmallShop
from tests.conftest import fill_catalogue

PATIENT_SECONDS = 60
HEAD = b"POST /%s HTTP/1.1\r\nHost: shop.test\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a service listens that waits 0.3 s for a body."""
    storage = StorageSettings(cadence_home=Path(tmp_path_factory.mktemp("slow")) / "home")
    settings = Settings(storage=storage, overload=OverloadSettings(body_timeout_seconds=0.3))
    asyncio.run(fill_catalogue(settings))
    app = create_app(settings, load=lambda *_: SmallShop().models())
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def connected(port: int) -> "closing[socket.socket]":
    return closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENT_SECONDS))


def answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes, bool]:
    """Status, headers, body, and whether the server closed the connection after it."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65_536)
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65_536)
    closes = headers.get("connection") == "close" and connection.recv(1) == b""
    return int(first.split()[1]), headers, body, closes


@pytest.mark.parametrize("path", [b"autosuggest", b"search", b"engagement", b"admin/reload"])
@pytest.mark.parametrize("sent", [b"", b'{"query'])
def test_a_body_that_does_not_come_is_refused_and_the_connection_closed(port: int, path: bytes, sent: bytes) -> None:
    with connected(port) as slow:
        slow.sendall(HEAD % (path, 100) + sent)
        with connected(port) as other:  # meanwhile
            other.sendall(HEAD % (b"autosuggest", 23) + b'{"query_prefix": "red"}')
            assert answer(other)[0] == 200
        status, headers, body, closed = answer(slow)
        assert (status, closed) == (408, True) or (path.startswith(b"admin") and status == 403)
        if status == 408:
            assert json.loads(body)["code"] == "body_too_slow"
            assert headers["content-type"] == "application/problem+json"


def test_time_is_that_of_the_whole_body_however_steadily_it_trickles(port: int) -> None:
    with connected(port) as slow:
        slow.sendall(HEAD % (b"search", 1_000_000))
        slow.settimeout(0.05)  # a byte whenever nothing has come for so long
        for _ in range(PATIENT_SECONDS * 20):
            slow.sendall(b" ")
            try:
                if received := slow.recv(65_536):
                    assert received.startswith(b"HTTP/1.1 408 ")
                    break
            except TimeoutError:
                continue
        else:
            raise AssertionError("it was never refused")


def test_many_slow_ones_take_no_place_from_others(port: int) -> None:
    many = [socket.create_connection(("127.0.0.1", port), timeout=PATIENT_SECONDS) for _ in range(150)]
    try:
        for slow in many:
            slow.sendall(HEAD % (b"autosuggest", 100) + b"{")
        with connected(port) as other:
            other.sendall(HEAD % (b"autosuggest", 23) + b'{"query_prefix": "red"}')
            assert answer(other)[0] == 200
        assert {answer(slow)[0] for slow in many} == {408}
    finally:
        for slow in many:
            slow.close()


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize("levels", [40, 500, 990, 100_000])
@pytest.mark.parametrize("path", ["/search", "/autosuggest", "/engagement", "/engagement/batch", "/browse"])
def test_deep_json_is_refused_wherever_it_stands(client: TestClient, path: str, levels: int) -> None:
    for body in (nested(levels), b'{"query": "red", "additional_data": ' + nested(levels) + b"}", b'{"a":' * levels):
        reply = raw_post(client, path, body)
        assert reply.status_code == 400
        assert reply.json()["code"] == "malformed_body"
        assert "32 deep" in reply.json()["detail"]


def test_what_is_deep_enough_for_anybody_passes(client: TestClient) -> None:
    event = {"user_id": "u", "session_id": "s", "action_type": "view", "item_id": "p1"}
    deep = json.dumps({**event, "additional_data": {"deep": json.loads(nested(29))}}).encode()
    assert raw_post(client, "/engagement", deep).status_code == 200
    many = {"events": [{**event, "additional_data": {"text": '[[{{"\\' * 40}} for _ in range(100)]}
    assert raw_post(client, "/engagement/batch", json.dumps(many).encode()).status_code == 200


@pytest.mark.parametrize(
    ("body", "deeper"),
    [
        (nested(32), False),
        (nested(33), True),
        (b'{"a":' * 33 + b"1" + b"}" * 33, True),
        (b"[]," * 1_000, False),
        (b'["' + b"[" * 100 + b'"]', False),
        (b'["\\"' + b"[" * 100 + b'"]', False),
        (b'["\\\\",' + nested(40) + b"]", True),
        (b'[{"a":[1,' * 11 + b"1" + b"]}]" * 11, True),
        (b'[{"a":[1,' * 10 + b"1" + b"]}]" * 10, False),
        (b"]" * 100 + nested(20), False),
        (b"", False),
    ],
)
def test_depth_is_told_from_the_bytes(body: bytes, deeper: bool) -> None:
    assert is_nested_deeper(body, 32) is deeper

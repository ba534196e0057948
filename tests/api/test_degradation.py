"""What breaks around the service: keystrokes are answered on, and the rest says when to come back, in a stated time."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection

from api.main import create_app
from config.settings import Settings, StorageSettings
from database.connection import BUSY_TIMEOUT_MS, WRITER_WAIT_SECONDS
from tests.api.calls import in_service, post, state_of
from tests.api.small_shop import SmallShop
from tests.redis_server import RedisServer

REFUSED_WITHIN_SECONDS = WRITER_WAIT_SECONDS + BUSY_TIMEOUT_MS / 1_000
BUSY_MACHINE_SECONDS = 10  # on top of it: what is tested is that it is not a multiple


def event(number: int) -> dict[str, str]:
    return {"user_id": "u", "session_id": f"s{number}", "action_type": "view", "item_id": "p1"}


def assert_keystrokes_and_searches(client: TestClient) -> None:
    assert post(client, "/autosuggest", {"query_prefix": "red", "session_id": "s"}).status_code == 200
    assert post(client, "/search", {"query": "red", "session_id": "s"}).status_code == 200


def assert_to_retry(reply: Any) -> None:
    assert reply.status_code == 503
    assert reply.json()["code"] == "storage_unavailable"
    assert int(reply.headers["Retry-After"]) >= 1


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """As another process that writes and does not come to an end."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_a_locked_database_refuses_events_in_time_and_nothing_else(client: TestClient, settings: Settings) -> None:
    """Each event used to wait for all before it, a busy timeout each."""
    with locked(settings.storage.cadence_home / "cadence.sqlite3"), ThreadPoolExecutor(8) as many:
        begun = time.monotonic()
        waiting = [many.submit(post, client, "/engagement", event(number)) for number in range(8)]
        assert_keystrokes_and_searches(client)
        for one in waiting:
            assert_to_retry(one.result())
        assert time.monotonic() - begun < REFUSED_WITHIN_SECONDS + BUSY_MACHINE_SECONDS
    assert post(client, "/engagement", event(9)).status_code == 200


def test_a_full_disk_refuses_events_and_keystrokes_go_on(client: TestClient) -> None:
    """SQLite's own limit of the file's pages ends as a full disk does: SQLITE_FULL."""
    state = state_of(client)

    def pages(most: int) -> None:
        def limited(connection: Connection) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count={most}")

        in_service(client, state.database.commit, limited)

    pages(1)  # it is never below what is there
    many = [{**event(1), "additional_data": {"text": "x" * 1_000}} for _ in range(200)]
    assert_to_retry(post(client, "/engagement/batch", {"events": many}))
    assert_keystrokes_and_searches(client)
    pages(2**30)
    assert post(client, "/engagement", event(2)).status_code == 200


def test_a_redis_that_stops_takes_nothing_along(settings: Settings, own_redis: RedisServer) -> None:
    storage = StorageSettings(cadence_home=settings.storage.cadence_home, redis_url=own_redis.url)
    with TestClient(
        create_app(settings.model_copy(update={"storage": storage}), load=lambda *_: SmallShop().models()),
        client=("203.0.113.9", 4_000),
    ) as client:
        changes: tuple[Callable[[], None], ...] = (lambda: None, own_redis.stop, own_redis.go_on, own_redis.kill)
        for change in changes:
            change()
            begun = time.monotonic()
            for number in range(5):
                assert_keystrokes_and_searches(client)
                assert post(client, "/engagement", event(number)).status_code == 200
            assert time.monotonic() - begun < BUSY_MACHINE_SECONDS
        state = state_of(client)
        assert state.limits.failures + state.candidates.failures > 0
        assert client.get("/ready").json()["cache"] == {"state": "unavailable", "kind": "redis"}


@pytest.mark.parametrize("holes", [False, True])
def test_marks_of_profiles_have_their_place_on_the_disk(settings: Settings, holes: bool) -> None:
    """Writing to a hole of a mapped file is a bus error where the disk is full: the whole service would end."""
    file = settings.storage.cadence_home / "profile_marks.bin"
    if holes:
        file.parent.mkdir(parents=True)
        with file.open("wb") as made:
            made.truncate(65_536 * 8)
    with TestClient(create_app(settings, load=lambda *_: SmallShop().models())):
        found = file.stat()
        assert found.st_size == 65_536 * 8
        assert found.st_blocks * 512 >= found.st_size

"""Over HTTP: a storage that fails is a 503 that says when to come back, and no restart is needed when it is mended."""

import resource
import signal
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection

from database.repositories.profiles import compare, owners
from tests.api.calls import in_service, post, rows, state_of


def _pragma(client: TestClient, text: str) -> Any:
    """On the one connection that writes."""

    def ask(connection: Connection) -> Any:
        found = connection.exec_driver_sql(f"PRAGMA {text}")
        return found.scalar() if found.returns_rows else None

    return in_service(client, state_of(client).database.commit, ask)


@contextmanager
def locked(client: TestClient) -> Iterator[None]:
    """Another process holds the write lock for longer than anybody waits."""
    _pragma(client, "busy_timeout=20")  # milliseconds; 5,000 in life
    other = sqlite3.connect(state_of(client).settings.storage.cadence_home / "cadence.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.execute("ROLLBACK")
    other.close()


@contextmanager
def read_only(client: TestClient) -> Iterator[None]:
    """What SQLite says of a file or folder that it may not write (chmod does not stop root, who may run the tests)."""
    writing = in_service(client, state_of(client).database.commit, lambda one: one.connection.dbapi_connection)
    writing.execute("PRAGMA query_only=ON")
    yield
    writing.execute("PRAGMA query_only=OFF")  # below SQLAlchemy, which would begin a transaction first


@contextmanager
def database_full(client: TestClient) -> Iterator[None]:
    """Not one page more."""
    _pragma(client, f"max_page_count={_pragma(client, 'page_count')}")
    yield
    _pragma(client, "max_page_count=1073741823")


@contextmanager
def disk_full(client: TestClient) -> Iterator[None]:
    """The kernel takes no byte more of any file of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


FAULTS = [locked, read_only, database_full, disk_full]


def _event(number: int, event_id: str) -> dict[str, object]:
    # As much as an event may carry, so that a full database has no page left for it.
    padding = {"note": "x" * 6_000}
    return {"user_id": "m", "session_id": f"s{number}", "action_type": "view", "item_id": "p1",
            "event_id": event_id, "additional_data": padding}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.__name__)
def test_a_storage_that_fails_refuses_and_recovers(client: TestClient, fault: Any) -> None:
    ids = [str(uuid.UUID(int=number, version=4)) for number in range(4)]
    assert post(client, "/engagement", _event(0, ids[0])).status_code == 200
    failing: AbstractContextManager[None] = fault(client)
    with failing:
        for path, body in (
            ("/engagement", _event(1, ids[1])),
            ("/engagement/batch", {"events": [_event(2, ids[2]), _event(3, ids[3])]}),
        ):
            refused = post(client, path, body)
            assert refused.status_code == 503, refused.text
            assert refused.json()["code"] == "storage_unavailable"
            assert int(refused.headers["Retry-After"]) >= 1
        assert post(client, "/autosuggest", {"query_prefix": "re"}).status_code == 200
        assert [row.event_id for row in rows(client, "SELECT event_id FROM events")] == ids[:1]
    assert post(client, "/engagement", _event(1, ids[1])).json()["message"] == "stored"
    again = post(client, "/engagement/batch", {"events": [_event(2, ids[2]), _event(3, ids[3])]})
    assert again.status_code == 200 and again.json()["success"]
    assert sorted(row.event_id for row in rows(client, "SELECT event_id FROM events")) == ids

    def wrong(connection: Connection) -> list[str]:
        return [owner for owner in owners(connection) if not compare(connection, owner)]

    assert in_service(client, state_of(client).database.read, wrong) == []
    assert client.get("/ready").status_code == 200


def test_a_full_queue_is_told_to_come_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("database.writer.MAX_EVENTS_WAITING", 0)
    refused = post(client, "/engagement", _event(1, str(uuid.UUID(int=1, version=4))))
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert int(refused.headers["Retry-After"]) >= 1

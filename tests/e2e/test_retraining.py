"""Retraining and reloading as an operator does it, while shoppers go on typing."""

import asyncio
import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from core import artifacts
from core.domain import Action, Engagement
from database.connection import Database
from database.repositories.events import EventRepository
from tests.e2e.jobs import ADMIN, client_of, ended, running_job
from tests.e2e.server import Server, running
from tests.trained_shop import TrainedShop

NEW_QUERY = "meadowlark evergreen mower"  # finds a product, and the log has heard of none of its first words


@pytest.fixture
def home(trained_shop: TrainedShop, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(trained_shop.home, home)
    return home


async def search_for_something_new(home: Path) -> None:
    """A hundred and fifty shoppers complete one query, each a minute after the other."""
    start = datetime.now(UTC) - timedelta(hours=12)
    searches = [
        Engagement(f"new{n}", Action.SEARCH, start + n * timedelta(minutes=1), f"shopper{n}", query=NEW_QUERY)
        for n in range(150)
    ]
    database = Database(f"sqlite+aiosqlite:///{(home / 'cadence.sqlite3').as_posix()}")
    await database.migrate()
    async with database.transaction() as session:
        await EventRepository(session).add_many(searches, datetime.now(UTC))
    await database.dispose()


@dataclass
class Traffic:
    """What shoppers get meanwhile: anything but 200 is a dropped request."""

    answered: int = 0
    dropped: list[str] = field(default_factory=list)
    versions_seen: set[str] = field(default_factory=set)


@contextmanager
def shoppers(server: Server, threads: int = 3) -> Iterator[Traffic]:
    """Some that type, search and look at /ready without a pause while the block runs."""
    traffic, stop = Traffic(), threading.Event()

    def ask() -> None:
        with client_of(server) as client:
            number = 0
            while not stop.is_set():
                number += 1
                replies = [
                    client.post("/autosuggest", json={"query_prefix": f"pro{'tein'[: number % 5]}"}),
                    client.post("/search", json={"query": "protein powder"}),
                    client.get("/ready"),
                ]
                traffic.answered += len(replies)
                traffic.dropped += [reply.text for reply in replies if reply.status_code != 200]
                traffic.versions_seen.add(replies[-1].json()["models"]["version"])

    workers = [threading.Thread(target=ask) for _ in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield traffic
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def served(client: httpx.Client) -> str:
    return str(client.get("/ready").json()["models"]["version"])


def test_a_better_version_is_published_and_served_without_dropping_a_request(home: Path) -> None:
    asyncio.run(search_for_something_new(home))
    with running(home, ALLOW_UNSIGNED_USERS="true", RELOAD_CHECK_SECONDS="0.2") as server, client_of(server) as client:
        first = served(client)
        before = client.post("/autosuggest", json={"query_prefix": "meadowlark e"}).json()["suggestions"]
        assert before[0] == NEW_QUERY  # enough shoppers searched it: no training is needed for that
        started = client.post("/admin/retrain", headers=ADMIN)
        assert started.status_code == 202, started.text
        job_id = started.json()["job_id"]
        second = client.post("/admin/retrain", headers=ADMIN, json={})
        assert (second.status_code, second.json()["code"]) == (409, "job_running")
        job = ended(client, job_id)
        assert (job["state"], job["error"], job["progress"]) == ("done", None, 1.0), job
        result, figures = job["result"], job["result"]["figures"]
        assert result["measured_on"] == "newest searches" and result["published"] and result["serving"] == first
        assert figures["measured"] == job["counts"]["measured"] == 50
        assert figures["candidate Success@10"] > figures["serving Success@10"]
        deadline = time.monotonic() + 30
        while served(client) == first and time.monotonic() < deadline:
            threading.Event().wait(0.1)
        assert served(client) == result["version"] == artifacts.current_version(home / "artifacts")
        after = client.post("/autosuggest", json={"query_prefix": "meadowlark e"}).json()["suggestions"]
        assert after[0] == NEW_QUERY  # and not the list that was cached for the version before

        with shoppers(server) as traffic:
            back = client.post("/admin/reload", headers=ADMIN, json={"version": "previous"})
            assert (back.status_code, back.json()["version"]) == (202, first), back.text
            assert served(client) == first
            assert ended(client, back.json()["job_id"])["state"] == "done"
            forth = client.post("/admin/reload", headers=ADMIN, json={"version": result["version"]})
            assert (forth.json()["version"], forth.json()["previous_version"]) == (result["version"], first)
            artifacts.make_current(home / "artifacts", first)  # as another worker or a training would
            deadline = time.monotonic() + 30
            while served(client) != first and time.monotonic() < deadline:
                threading.Event().wait(0.1)
        assert served(client) == first
        assert traffic.dropped == []
        assert traffic.answered > 50 and traffic.versions_seen == {first, result["version"]}
        stats = client.get("/admin/stats", headers=ADMIN).json()["models"]
        assert stats["published"] == [first, result["version"]] and stats["previous"] == result["version"]

        weights = home / "artifacts" / result["version"] / "query_model" / "weights.safetensors"
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
        refused = client.post("/admin/reload", headers=ADMIN, json={"version": "previous"})
        assert (refused.status_code, refused.json()["code"]) == (409, "bad_artifact")
        assert "is not the file that was published" in refused.json()["detail"]
        assert served(client) == first == artifacts.current_version(home / "artifacts")
        assert client.post("/autosuggest", json={"query_prefix": "prot"}).status_code == 200


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_retraining_that_ends_early_leaves_no_job_open(home: Path) -> None:
    with running(home) as server, client_of(server) as client:
        first = served(client)
        killed = client.post("/admin/retrain", headers=ADMIN).json()["job_id"]
        os.kill(running_job(server, killed), signal.SIGKILL)
        job = ended(client, killed)
        assert job["state"] == "failed" and "status -9" in job["error"]
        interrupted = client.post("/admin/retrain", headers=ADMIN).json()["job_id"]
        process = running_job(server, interrupted)
        assert server.end() in (0, -signal.SIGTERM), server.output
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    with closing(sqlite3.connect(home / "cadence.sqlite3")) as database:
        [(state, error)] = database.execute("SELECT state, error FROM jobs WHERE job_id = ?", [interrupted]).fetchall()
    assert state == "failed" and "ended before it was done" in error
    assert artifacts.current_version(home / "artifacts") == first

"""Jobs of a running service, watched as an operator would watch them."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.server import ADMIN_KEY, Server

ADMIN = {"Authorization": f"Bearer {ADMIN_KEY}"}
SECONDS = 240  # for a training on a busy machine; a quiet one needs 20
FINAL = ("done", "failed", "rejected")


def client_of(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.url, trust_env=False, timeout=30)


def ended(client: httpx.Client, job_id: str) -> Any:
    """The job once it is over, asked for as a person would: again and again."""
    deadline = time.monotonic() + SECONDS
    progress = 0.0
    while time.monotonic() < deadline:
        reply = client.get(f"/admin/jobs/{job_id}", headers=ADMIN)
        assert reply.status_code == 200, reply.text
        job = reply.json()
        assert job["progress"] >= progress or job["state"] == "failed"
        progress = job["progress"]
        if job["state"] in FINAL:
            return job
        threading.Event().wait(0.2)
    raise AssertionError(f"the job did not end: {job}")


def running_job(server: Server, job_id: str) -> int:
    """Waits until a process works on the job; its id."""
    found = waited_for(lambda: rows(server.home, "SELECT owner FROM jobs WHERE job_id = ?", job_id)[0][0], "a process")
    return int(found.rpartition(":")[2])


def waited_for(look: Callable[[], Any], what: str) -> Any:
    """What `look` finds, once it is something."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if found := look():
            return found
        threading.Event().wait(0.02)
    raise AssertionError(f"waited in vain for {what}")


def rows(home: Path, statement: str, *values: object) -> list[Any]:
    """What a SELECT finds in the database of a home."""
    with closing(sqlite3.connect(home / "cadence.sqlite3")) as database:
        return database.execute(statement, values).fetchall()

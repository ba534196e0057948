"""Simulated shoppers as an operator asks for them, killed half way, and those that shop in the running service."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.domain import Product
from data_generation.build_world import world_of_catalog, world_of_shop
from data_generation.calibration import load_calibration
from data_generation.catalog import make_products
from data_generation.closed_loop import main, run
from data_generation.world import World
from tests.e2e.jobs import ADMIN, client_of, ended, rows, running_job, waited_for
from tests.e2e.server import ROOT, Server, environment, free_port, running
from tests.trained_shop import PRODUCTS, TrainedShop, sold

COUNTED = ("products", "events", "query_log", "profiles", "product_changes")
WRITTEN = "SELECT count(*) FROM events WHERE import_id IN (SELECT id FROM imports WHERE state = 'running')"

OPEN_JOBS = "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"


@pytest.fixture
def home(trained_shop: TrainedShop, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(trained_shop.home, home)
    return home


@pytest.fixture(scope="module")
def world() -> World:
    """Of the trained shop, whose catalogue the same seed makes."""
    return world_of_shop(make_products(sold(), PRODUCTS, 7), {}, 7, load_calibration())


def removal(home: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "data_generation.remove_synthetic", "--home", str(home)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def begun(client: httpx.Client, **wish: object) -> str:
    reply = client.post("/admin/generate-synthetic-data", headers=ADMIN, json=wish)
    assert reply.status_code == 202, reply.text
    return str(reply.json()["job_id"])


def counts(home: Path) -> dict[str, int]:
    return {table: rows(home, f"SELECT count(*) FROM {table}")[0][0] for table in COUNTED}


def found(client: httpx.Client, query: str) -> list[str]:
    products = client.post("/search", json={"query": query, "max_results": 50}).json()["products"]
    return [product["product_id"] for product in products]


def test_a_job_simulates_shoppers_of_the_shops_own_catalogue(home: Path) -> None:
    with running(home) as server, client_of(server) as client:
        before = counts(home)
        job_id = begun(client, users=80, sessions=400, seed=5)
        second = client.post("/admin/generate-synthetic-data", headers=ADMIN, json={"users": 1, "sessions": 1})
        assert (second.status_code, second.json()["code"]) == (409, "job_running")
        job = ended(client, job_id)
        assert (job["kind"], job["state"], job["error"], job["progress"]) == ("synthetic-data", "done", None, 1.0)
        made = job["counts"]
        assert made["products"] == 0
        assert made["queries"] >= 300 and made["events"] >= 300
        after = counts(home)
        assert after["query_log"] == before["query_log"] + made["queries"]
        assert after["events"] == before["events"] + made["events"]
        assert after["profiles"] > 40
        # Of people who are no people, about products that are there, of the last three months.
        [(strangers, unknown, late)] = rows(
            home,
            "SELECT sum(session_id NOT LIKE 'synthetic-5-%'), "
            "sum(item_id IS NOT NULL AND item_id NOT IN (SELECT product_id FROM products)), "
            "sum(occurred_at > datetime('now') OR occurred_at < datetime('now', '-95 days')) FROM events",
        )
        assert (strangers, unknown, late) == (0, 0, 0)
        again = ended(client, begun(client, users=80, sessions=400, seed=5))
        assert again["state"] == "done" and set(again["counts"].values()) == {0}
        assert "in the database already" in again["result"]["notes"][0]
        assert counts(home) == after
    if os.name != "nt":  # signals of POSIX
        with removal(home) as interrupted:
            assert any("are gone" in line for line in interrupted.stdout or ())
            os.killpg(interrupted.pid, signal.SIGINT)
            assert interrupted.wait(60) == 130
        assert counts(home) == {**before, "profiles": after["profiles"]}  # not folded yet
        assert rows(home, OPEN_JOBS) == [(0,)]
    with removal(home) as removed:
        assert removed.wait(60) == 0
    assert counts(home) == before


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_job_killed_half_way_leaves_nothing_and_the_next_one_does_it_all(home: Path) -> None:
    wish: dict[str, Any] = {"users": 400, "sessions": 12_000, "products": 300, "seed": 9}
    with running(home, CATALOG_REFRESH_SECONDS="0.1") as server, client_of(server) as client:
        shown = found(client, "shoes")
        waited_for(lambda: counts(home)["profiles"], "the search, which is an event too")
        before = counts(home)
        killed = begun(client, **wish)
        process = running_job(server, killed)
        written = waited_for(lambda: rows(home, WRITTEN)[0][0], "events half written")
        os.kill(process, signal.SIGKILL)
        job = ended(client, killed)
        assert job["state"] == "failed" and "status -9" in job["error"]
        assert written < 12_000  # it really was half way
        assert counts(home) == before
        assert rows(home, "SELECT count(*) FROM imports WHERE state = 'running'") == [(0,)]
        assert found(client, "shoes") == shown

        job = ended(client, begun(client, **wish))
        assert (job["state"], job["counts"]["products"]) == ("done", 300), job
        everything = waited_for(lambda: set(found(client, "shoes")) - set(shown), "made-up products in the search")
        assert all(product_id.startswith("synthetic-9-") for product_id in everything)
        assert counts(home)["products"] == before["products"] + 300


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_what_a_stopped_service_left_is_taken_back_by_the_next_job(home: Path) -> None:
    with running(home) as server, client_of(server) as client:
        job_id = begun(client, users=400, sessions=12_000)
        process = running_job(server, job_id)
        waited_for(lambda: rows(home, WRITTEN)[0][0], "events half written")
        os.kill(process, signal.SIGSTOP)  # so that it cannot end before the service does
        server.kill()
        os.kill(process, signal.SIGKILL)
    assert rows(home, WRITTEN)[0][0] > 0
    with running(home) as server, client_of(server) as client:
        rows_of_job = "SELECT state FROM jobs WHERE job_id = ?"
        assert rows(home, rows_of_job, job_id) == [("running",)]  # until its lease has run out
        expire(home)
        job = ended(client, begun(client, users=10, sessions=40))
        assert job["state"] == "done", job
        assert rows(home, WRITTEN) == [(0,)]
        assert counts(home)["events"] == job["counts"]["events"]
        assert rows(home, rows_of_job, job_id) == [("failed",)]


def expire(home: Path) -> None:
    """Makes every lease run out, as a minute would."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(home / "cadence.sqlite3")) as database, database:
        database.execute("UPDATE jobs SET lease_expires_at = '2020-01-01 00:00:00.000000' WHERE state = 'running'")


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"users": 0, "sessions": 10}, 422, "validation_error"),
        ({"users": 10, "sessions": 10, "products": 0}, 422, "validation_error"),
        ({"users": 10}, 422, "validation_error"),
        ({"users": 10, "sessions": 10, "provider": "openai"}, 422, "validation_error"),
        ({"users": 10, "sessions": 10, "personas": 3}, 422, "validation_error"),
        ({"users": 10, "sessions": 10, "provider": "gemini"}, 409, "provider_failed"),
    ],
)
def test_a_wish_that_cannot_be_fulfilled_starts_nothing(
    server: Server, wish: dict[str, object], status: int, code: str
) -> None:
    with client_of(server) as client:
        reply = client.post("/admin/generate-synthetic-data", headers=ADMIN, json=wish)
        assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text
        assert client.post("/admin/generate-synthetic-data", json=wish).status_code == 401
    assert rows(server.home, "SELECT count(*) FROM jobs WHERE kind = 'synthetic-data'") == [(0,)]


def test_shoppers_in_the_running_service_are_served_and_remembered(server: Server, world: World) -> None:
    arms = asyncio.run(
        run(
            world, server.url, users=8, visits=2, seed=3, compare=True, together=2,
            update=lambda _share, _note: None,
        )
    )  # fmt: skip
    assert set(arms) == {"personalised", "not personalised"}
    numbers = {name: outcome.numbers() for name, outcome in arms.items()}
    for of_arm in numbers.values():
        assert of_arm["searches"] >= 8
        assert of_arm["wanted_mrr"] > 0.2  # what they have in mind is found
        assert 0.5 < of_arm["page_utility"] <= 1
        assert 0 <= of_arm["keystrokes_saved"] < 1
    taken = sum(len(outcome.taken_rank) for outcome in arms.values())
    clicks = sum(sum(outcome.clicks) for outcome in arms.values())
    [(suggestions, clicked, ranked, attributed)] = rows(
        server.home,
        "SELECT sum(action = 'suggestion_click'), sum(action = 'click'), sum(action = 'click' AND item_rank >= 1), "
        "sum(action IN ('click', 'suggestion_click') AND request_id IN (SELECT request_id FROM list_log)) "
        "FROM events WHERE session_id IN (SELECT session_id FROM sessions WHERE user_key IS NOT NULL)",
    )
    assert (suggestions, clicked, ranked) == (taken, clicks, clicks)
    assert attributed > 0
    [(devices,)] = rows(server.home, "SELECT count(DISTINCT device) FROM sessions WHERE device IS NOT NULL")
    assert devices >= 2


def test_shoppers_before_a_closed_door_say_so_in_one_line(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.save(tmp_path / "world")
    nobody = f"http://127.0.0.1:{free_port()}"
    assert main(["--url", nobody, "--world", str(tmp_path / "world"), "--users", "2"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("✗ no answer from") and "Traceback" not in printed
    assert main(["--url", nobody, "--world", str(tmp_path / "nothing")]) == 1
    assert "there is no world in" in capsys.readouterr().out
    for wrong in (("--url", "localhost:8000"), ("--users", "1", "--compare"), ("--visits", "0"), ("--seed", "-1")):
        with pytest.raises(SystemExit):
            main(["--world", str(tmp_path / "world"), *wrong])


def test_shoppers_of_another_shop_find_nothing_and_say_so(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = [Product(f"elsewhere-{number}", f"Acme Garden Hose {number} ft") for number in range(30)]
    other = world_of_catalog(elsewhere, 1, load_calibration(), lambda _share, _note: None)
    other.save(tmp_path / "other")
    assert main(["--url", server.url, "--world", str(tmp_path / "other"), "--users", "2", "--visits", "1"]) == 1
    assert "none of these products" in capsys.readouterr().out

"""The models in a process of their own: what it answers, and what happens when it does not."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from fastapi.testclient import TestClient

from api import model_process as module
from api.main import create_app
from api.model_messages import Setup
from api.model_process import ModelProcess
from api.models import load_models
from config import kept_process
from config.settings import Settings, StorageSettings, SuggestSettings
from core import artifacts
from core.domain import SuggestQuery
from core.errors import ArtifactError, ModelsError, OverloadedError
from tests.api.calls import in_service, post, state_of
from tests.trained_shop import ROOT, TrainedShop

pytestmark = pytest.mark.anyio
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
PATIENT = SuggestSettings(max_latency_ms=10_000, model_wait_ms=10_000, suggest_warm_prefixes=0)


def setup_of(trained_shop: TrainedShop, version: str | None = None) -> Setup:
    folder = trained_shop.home / "artifacts"
    return Setup(str(folder), version or str(artifacts.current_version(folder)), None, 0.15)


def soon() -> float:
    return time.perf_counter() + 20


def is_alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@POSIX
async def test_it_finds_what_is_found_in_this_process_and_comes_back_when_it_ends(
    trained_shop: TrainedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = ModelProcess(setup_of(trained_shop), max_waiting=3)
    await process.start()
    first = process.pid
    models = load_models(Settings(storage=StorageSettings(cadence_home=trained_shop.home)))
    for query in (SuggestQuery("blue s"), SuggestQuery("blue sh", limit=3), SuggestQuery("!")):
        found, here = await process.gather(query, soon(), soon()), models.gather(query, soon(), True)
        assert (found.typed, found.complete) == (here.typed, True)
        assert list(found.pool.candidates) == list(here.pool.candidates)
        assert found.scores == pytest.approx(here.scores, rel=1e-4)

    with pytest.raises(OverloadedError, match="no time"):
        await process.gather(SuggestQuery("red w"), time.perf_counter(), time.perf_counter() - 1)
    outcomes = await asyncio.gather(
        *(process.gather(SuggestQuery("red w"), soon(), soon()) for _ in range(4)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)] == [OverloadedError]
    with pytest.raises(ModelsError, match="AttributeError"):
        await process.gather(SuggestQuery(None), soon(), soon())  # type: ignore[arg-type]
    assert first is not None
    os.kill(first, signal.SIGINT)  # Ctrl-C in the terminal is for the service
    await process.gather(SuggestQuery("red w"), soon(), soon())
    assert (process.state, process.pending, process.restarts, process.pid) == ("ready", 0, 0, first)

    os.kill(first, signal.SIGSTOP)
    killed = asyncio.create_task(process.gather(SuggestQuery("red w"), soon(), soon()))
    await asyncio.sleep(0)  # lets it ask
    os.kill(first, signal.SIGKILL)
    with pytest.raises(OverloadedError, match="has ended"):
        await killed
    with pytest.raises(OverloadedError, match="is away"):
        await process.gather(SuggestQuery("red w"), soon(), soon())
    await asyncio.wait_for(process.available(), 60)
    second = process.pid
    assert second not in (None, first) and process.restarts == 1

    assert second is not None
    monkeypatch.setattr(module, "STUCK_SECONDS", 0.05)
    os.kill(second, signal.SIGSTOP)
    with pytest.raises(OverloadedError, match="has ended"):
        await process.gather(SuggestQuery("red w"), soon(), soon())
    await process.close()
    assert process.state == "away" and not is_alive(first) and not is_alive(second)


async def test_a_version_that_it_cannot_load_is_an_error(trained_shop: TrainedShop) -> None:
    process = ModelProcess(setup_of(trained_shop, "nothing"), max_waiting=3)
    with pytest.raises(ArtifactError, match="artifact nothing: its manifest cannot be read"):
        await process.start()
    await process.close()


_SERVICE = """
import asyncio, sys
from api.model_messages import Setup
from api.model_process import ModelProcess

async def main():
    await ModelProcess(Setup(sys.argv[1], sys.argv[2], None, 0.15), 3).start()
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@POSIX
def test_it_does_not_outlive_a_service_that_is_killed(trained_shop: TrainedShop) -> None:
    setup = setup_of(trained_shop)
    service = subprocess.Popen(
        [sys.executable, "-c", _SERVICE, setup.artifacts, setup.version],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert service.stdout is not None
    assert service.stdout.readline() == b"ready\n"
    service.kill()
    _, complaints = service.communicate(timeout=60)  # the process holds the other end of it while it lives
    assert b"Traceback" not in complaints


@POSIX
def test_lists_are_served_while_it_is_away_and_a_swap_brings_its_own(
    trained_shop: TrainedShop, settings: Settings, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.0)
    monkeypatch.setattr(kept_process, "PAUSE_SECONDS", 3_600.0)  # it stays away
    home = settings.storage.cadence_home
    shutil.copytree(trained_shop.home, home)
    first = str(artifacts.current_version(home / "artifacts"))
    with TestClient(create_app(settings.model_copy(update={"suggest": PATIENT}))) as client:
        state, process = state_of(client), state_of(client).models.process
        assert process is not None and process.pid is not None
        before = process.pid
        assert post(client, "/autosuggest", {"query_prefix": "blue s"}).status_code == 200
        stats = client.get("/admin/stats", headers=admin).json()
        assert stats["model_process"] == {"state": "ready", "pid": before, "pending": 0, "restarts": 0}
        assert "beam" in stats["stages"]["autosuggest"] and "late_models" not in stats["degraded"]

        os.kill(before, signal.SIGKILL)
        assert post(client, "/autosuggest", {"query_prefix": "blue sh"}).status_code == 200
        assert state.metrics.counts["late_models"] == 1
        assert client.get("/admin/stats", headers=admin).json()["model_process"]["state"] == "away"
        assert b"cadence_model_process_ready 0.0" in client.get("/metrics").content
        assert post(client, "/autosuggest", {"query_prefix": "red w"}).status_code == 200
        assert state.metrics.counts["late_models"] == 2

        prepared = home / "prepared"
        shutil.copytree(home / "artifacts" / first, prepared)
        manifest = json.loads((prepared / "manifest.json").read_text())
        (prepared / "manifest.json").unlink()
        facts = {name: fact for name, fact in manifest.items() if name not in ("format", "version", "files")}
        artifacts.publish(home / "artifacts", prepared, "second", facts)
        assert post(client, "/admin/reload", {"version": "second"}, admin).status_code == 202
        after = state.models.process
        assert after is not None and after is not process and is_alive(after.pid)
        assert post(client, "/autosuggest", {"query_prefix": "red w"}).status_code == 200
        assert state.metrics.counts["late_models"] == 2
        third = after.pid
        assert post(client, "/admin/reload", {"version": first}, admin).status_code == 202
        in_service(client, asyncio.wait_for, after._running, 20)
        assert not is_alive(third)
        last = state.models.process
        assert last is not None
        pid = last.pid
    assert not is_alive(pid)

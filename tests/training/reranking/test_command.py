"""The command, on a trained home whose shoppers are simulated: it publishes what services then load."""

import asyncio
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from config.settings import Settings, StorageSettings
from core import artifacts
from core.personalization.features import FEATURES
from core.personalization.score import Formula
from core.services.bundle import RERANKING, load_bundle
from data_generation.click_simulator import ClickModel, draw_lists, make_world, records, simulate_clicks
from database.connection import Database
from database.repositories.events import insert_new
from database.repositories.lists import insert_lists
from tests.trained_shop import TrainedShop
from training import train_reranker
from training.reranking.learn import by_formula
from training.reranking.publish import carry_over, facts_of

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def simulate(home: Path, count: int) -> None:
    """Shoppers who care for what the formula does not look at."""
    settings = Settings(storage=StorageSettings(cadence_home=home))
    bundle = load_bundle(settings.storage.artifacts)
    assert bundle.products is not None
    ids = list(bundle.products.ids)
    world = replace(make_world(1, products=len(ids), spread=0.1), taste={"gap": 2.0, "price": -2.0})
    lists = draw_lists(world, count, 2, by_formula(Formula()))
    clicks = simulate_clicks(lists.appeal, ClickModel(eta=0.8), 3)
    logged = list(records(lists, clicks, ids, NOW, bundle.version))

    async def write() -> None:
        database = Database(settings.storage.url)
        await database.migrate()
        await database.commit(lambda connection: insert_lists(connection, [one for one, _ in logged]))
        events = [event for _, some in logged for event in some]
        await database.commit(lambda connection: insert_new(connection, events, NOW))
        await database.dispose()

    asyncio.run(write())


def test_lists_become_a_version_with_a_reranker(
    trained_shop: TrainedShop, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained_shop.home, home)
    before = artifacts.open_current(home / "artifacts")
    assert train_reranker.main(["--home", str(home)]) == 1
    assert "0 lists for known shoppers with a click are too few" in capsys.readouterr().out
    assert artifacts.versions(home / "artifacts") == [before.version]

    simulate(home, 2_500)
    assert train_reranker.main(["--home", str(home), "--min-lists", "100000"]) == 1
    assert "100,000 needed" in capsys.readouterr().out
    assert train_reranker.main(["--home", str(home), "--seed", "4"]) == 0
    said = capsys.readouterr().out
    after = artifacts.open_current(home / "artifacts")
    assert f"version {after.version}; a running service follows by itself" in said
    assert after.version != before.version and artifacts.previous_version(home / "artifacts") == before.version
    assert set(after.manifest["files"]) == {
        *before.manifest["files"], f"{RERANKING}/reranker.txt", f"{RERANKING}/reranker.json",
    }  # fmt: skip
    facts = after.manifest["reranker"]
    assert facts["lists"] == 2_500 and facts["seed"] == 4 and facts["nDCG gain, low"] > 0
    assert facts_of(after.path)["figures"] and facts_of(before.path) == {}

    bundle = load_bundle(home / "artifacts")
    assert bundle.reranker is not None
    final = bundle.reranker.final(np.random.default_rng(0).random((30, len(FEATURES))).astype(np.float32))
    assert final.min() == 0 and final.max() == 1

    assert train_reranker.main(["--home", str(home), "--seed", "5", "--force"]) == 0  # beside the one that is there
    again = artifacts.open_current(home / "artifacts")
    assert again.version != after.version and again.manifest["reranker"]["seed"] == 5
    assert set(again.manifest["files"]) == set(after.manifest["files"])

    later = tmp_path / "later"
    assert carry_over(after.path, later)
    for name in ("reranker.txt", "reranker.json"):
        assert (later / RERANKING / name).read_bytes() == (after.path / RERANKING / name).read_bytes()
    assert not carry_over(before.path, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    stale = tmp_path / "stale"
    shutil.copytree(after.path / RERANKING, stale / RERANKING)
    known = (stale / RERANKING / "reranker.json").read_text().replace('"own_season"', '"another"')
    (stale / RERANKING / "reranker.json").write_text(known)
    assert not carry_over(stale, tmp_path / "none")  # of other features: no service could load it

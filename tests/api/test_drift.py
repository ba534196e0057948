"""Live traffic against the version's training: what is read, what is said, and where it is shown."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert

from api.drift import DriftFollower, finished
from api.state import Models
from core.domain import Action, Engagement
from core.drift.compare import DriftMeasure, worst
from core.drift.measures import CALIBRATION, CATEGORY, FIRST_LETTERS, LIKELIHOOD, LINES, SCORE, SOURCE
from core.services.bundle import Bundle, load_bundle
from core.services.drift_traffic import DriftTraffic
from database.connection import Database
from database.models import imports
from database.repositories.demo_traffic import DEMO_SHOPPERS
from database.repositories.drift_traffic import newest_lists
from database.repositories.events import EventRepository
from database.repositories.lists import ListLog, ListRepository, ShownItem, items_text
from database.repositories.live_searches import LiveSearch
from tests.api.calls import in_service, state_of
from tests.api.small_shop import SmallShop
from tests.trained_shop import TrainedShop

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=30)


@cache
def bundle_of(shop: TrainedShop) -> Bundle:
    return load_bundle(shop.home / "artifacts")


def follower(database: Database, shop: TrainedShop) -> tuple[DriftFollower, Models]:
    bundle = bundle_of(shop)
    models = replace(
        SmallShop().models(), version=bundle.version, learnt_before=NOW, drift=DriftTraffic(bundle)
    )  # fmt: skip
    return DriftFollower(database, 60.0, lambda: models, lambda: NOW), models


async def search(
    database: Database, texts: Sequence[str], begin: datetime = NOW, import_id: int | None = None, who: str = "s"
) -> None:
    batch = [
        Engagement(f"{who} {at}", Action.SEARCH, begin + timedelta(seconds=20 * at), f"{who}{at // 2}", query=text)
        for at, text in enumerate(texts)
    ]
    async with database.transaction() as session:
        await EventRepository(session).add_many(batch, begin, import_id)


def said(follower: DriftFollower) -> dict[str, DriftMeasure]:
    assert follower.report is not None
    return {one.name: one for one in follower.report.measures}


def logged(shop: TrainedShop, count: int) -> list[str]:
    """Searches as the shop's log had them, as often as it had them."""
    rows = [line.rsplit(",", 1) for line in shop.files.queries.read_text(encoding="utf-8").splitlines()[1:]]
    texts = [text for text, times in rows for _ in range(int(times))]
    step = 7_919  # a prime: the log is in the order of its counts
    return [texts[at * step % len(texts)] for at in range(count)]


def strangers(count: int) -> list[str]:
    """Searches in another shop's world."""
    words = ("carburetor", "gasket", "piston", "axle", "radiator", "camshaft", "flywheel", "sprocket", "manifold")
    return [f"{words[at % 9]} {words[at // 9 % 9]} {words[at // 81 % 9]}{at % 50}" for at in range(count)]


async def test_another_shops_searches_raise_the_alarm(database: Database, trained_shop: TrainedShop) -> None:
    drift, _ = follower(database, trained_shop)
    await search(database, strangers(2_000), OLD, who="before")  # the version has learnt, or not, what was before
    await search(database, logged(trained_shop, 3_000))
    await drift.refresh()
    quiet = said(drift)
    assert quiet[FIRST_LETTERS].state == "ok" and quiet[FIRST_LETTERS].samples == 3_000
    assert worst(list(quiet.values())) != "alarm"
    await search(database, strangers(4_000), NOW + timedelta(days=2), who="other")
    await drift.refresh()
    loud = said(drift)
    assert loud[FIRST_LETTERS].samples == 5_000
    assert loud[FIRST_LETTERS].state == "alarm"
    assert loud[LIKELIHOOD].state == "alarm"
    assert worst(list(loud.values())) == "alarm"
    assert "points" in loud[CATEGORY].explanation


async def test_demo_shoppers_are_no_traffic(database: Database, trained_shop: TrainedShop) -> None:
    drift, _ = follower(database, trained_shop)
    async with database.transaction() as session:
        row = {"kind": DEMO_SHOPPERS, "file_name": "", "sha256": "", "mapping": {}, "state": "complete"}
        made = insert(imports).values(**row, started_at=NOW).returning(imports.c.id)
        import_id = (await session.execute(made)).scalar_one()
    await search(database, strangers(100), import_id=import_id)
    await drift.refresh()
    assert said(drift)[FIRST_LETTERS].samples == 0


async def show(database: Database, version: str, count: int, prefix: str = "run", at: datetime = NOW) -> None:
    items = [ShownItem("rain jacket", 1, "history", 0.6), ShownItem("rain boots", 2, "query_model", 0.2)]
    batch = [
        ListLog(f"{prefix}{version}{n}", "suggest", f"s{n}", prefix, items_text(items), version, at)
        for n in range(count)
    ]
    async with database.transaction() as session:
        await ListRepository(session).add_many(batch)


async def test_lists_of_this_version_after_three_characters(database: Database, trained_shop: TrainedShop) -> None:
    drift, models = follower(database, trained_shop)
    await show(database, models.version, 800)
    await show(database, models.version, 50, "ru ")
    await show(database, models.version, 50, "runn")
    await show(database, "another", 50)
    await show(database, models.version, 50, "old", OLD)
    chosen = [
        Engagement(
            f"c{n}", Action.SUGGESTION_CLICK, NOW, f"s{n}", query="rain boots", request_id=f"run{models.version}{n}"
        )
        for n in range(400)
    ]
    async with database.transaction() as session:
        await EventRepository(session).add_many(chosen, NOW)
    await drift.refresh()
    found = said(drift)
    assert [found[name].samples for name in (SCORE, SOURCE, LINES, CALIBRATION)] == [800, 800, 800, 400]
    assert found[LINES].state == "alarm"  # two lines, where the version gives ten
    assert found[CALIBRATION].value == pytest.approx(0.75)  # the second line each time, of which .25 was said


async def test_reading_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("database.repositories.drift_traffic._LISTS_LOOKED_AT", 30)
    await show(database, "v", 20, at=NOW)
    await show(database, "v", 40, "longer", at=NOW + timedelta(hours=1))
    assert await database.read(lambda connection: newest_lists(connection, OLD, "v", 3, 100)) == []


def test_half_typed_searches_are_left_out() -> None:
    typed = [("red", 0, "a"), ("red s", 2, "a"), ("red", 3, "b"), ("red shoes", 4, "a"), ("red shoes men", 99, "a")]
    searches = [
        LiveSearch(str(at), text, text, who, NOW + timedelta(seconds=at), NOW) for text, at, who in typed
    ]  # fmt: skip
    assert [one.text for one in finished(searches)] == ["red", "red shoes", "red shoes men"]


def test_a_version_is_published_with_its_reference(trained_shop: TrainedShop) -> None:
    bundle = bundle_of(trained_shop)
    assert "drift.json" in bundle.manifest["files"]
    assert bundle.drift is not None and bundle.drift.likelihood is not None
    assert sum(bundle.drift.histograms[FIRST_LETTERS].counts) == bundle.drift.histograms[FIRST_LETTERS].size


def test_it_is_shown_to_operators(client: TestClient, admin: dict[str, str]) -> None:
    state = state_of(client)
    in_service(client, state.drift.refresh)
    drift = client.get("/admin/stats", headers=admin).json()["drift"]
    assert (drift["state"], drift["version"]) == ("unknown", "test-1")
    assert "do not say what they were trained on" in drift["measures"][0]["explanation"]
    assert "cadence_drift{" not in client.get("/metrics").text
    measure = DriftMeasure(CATEGORY, 0.2, 0.08, 0.15, "alarm", 5_000, "more of this")
    assert state.drift.report is not None
    state.drift.report = replace(state.drift.report, measures=[measure])
    shown = client.get("/metrics").text
    assert 'cadence_drift{measure="category"} 0.2' in shown
    assert 'cadence_drift_state{measure="category"} 2.0' in shown

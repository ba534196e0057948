"""Events from a file become profiles, and what serving folded is what the log gives."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from config.settings import Settings, StorageSettings
from core.personalization.profile import Profile
from database.connection import Database
from database.models import profiles
from database.repositories.profiles import find_profile, owners
from tests.trained_shop import TrainedShop, train
from training.rebuild_profiles import main


def inside(home: Path, work: Callable[[Connection], object]) -> object:
    async def run() -> object:
        database = Database(Settings(storage=StorageSettings(cadence_home=home)).storage.url)
        try:
            return await database.commit(work)
        finally:
            await database.dispose()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def shop(trained_shop: TrainedShop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose event file was imported beside its catalogue."""
    folder = tmp_path_factory.mktemp("events")
    catalog = trained_shop.files.catalog.read_text(encoding="utf-8").splitlines()
    product = catalog[1].split(",")[0]
    events = folder / "events.csv"
    events.write_text(
        "user_id,timestamp,action_type,item_id\n"
        f"ann,2026-03-01T10:00:00Z,purchase,{product}\n"
        f"ann,2026-02-01T10:00:00Z,view,{product}\n"
        f"bob,2026-03-02T10:00:00Z,click,unheard-of\n",
        encoding="utf-8",
    )
    home = folder / "home"
    files = trained_shop.files
    train(home, "--catalog", str(files.catalog), "--queries", str(files.queries), "--events", str(events))
    return home


def test_an_imported_log_gives_profiles_with_what_the_shop_knows(shop: Path) -> None:
    everybody = inside(shop, owners)
    assert isinstance(everybody, list) and len(everybody) == 2
    known = []
    for owner in everybody:
        found = inside(shop, partial(find_profile, owner=owner))
        known.append(Profile.from_bytes(found.profile))  # type: ignore[attr-defined]
    assert sorted((profile.events, len(profile.categories)) for profile in known) == [(1, 0), (2, 1)]


def test_checked_and_rebuilt_they_are_the_same(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(shop), "--check"]) == 0
    assert "every profile is the fold of its log" in capsys.readouterr().out
    inside(shop, lambda connection: connection.execute(profiles.update().values(profile=Profile().to_bytes())))
    assert main(["--home", str(shop), "--check"]) == 1
    assert "2 profiles are not" in capsys.readouterr().out
    assert main(["--home", str(shop)]) == 0
    assert main(["--home", str(shop), "--check"]) == 0

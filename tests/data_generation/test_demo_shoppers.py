"""Demo shoppers in the trained shop: who they are, that they are made once, and that nobody else is moved by them."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, Row, select

from config.keys import user_hash_key
from config.progress import Steps
from config.settings import Settings, StorageSettings
from core.demo_shoppers import FILE, DemoShopper, load_demo_shoppers
from core.domain import Action, Engagement, EventFacts
from core.personalization.profile import folded
from data_generation import demo_shoppers, remove_synthetic
from data_generation.demo_history import DAYS, history, user_id
from data_generation.demo_shoppers import STALE, make, remove
from data_generation.personas import load_personas
from database.connection import Database
from database.identity import UserKeys
from database.models import events, imports, profiles
from database.repositories.events import ENGAGEMENT_COLUMNS, EventRepository, event_of, insert_new
from database.repositories.imports import ImportRepository
from database.repositories.live_searches import searches_received, searches_since
from database.repositories.product_changes import CatalogChanges, apply_changes
from database.repositories.product_events import latest_product_events, product_events_received
from database.repositories.profiles import compare, find_profile, owner_of, refold
from database.repositories.training_queries import TrainingQueryRepository
from database.repositories.trends import TrendRepository
from tests.data_generation.toy_world import toy_world
from tests.trained_shop import TrainedShop

MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
NOW = MIDNIGHT + timedelta(hours=12)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
T = TypeVar("T")

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(trained_shop: TrainedShop, home: Path) -> Settings:
    shutil.copytree(trained_shop.home, home)
    return Settings(storage=StorageSettings(cadence_home=home))


async def made(settings: Settings, now: datetime = NOW) -> tuple[DemoShopper, ...]:
    return await make(settings, Steps(), now)


async def read(settings: Settings, work: Callable[[Connection], T]) -> T:
    database = Database(settings.storage.url)
    try:
        return await database.read(work)
    finally:
        await database.dispose()


async def write(settings: Settings, work: Callable[[Connection], T]) -> T:
    database = Database(settings.storage.url)
    try:
        return await database.commit(work)
    finally:
        await database.dispose()


def log(connection: Connection) -> list[Row[Any]]:
    """Every event, without when it was stored."""
    return list(connection.execute(select(*ENGAGEMENT_COLUMNS).order_by(events.c.event_id)))


def of(settings: Settings, shopper: str) -> str:
    """The owner of a shopper's profile."""
    return owner_of(UserKeys(user_hash_key(settings.storage.cadence_home)).key(shopper), None) or ""


async def test_each_persona_has_a_shopper_with_a_history_until_now(settings: Settings) -> None:
    shoppers = await made(settings)
    assert [one.user_id for one in shoppers] == [user_id(persona) for persona in load_personas()]
    assert len(shoppers) == 14
    assert shoppers == load_demo_shoppers(settings.storage.cadence_home)
    rows = await read(settings, log)
    for one in shoppers:
        key = of(settings, one.user_id).removeprefix("u:")
        own = [event_of(row) for row in rows if row.user_key == key]
        actions = {event.action for event in own}
        assert {Action.SEARCH, Action.CLICK, Action.VIEW} <= actions
        assert all(MIDNIGHT - timedelta(days=DAYS) <= event.occurred_at <= MIDNIGHT for event in own)
        assert all(event.facts and event.facts.category for event in own if event.item_id)
        assert one.favourites and one.name[0].isupper() and one.about.endswith(".")
    assert {Action.ADD_TO_CART.value, Action.PURCHASE.value} <= {row.action for row in rows}


async def test_they_shop_in_their_own_departments_and_where_there_are_none_it_says_so(settings: Settings) -> None:
    shoppers = {one.persona: one for one in await made(settings)}
    assert shoppers["beauty fan"].favourites[0] == "Beauty & Personal Care"
    assert shoppers["pet owner"].favourites[0] == "Pet Supplies"
    assert "nothing of the kind" not in shoppers["pet owner"].about
    assert "Video Games" not in shoppers["gamer"].favourites  # the trained shop sells none
    assert shoppers["gamer"].favourites


def test_a_shop_without_anything_of_the_kind_says_what_is_bought_instead() -> None:
    hardware = toy_world(departments=("Hammers", "Nails"))
    [beauty] = [persona for persona in load_personas() if persona.name == "beauty fan"]
    made = history(hardware, beauty, MIDNIGHT, 1, str.upper, lambda _: EventFacts(category="Hammers"))
    assert made.shopper.favourites == ("Hammers",)
    assert made.shopper.about.endswith("This shop has nothing of the kind: Hammers instead.")
    assert {event.user_key for event in made.events} == {"DEMO-BEAUTY-FAN"}
    later = history(hardware, beauty, MIDNIGHT + timedelta(days=3), 1, str.upper, lambda _: None)
    assert later.shopper.favourites == ()  # what is not sold any more is left out, what was searched is not
    assert {event.action for event in later.events} <= {Action.SEARCH, Action.SUGGESTION_CLICK}
    times = [{event.event_id: event.occurred_at for event in one.events} for one in (made, later)]
    assert all(times[1][key] == times[0][key] + timedelta(days=3) for key in times[1])


async def test_a_profile_is_the_fold_of_the_log(settings: Settings) -> None:
    shoppers = await made(settings)
    rows = await read(settings, log)
    for one in shoppers:
        owner = of(settings, one.user_id)
        stored = await read(settings, partial(find_profile, owner=owner))
        own = [event_of(row) for row in rows if row.user_key == owner.removeprefix("u:")]
        assert stored is not None and stored.profile == folded(own).to_bytes()
        assert await read(settings, partial(compare, owner=owner))


async def test_the_same_shop_has_the_same_shoppers(settings: Settings, tmp_path: Path) -> None:
    other = Settings(storage=StorageSettings(cadence_home=tmp_path / "other"))
    shutil.copytree(settings.storage.cadence_home, other.storage.cadence_home)
    first, again = await made(settings), await made(other)
    assert first == again
    one, two = [await read(where, log) for where in (settings, other)]
    assert [tuple(row) for row in one] == [tuple(row) for row in two]


async def test_a_second_start_makes_nothing(settings: Settings) -> None:
    first = await made(settings)
    stored = await read(settings, lambda connection: list(connection.execute(select(events))))
    file = (settings.storage.cadence_home / FILE).stat().st_mtime_ns
    assert await made(settings, NOW + timedelta(days=1)) == first
    assert await read(settings, lambda connection: list(connection.execute(select(events)))) == stored
    assert (settings.storage.cadence_home / FILE).stat().st_mtime_ns == file


async def test_a_file_that_is_gone_or_broken_is_written_anew(settings: Settings) -> None:
    first = await made(settings)
    before = await read(settings, log)
    for spoil in (Path.unlink, partial(Path.write_text, data="[")):
        spoil(settings.storage.cadence_home / FILE)
        await made(settings, NOW + timedelta(days=1))
        assert load_demo_shoppers(settings.storage.cadence_home) == first
    assert await read(settings, log) == before


@pytest.mark.parametrize("where", [(ImportRepository, "finish"), (demo_shoppers, "save_demo_shoppers")])
async def test_interrupted_half_way_the_next_start_completes_it(
    where: tuple[object, str], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Settings(storage=StorageSettings(cadence_home=tmp_path / "other"))
    shutil.copytree(settings.storage.cadence_home, other.storage.cadence_home)
    whole = await made(other)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(*where, interrupted)
        with pytest.raises(KeyboardInterrupt):
            await made(settings)
    assert not (settings.storage.cadence_home / FILE).exists()
    assert await made(settings) == whole
    assert [tuple(row) for row in await read(settings, log)] == [tuple(row) for row in await read(other, log)]
    assert load_demo_shoppers(settings.storage.cadence_home) == whole


async def test_old_histories_are_made_anew(settings: Settings) -> None:
    first = await made(settings)
    later = MIDNIGHT + STALE + timedelta(seconds=1)
    assert await made(settings, MIDNIGHT + STALE) == first
    assert [one.user_id for one in await made(settings, later)] == [one.user_id for one in first]
    rows = await read(settings, log)
    assert min(event_of(row).occurred_at for row in rows) >= MIDNIGHT + STALE - timedelta(days=DAYS)


async def test_a_changed_catalogue_makes_them_anew(settings: Settings) -> None:
    await made(settings)
    gone = next(row.item_id for row in await read(settings, log) if row.item_id)
    await write(settings, partial(apply_changes, changes=CatalogChanges(deletes=[gone]), changed_at=NOW))
    await made(settings)
    kinds = await read(settings, lambda connection: list(connection.execute(select(imports.c.kind)).scalars()))
    assert kinds.count("demo-shoppers") == 1


async def test_who_is_no_persona_any_more_is_gone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await made(settings)
    monkeypatch.setattr(demo_shoppers, "load_personas", lambda: load_personas()[1:])
    assert len(await made(settings)) == 13
    assert await read(settings, partial(find_profile, owner=of(settings, first[0].user_id))) is None
    assert len(load_demo_shoppers(settings.storage.cadence_home)) == 13


async def test_removed_they_leave_what_a_visitor_did_as_one_of_them(settings: Settings) -> None:
    before = await read(settings, log), await read(settings, _profiles)
    shoppers = await made(settings)
    owner = of(settings, shoppers[0].user_id)
    visitors = Engagement("own", Action.CLICK, NOW, session_id="s", user_key=owner.removeprefix("u:"), item_id="P1")

    def click(connection: Connection) -> None:
        insert_new(connection, [visitors], NOW)
        refold(connection, owner, NOW)

    await write(settings, click)
    assert await remove(settings) == 14
    assert [event_of(row) for row in await read(settings, log)] == [*map(event_of, before[0]), visitors]
    assert await read(settings, partial(compare, owner=owner))
    assert await read(settings, _profiles) == sorted([*before[1], owner])
    assert load_demo_shoppers(settings.storage.cadence_home) == ()
    assert await remove(settings) == 0


async def test_they_go_with_all_other_simulated_traffic(settings: Settings) -> None:
    await made(settings)
    assert await remove_synthetic.remove(settings.storage.url) == (1, 0)
    assert await read(settings, log) == []


async def test_trends_training_and_the_crowd_do_not_see_them(settings: Settings) -> None:
    database = Database(settings.storage.url)
    try:
        async with database.reading() as session:
            learnt = await TrainingQueryRepository(session, 1).weighted()
            timed = await TrainingQueryRepository(session, 1).completions()
        await made(settings)
        async with database.reading() as session:
            searched = [row for row in await session.execute(select(events)) if row.action == Action.SEARCH.value]
            assert len(searched) > 100
            training = TrainingQueryRepository(session, 1)
            assert await training.weighted() == learnt
            assert await training.completions() == timed
            assert await training.searches_digest() == ""
            assert await EventRepository(session).searches(1) == []
            assert await EventRepository(session).counts_by_action() == {}
            assert await TrendRepository(session).searches(LONG_AGO, timedelta(days=7), 1) == []
        for work in (
            lambda connection: list(searches_since(connection, None)),
            lambda connection: list(searches_received(connection, LONG_AGO)),
            lambda connection: list(latest_product_events(connection, 1_000)),
            lambda connection: list(product_events_received(connection, LONG_AGO)),
        ):
            assert await database.read(work) == []
    finally:
        await database.dispose()


async def test_without_a_version_nobody_is_made(home: Path, database: Database) -> None:
    assert await made(Settings(storage=StorageSettings(cadence_home=home))) == ()
    assert not (home / FILE).exists()


def test_the_command_makes_them_and_removes_them(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = settings.storage.cadence_home
    assert demo_shoppers.main(["--home", str(home)]) == 0
    assert "14 demo shoppers with" in capsys.readouterr().out
    assert len(json.loads((home / FILE).read_text(encoding="utf-8"))) == 14
    assert demo_shoppers.main(["--home", str(home), "--remove"]) == 0
    assert not (home / FILE).exists()
    assert demo_shoppers.main(["--home", str(tmp_path / "nowhere")]) == 1
    assert not (tmp_path / "nowhere").exists()


def _profiles(connection: Connection) -> list[str]:
    return sorted(connection.execute(select(profiles.c.owner)).scalars())

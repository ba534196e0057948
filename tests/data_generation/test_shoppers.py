"""Who comes: shoppers follow the shares of their persona, visits the hours and days, and tastes move over the weeks."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from data_generation.build_world import world_of_shop
from data_generation.calibration import load_calibration
from data_generation.cast import DAY, Cast, Window
from data_generation.catalog import make_products
from data_generation.personas import Persona, load_behaviors, load_personas
from data_generation.shoppers import draw_shoppers, draw_visits, draw_wanted, suits
from data_generation.tables import load_types
from data_generation.world import IntArray, World

START = 1_785_542_400.0  # Saturday, 1 August 2026
WINDOW = Window(START, START + 28 * DAY)
PEOPLE = 20_000


@pytest.fixture(scope="module")
def world() -> World:
    return world_of_shop(make_products(load_types(), 600, 3), {}, 3, load_calibration())


def cast_of(world: World, personas: Sequence[Persona], seed: int = 3) -> Cast:
    return Cast(world, personas, load_behaviors(), load_calibration(), WINDOW, seed)


@pytest.fixture(scope="module")
def cast(world: World) -> Cast:
    return cast_of(world, load_personas())


def named(name: str) -> Persona:
    return next(one for one in load_personas() if one.name == name)


def shares(numbers: IntArray, count: int) -> np.ndarray:
    return np.bincount(numbers, minlength=count) / len(numbers)


def even(weights: Sequence[float]) -> np.ndarray:
    return np.array(weights) / sum(weights)


def test_personas_come_in_their_shares(cast: Cast) -> None:
    shoppers = draw_shoppers(cast, 0, PEOPLE, np.random.default_rng(1))
    wanted = [one.share for one in cast.personas]
    assert shares(shoppers.persona, 14) == pytest.approx(np.array(wanted), abs=0.01)


def test_devices_follow_the_persona(cast: Cast) -> None:
    shoppers = draw_shoppers(cast, 0, PEOPLE, np.random.default_rng(2))
    for number, who in enumerate(cast.personas):
        device = shoppers.device[shoppers.persona == number]
        wanted = even([who.devices.get(name, 0.0) for name in cast.devices])
        assert shares(device, len(cast.devices)) == pytest.approx(wanted, abs=0.06)


def test_behaviours_follow_the_persona(cast: Cast) -> None:
    generator = np.random.default_rng(3)
    shoppers = draw_shoppers(cast, 0, 4_000, generator)
    visits = draw_visits(cast, shoppers, PEOPLE, generator)
    for number, who in enumerate(cast.personas):
        behavior = visits.behavior[shoppers.persona[visits.shopper] == number]
        wanted = even([who.behaviors.get(one.name, 0.0) for one in cast.behaviors])
        assert shares(behavior, 5) == pytest.approx(wanted, abs=0.06)


@pytest.mark.parametrize("name", ["gamer", "new parent", "book lover"])
def test_hours_and_weekends_follow_the_persona(world: World, name: str) -> None:
    who = named(name)
    cast = cast_of(world, [who])
    cast.calibration = replace(cast.calibration, comeback=0.0)  # who comes back does so at the hour of the first time
    generator = np.random.default_rng(4)
    visits = draw_visits(cast, draw_shoppers(cast, 0, 4_000, generator), PEOPLE, generator)
    hour = ((visits.start - START) % DAY / 3_600).astype(np.int64)
    assert shares(hour, 24) == pytest.approx(even(who.hours), abs=0.015)
    day = ((visits.start - START) / DAY).astype(np.int64) % 7  # Saturday first
    assert (day < 2).mean() == pytest.approx(2 * who.weekend / (2 * who.weekend + 5), abs=0.02)


def test_every_visit_is_inside_the_window_and_somebodys(cast: Cast) -> None:
    generator = np.random.default_rng(5)
    shoppers = draw_shoppers(cast, 70, 300, generator)
    visits = draw_visits(cast, shoppers, 5_000, generator)
    assert len(visits.start) == 5_000
    assert (visits.start >= START).all() and (visits.start < WINDOW.end).all()
    assert (np.diff(visits.shopper) >= 0).all() and visits.shopper[-1] < 300


def test_a_few_come_often(cast: Cast) -> None:
    generator = np.random.default_rng(6)
    visits = draw_visits(cast, draw_shoppers(cast, 0, 2_000, generator), 10_000, generator)
    each = np.sort(np.bincount(visits.shopper, minlength=2_000))[::-1]
    assert 0.2 < each[:200].sum() / 10_000 < 0.5
    assert 0 < (each == 0).mean() < 0.3


def test_some_come_back_soon_and_at_about_the_same_hour(world: World) -> None:
    generator = np.random.default_rng(7)
    close = []
    for comeback in (0.0, 1.0):
        cast = cast_of(world, load_personas())
        cast.calibration = replace(cast.calibration, comeback=comeback)
        shoppers = draw_shoppers(cast, 0, 1_000, generator)
        visits = draw_visits(cast, shoppers, 2_500, generator)
        same = visits.shopper[1:] == visits.shopper[:-1]
        away = np.diff(visits.start)[same] / DAY % 1
        close.append(float((np.minimum(away, 1 - away) < 0.1).mean()))
    assert close[1] > close[0] + 0.1


def test_departments_follow_the_persona_and_drift_to_the_later_ones(world: World) -> None:
    who = replace(named("new parent"), own=1.0)
    cast = cast_of(world, [who])
    generator = np.random.default_rng(8)
    shoppers = draw_shoppers(cast, 0, 5_000, generator)
    people = np.arange(5_000)
    department = np.repeat(np.arange(len(world.departments)), np.diff(world.department_start))
    for at, table in ((START, who.departments), (WINDOW.end - 1, who.later)):
        wanted = draw_wanted(cast, shoppers, people, np.full(5_000, at), generator)
        seen = shares(department[world.kind[wanted]], len(world.departments))
        season = cast.in_season[int((at - WINDOW.start) // DAY)]
        taste = np.array([table.get(name, 0.0) for name in world.departments])
        assert seen == pytest.approx(even((taste * season).tolist()), abs=0.03)


def test_personas_that_drift_have_other_shares_at_the_end() -> None:
    drifting = [one for one in load_personas() if one.later]
    assert drifting
    for who in drifting:
        names = sorted(who.departments | who.later)
        early, late = (even([table.get(name, 0.0) for name in names]) for table in (who.departments, who.later))
        assert np.abs(early - late).sum() > 0.02


def test_what_is_not_on_sale_yet_is_hardly_wanted(world: World, cast: Cast) -> None:
    generator = np.random.default_rng(9)
    shoppers = draw_shoppers(cast, 0, 3_000, generator)
    wanted = draw_wanted(cast, shoppers, np.arange(3_000), np.full(3_000, START), generator)
    weight = np.where(world.arrived <= START, world.popularity, 0.0)
    mostly = np.bincount(world.kind, weight) > 0.6 * np.bincount(world.kind, world.popularity)
    choice = wanted[mostly[world.kind[wanted]]]  # six tries find something there
    assert (world.arrived > START).any() and len(choice) > 2_000
    assert (world.arrived[choice] <= START).mean() > 0.99


def test_favourite_brands_suit_better_by_the_loyalty(world: World) -> None:
    who = replace(named("budget hunter"), brands=(), brand_loyalty=2.0)
    products = np.arange(len(world.product_ids))
    liking = []
    for brands in ((), (world.brands[0],)):
        cast = cast_of(world, [replace(who, brands=brands)])
        shoppers = draw_shoppers(cast, 0, 20, np.random.default_rng(10))
        liking.append(suits(cast, shoppers, np.arange(20)[:, None], products[None, :]))
    more = liking[1] - liking[0]
    assert more[:, world.brand == 0] == pytest.approx(3.0)
    assert more[:, world.brand != 0] == pytest.approx(0.0)


def test_products_suit_the_less_the_farther_they_are_from_the_wanted_price(world: World) -> None:
    who = replace(named("budget hunter"), brand_loyalty=0.0)
    cast = cast_of(world, [who])
    shoppers = draw_shoppers(cast, 0, 1, np.random.default_rng(11))
    liking = suits(cast, shoppers, np.zeros(600, np.int64), np.arange(600))
    far = np.argsort(np.abs(world.price - who.price), kind="stable")
    assert (np.diff(liking[far]) <= 1e-6).all() and liking.max() > liking.min()


def test_a_shopper_likes_the_same_whatever_the_block_begins_with(cast: Cast) -> None:
    shoppers = draw_shoppers(cast, 0, 50, np.random.default_rng(12))
    moved = replace(shoppers, first=10, persona=shoppers.persona[10:])
    products = np.arange(40)[None, :]
    whole = suits(cast, shoppers, np.arange(10, 50)[:, None], products)
    assert np.array_equal(whole, suits(cast, moved, np.arange(40)[:, None], products))


def test_departments_nobody_knows_are_given_by_a_word_or_by_chance(world: World) -> None:
    renamed = replace(world, departments=[f"Aisle {number}" for number in range(len(world.departments))])
    cast = cast_of(renamed, load_personas())
    assert cast.early.sum(axis=1) == pytest.approx(np.ones(14))
    assert not cast.speaks.any()  # a persona's words are for what it knows
    lover = replace(named("pet owner"), departments={"Pet Food": 1.0}, later={})
    by_word = cast_of(world, [lover])
    assert by_word.early[0, world.departments.index("Pet Supplies")] == 1 == by_word.early.sum()


def test_a_persona_with_no_known_behaviour_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="no behaviour sleeper"):
        cast_of(world, [replace(named("gamer"), behaviors={"sleeper": 1.0})])

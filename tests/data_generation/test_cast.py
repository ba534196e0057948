"""Demand over the days of a window, and what a cast refuses."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from data_generation import cast as cast_module
from data_generation.cast import DAY, Cast, Window
from data_generation.shoppers import draw_shoppers, draw_visits, draw_wanted
from data_generation.world import FloatArray, IntArray
from tests.data_generation.toy_world import CALIBRATION, START, behavior, persona, toy_cast, toy_world

DRAWS = 60_000


def wanted_kinds(cast: Cast, at: FloatArray) -> IntArray:
    generator = np.random.default_rng(1)
    shoppers = draw_shoppers(cast, 0, 2_000, generator)
    wanted = draw_wanted(cast, shoppers, np.arange(len(at)) % 2_000, at, generator)
    return np.asarray(cast.world.kind[wanted], np.int64)


def month(number: int) -> float:
    return datetime(2026, number, 1, tzinfo=UTC).timestamp()


def test_every_kind_of_a_department_is_wanted_by_its_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cast_module, "_TREND_SHARE", 0.0)
    world = replace(toy_world(kinds=4), kind_weight=np.array([1.0, 2.0, 3.0, 4.0]))
    cast = toy_cast(world, persona(), behavior(), 60)
    for day in (0, 59):
        kinds = wanted_kinds(cast, np.full(DRAWS, START + day * DAY))
        assert np.bincount(kinds) / DRAWS == pytest.approx(np.array([0.1, 0.2, 0.3, 0.4]), abs=0.02)


def test_a_few_kinds_come_into_fashion_for_some_weeks() -> None:
    cast = toy_cast(toy_world(kinds=60), persona(), behavior(), 90)
    at = START + np.linspace(0, 90 * DAY, 4 * DRAWS, endpoint=False)
    kinds = wanted_kinds(cast, at)
    fortnights = np.histogram2d(kinds, at, bins=(np.arange(61), 6))[0]  # about 667 times each
    peaks = fortnights.max(axis=1) / np.median(fortnights, axis=1)
    in_fashion = peaks > 1.35
    assert 3 <= in_fashion.sum() <= 15  # 12 in 100, drawn by chance
    assert peaks[in_fashion].max() > 1.8
    assert np.median(peaks) < 1.2


def test_what_a_persona_wants_drifts_to_the_later_departments() -> None:
    world = toy_world(departments=("Early", "Late", "Other"))
    who = persona(departments={"Early": 1.0}, later={"Late": 1.0}, own=0.7)
    cast = toy_cast(world, who, behavior(), 100)
    for passed in (0.0, 0.25, 0.5, 0.75):
        kinds = wanted_kinds(cast, np.full(DRAWS, START + passed * 100 * DAY))
        expected = 0.1 + 0.7 * np.array([1 - passed, passed, 0])  # a third of the other needs each
        assert np.bincount(kinds, minlength=3) / DRAWS == pytest.approx(expected, abs=0.02)


def test_toys_are_wanted_more_in_december() -> None:
    world = toy_world(departments=("Toys & Games", "Home"))
    who = persona(departments={"Toys & Games": 1.0, "Home": 1.0})
    shares = []
    for number in (6, 12):
        cast = toy_cast(world, who, behavior(), 28, start=month(number))
        shares.append((wanted_kinds(cast, np.full(DRAWS, month(number) + 14 * DAY)) == 0).mean())
    assert shares[1] > 1.2 * shares[0]


def test_a_cast_without_personas_or_behaviours_is_refused() -> None:
    window = Window(START, START + DAY)
    with pytest.raises(ValueError, match="sums to nothing"):
        Cast(toy_world(), (), (behavior(),), CALIBRATION, window, 1)
    with pytest.raises(ValueError, match="no behaviour"):
        Cast(toy_world(), (persona(behaviors={"nobody's": 1.0}),), (behavior(),), CALIBRATION, window, 1)


def test_a_behaviour_that_is_not_there_is_refused_beside_one_that_is() -> None:
    with pytest.raises(ValueError, match="no behaviour nobody's"):
        toy_cast(toy_world(), persona(behaviors={"plain": 0.5, "nobody's": 0.5}), behavior())


def test_dwell_times_follow_the_pace() -> None:
    slow, usual = (toy_cast(toy_world(), persona(), behavior(), pace=pace) for pace in (3.0, 1.0))
    assert slow.dwell.tolist() == (3 * usual.dwell).tolist()


def test_patience_moves_how_a_visit_goes_on() -> None:
    cast = toy_cast(toy_world(), persona(patience=1.0), behavior(refine=0.5, another=0.2))
    assert cast.refine[0, 0] == pytest.approx(np.e / (1 + np.e))
    assert cast.another[0, 0] == pytest.approx(0.2 * np.e / (0.2 * np.e + 0.8))


def test_comebacks_are_at_least_an_hour_after_the_first_visit() -> None:
    cast = toy_cast(toy_world(), persona(), behavior(), 10_000, comeback=1.0, comeback_days=2.0)
    generator = np.random.default_rng(2)
    visits = draw_visits(cast, draw_shoppers(cast, 0, 500, generator), 5_000, generator)
    _, first, each = np.unique(visits.shopper, return_index=True, return_counts=True)
    began = np.repeat(visits.start[first], each)
    later = np.ones(5_000, bool)
    later[first] = False
    away = (visits.start - began)[later & (began < cast.window.end - 1_000 * DAY)]
    assert len(away) > 3_000 and away.min() >= 3_600 - 1e-3
    assert np.median(away) / DAY == pytest.approx(2, rel=0.15)

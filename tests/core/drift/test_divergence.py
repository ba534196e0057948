"""Distances of histograms: against scipy, against what chance gives, and their properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from core.drift.calibration import calibration_error, forecasts
from core.drift.divergence import (
    design_effect,
    excess_index,
    expected_index,
    jensen_shannon_bits,
    scatter,
    smoothed,
    stability_index,
)

COUNTS = st.lists(st.integers(0, 10_000), min_size=2, max_size=40)
PAIRS = COUNTS.flatmap(
    lambda one: st.tuples(st.just(one), st.lists(st.integers(0, 10_000), min_size=len(one), max_size=len(one)))
)


@given(PAIRS)
def test_both_are_those_of_scipy(pair: tuple[list[int], list[int]]) -> None:
    q, p = smoothed(pair[0]), smoothed(pair[1])
    assert stability_index(*pair) == pytest.approx(rel_entr(p, q).sum() + rel_entr(q, p).sum(), abs=1e-12)
    assert jensen_shannon_bits(*pair) == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-9)


@given(PAIRS)
def test_distances_are_symmetric_bounded_and_nothing_for_the_same(pair: tuple[list[int], list[int]]) -> None:
    there, back = stability_index(*pair), stability_index(pair[1], pair[0])
    assert there >= 0 and there == pytest.approx(back, abs=1e-12)
    assert 0 <= jensen_shannon_bits(*pair) <= 1
    assert stability_index(pair[0], pair[0]) == 0 == jensen_shannon_bits(pair[0], pair[0])


@pytest.mark.parametrize(("bins", "window", "reference"), [(31, 500, 17_000), (73, 5_000, 17_000), (10, 1_000, 500)])
def test_chance_gives_what_is_subtracted(bins: int, window: int, reference: int) -> None:
    generator = np.random.default_rng(bins)
    shares = generator.dirichlet(np.full(bins, 3.0))
    drawn = [
        stability_index(generator.multinomial(reference, shares), generator.multinomial(window, shares))
        for _ in range(2_000)
    ]
    assert np.mean(drawn) == pytest.approx(expected_index(bins, window, reference), rel=0.08)
    assert np.std(drawn) == pytest.approx(scatter(bins, window, reference), rel=0.2)


def test_a_small_window_of_the_same_is_not_far() -> None:
    generator = np.random.default_rng(1)
    shares = generator.dirichlet(np.ones(31))
    window = generator.multinomial(200, shares)
    assert stability_index(shares * 1e5, window) > 0.08  # a warning …
    assert excess_index(shares * 1e5, window, 200) < 0.08  # … that chance alone explains


def searches(generator: np.random.Generator, shoppers: int, each: int, own: float) -> tuple[np.ndarray, np.ndarray]:
    """Bins and shoppers, who search what they searched first with the probability `own`."""
    first, others = generator.integers(0, 20, shoppers), generator.integers(0, 20, (shoppers, each))
    places = np.where(generator.random((shoppers, each)) < own, first[:, None], others)
    who = generator.integers(0, 2**32, shoppers)
    return places.ravel(), np.repeat(who, each)


@pytest.mark.parametrize(("each", "own"), [(1, 0.0), (5, 0.0), (5, 0.5), (5, 1.0)])
def test_the_design_effect_is_how_much_more_repeated_samples_scatter(each: int, own: float) -> None:
    generator = np.random.default_rng(3)
    made = [searches(generator, 600, each, own) for _ in range(100)]
    even = np.full(20, 1e6)
    truth = np.mean([stability_index(even, np.bincount(places, minlength=20)) for places, _ in made])
    truth /= expected_index(20, 600 * each)
    estimated = [design_effect(places, who, 20) for places, who in made]
    assert np.mean(estimated) == pytest.approx(max(1.0, float(truth)), rel=0.15)
    assert max(estimated) <= each + 1e-9


def test_one_shopper_is_one_observation() -> None:
    assert design_effect(np.zeros(500, np.int64), np.full(500, 77), 5) == 500


def test_calibration_by_hand() -> None:
    assert calibration_error([0.9, 0.9, 0.1, 0.1], [1, 0, 0, 0]) == pytest.approx((2 * 0.4 + 2 * 0.1) / 4)
    assert calibration_error([], []) == 0
    assert forecasts([0.2, 0.6]) == pytest.approx([0.25, 0.75])
    assert forecasts([0.0, 0.0]) == [0.5, 0.5]


def test_forecasts_that_are_true_are_calibrated() -> None:
    generator = np.random.default_rng(5)
    forecast = generator.random(50_000)
    happened = generator.random(50_000) < forecast
    assert calibration_error(forecast, happened) < 0.01
    assert calibration_error(forecast, ~happened) == pytest.approx(0.5, abs=0.02)

"""CUPED, ratios and caps: less noise, the same truth."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ExperimentDataError
from core.experiments.cuped import cuped
from core.experiments.moments import moments
from core.experiments.ratio import linearised
from core.experiments.winsorize import winsorize


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5, 0.7, 0.9, -0.6])
def test_cuped_takes_out_the_squared_correlation(rho: float) -> None:
    generator = np.random.default_rng(1)
    before = generator.normal(5, 2, (2, 20_000))
    values = rho * (before - 5) / 2 + np.sqrt(1 - rho**2) * generator.normal(size=before.shape)
    values[1] += 0.1
    done = cuped(values[0], values[1], before[0], before[1])
    left = done.treatment.var() / values[1].var()
    assert left == pytest.approx(1 - rho**2, rel=0.1) and 1 - done.reduction == pytest.approx(left, rel=0.05)
    assert done.theta == pytest.approx(rho / 2, abs=0.02)
    assert done.treatment.mean() - done.control.mean() == pytest.approx(0.1, abs=0.03)


def test_cuped_without_bias_over_many_experiments() -> None:
    generator = np.random.default_rng(2)
    found = []
    for _ in range(400):
        before = generator.exponential(1, (2, 200))
        values = before + generator.normal(size=before.shape)
        values[1] += 0.5
        before[generator.random(before.shape) < 0.3] = np.nan
        done = cuped(values[0], values[1], before[0], before[1])
        found.append(done.treatment.mean() - done.control.mean())
    assert np.mean(found) == pytest.approx(0.5, abs=4 * np.std(found) / 20)


def test_who_was_not_there_is_not_moved() -> None:
    done = cuped([1.0, 2.0, 3.0], [4.0, 5.0, 7.0], [1.0, np.nan, 3.0], [2.0, np.nan, 4.0])
    assert done.control[1] == 2 and done.treatment[1] == 5 and done.theta != 0
    nobody = cuped([1.0, 2.0], [3.0, 4.0], [np.nan] * 2, [np.nan] * 2)
    assert nobody.theta == nobody.reduction == 0 and nobody.control.tolist() == [1, 2]
    assert cuped([1.0, 2.0], [3.0, 4.0], [7.0] * 2, [7.0] * 2).theta == 0
    for broken in ([1.0], [1.0, np.inf]):
        with pytest.raises(ExperimentDataError):
            cuped([1.0, 2.0], [3.0, 4.0], broken, [1.0, 2.0])


def test_the_error_of_a_ratio_is_that_of_simulated_ratios() -> None:
    generator = np.random.default_rng(3)
    ratios, errors = [], []
    for _ in range(1_500):
        searches = 1 + generator.poisson(4, 400)
        clicked = generator.binomial(searches, generator.beta(2, 8, 400))  # users differ: searches are no units
        done = moments(linearised(clicked, searches))
        assert done.mean == pytest.approx(clicked.sum() / searches.sum())
        ratios.append(done.mean)
        errors.append(np.sqrt(done.squared_error))
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.06)
    binomial = np.sqrt(0.2 * 0.8 / (5 * 400))
    assert np.std(ratios) > 1.15 * binomial  # and too small an error if searches were


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.125, 5)), min_size=2, max_size=30), st.floats(0.1, 9))
def test_ratios_follow_their_scale(pairs: list[tuple[float, float]], factor: float) -> None:
    above, below = (np.array(column) for column in zip(*pairs, strict=True))
    plain, scaled = linearised(above, below), linearised(factor * above, below)
    np.testing.assert_allclose(scaled, factor * plain, atol=1e-8)
    np.testing.assert_allclose(linearised(factor * above, factor * below), plain, atol=1e-8)


def test_denominators_that_count_nothing_are_refused() -> None:
    for below in ([0.0, 0.0], [1.0, -1.0], [1.0], [1.0, np.nan]):
        with pytest.raises(ExperimentDataError):
            linearised([1.0, 2.0], below)
    assert moments(linearised([1.0, 0.0], [2.0, 0.0])).mean == 0.5


def test_one_cap_for_both_arms() -> None:
    one, other = np.zeros(1_000), np.zeros(1_000)
    one[:50], other[:50] = np.arange(1, 51), np.arange(51, 101)
    low, high, cap = winsorize(one, other, 0.9)
    assert cap == pytest.approx(90.1) and low.max() == 50 and high.max() == cap
    assert winsorize(one, other, 1.0)[1].max() == 100
    assert winsorize(np.zeros(3), np.zeros(2))[2] == 0
    assert winsorize([-5.0, -1.0], [0.0], 0.99)[0].min() == -5
    with pytest.raises(ValueError, match="quantile"):
        winsorize(one, other, 0.0)
    with pytest.raises(ExperimentDataError):
        winsorize([], other)


def test_a_million_units_take_less_than_a_second() -> None:
    generator = np.random.default_rng(4)
    values, before = generator.exponential(size=(2, 500_000)), generator.exponential(size=(2, 500_000))
    started = time.process_time()
    one, other, _ = winsorize(values[0], values[1])
    done = cuped(one, other, before[0], before[1])
    moments(done.control)
    assert time.process_time() - started < 1

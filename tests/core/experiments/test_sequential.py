"""The boundary is that of the papers, p-values are its inverse, and peeking does no harm."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom

from core.experiments.moments import Moments, moments
from core.experiments.sequential import (
    always_valid_p,
    boundary,
    compare,
    information,
    mixture_test,
    planned_information,
)
from tests.core.experiments.peeking import Draw, clicks, look, revenue

ARMS = st.builds(Moments, st.integers(30, 10**6), st.floats(-100, 100), st.floats(1e-3, 1e3), st.floats(1, 5))
ALPHAS = st.floats(0.001, 0.3)


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-4, 1e4), ALPHAS)
def test_p_is_the_level_whose_boundary_is_reached(r: float, alpha: float) -> None:
    assert always_valid_p(boundary(r, alpha), r) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.2])
def test_the_boundary_is_narrowest_at_the_planned_size(alpha: float) -> None:
    best = minimize_scalar(lambda log_r: float(boundary(math.exp(log_r), alpha)), bounds=(-3, 6), method="bounded")
    assert math.exp(best.x) == pytest.approx(planned_information(alpha), rel=1e-3)
    assert float(information(700, 700, 700, alpha)) == pytest.approx(planned_information(alpha))


def test_the_boundary_is_the_formula_of_the_papers() -> None:
    n, rho, alpha = 500, 0.13, 0.05  # theorem 2.2, one sample, variance 1
    half = math.sqrt(2 * (n * rho**2 + 1) / (n**2 * rho**2) * math.log(math.sqrt(n * rho**2 + 1) / alpha))
    assert float(boundary(n * rho**2, alpha)) / math.sqrt(n) == pytest.approx(half)
    one, other, tau = Moments(400, 1.0, 2.0), Moments(300, 1.4, 3.0), 0.2  # Johari et al., equation for the p-value
    squared, difference = 2 / 400 + 3 / 300, 0.4
    ratio = math.sqrt(squared / (squared + tau**2))
    ratio *= math.exp(tau**2 * difference**2 / (2 * squared * (squared + tau**2)))
    assert mixture_test(one, other, tau).p_value == pytest.approx(min(1, 1 / ratio))


@settings(max_examples=100, deadline=None)
@given(ARMS, ARMS, st.integers(10, 10**6), ALPHAS)
def test_intervals_p_values_and_lifts_agree(one: Moments, other: Moments, planned: int, alpha: float) -> None:
    done = compare(one, other, planned, 0.05)
    low, high = done.interval(alpha)
    assert low < done.difference < high
    if abs(done.p_value / alpha - 1) > 1e-6:
        assert (done.p_value < alpha) == (not low <= 0 <= high)
    lift_low, lift_high = done.lift(alpha)
    if math.isfinite(lift_low) and abs(done.p_value / alpha - 1) > 1e-6:
        assert (done.p_value < alpha) == (not lift_low <= 0 <= lift_high)
        assert lift_low <= done.difference / abs(one.mean) <= lift_high
    swapped = compare(other, one, planned, 0.05).interval(alpha)
    assert swapped == pytest.approx((-high, -low))


def test_before_it_speaks_it_says_nothing() -> None:
    few = compare(moments(np.arange(29.0)), moments(np.arange(100.0)), 100)
    alike = compare(moments(np.zeros(100)), moments(np.ones(100)), 100)
    one_buyer = compare(moments([0.0] * 999 + [9.0]), moments(np.arange(1000.0)), 100)
    for silent in (few, alike, one_buyer):
        assert silent.p_value == 1 and silent.interval() == silent.lift() == (-math.inf, math.inf)
    near_zero = compare(Moments(100, 0.01, 1.0), Moments(100, 5.0, 1.0), 100)
    assert near_zero.p_value < 0.001 and near_zero.lift() == (-math.inf, math.inf)  # a lift of what may be nothing
    with pytest.raises(ValueError, match="no plan"):
        compare(Moments(100, 0.0, 1.0), Moments(100, 0.0, 1.0), 0)
    with pytest.raises(ValueError, match="positive"):
        mixture_test(Moments(100, 0.0, 1.0), Moments(100, 0.0, 1.0), 0)


ALIKE = [(clicks(0.05), 1_500), (clicks(0.05), 150), (revenue(0.03, 1.0), 1_500), (revenue(0.01, 1.5), 150)]


@pytest.mark.parametrize(("draw", "planned"), ALIKE, ids=["clicks", "clicks, short", "revenue", "skewed, short"])
def test_looking_often_raises_no_false_alarms(draw: Draw, planned: int) -> None:
    looks = look(draw, draw, experiments=500, users=3_000, every=100, seed=3)
    alarms = int((looks.always_valid_p(planned) < 0.05).any(1).sum())
    assert alarms <= binom.ppf(0.99, 500, 0.05)
    assert (looks.fixed_p() < 0.05).any(1).sum() > alarms + 30  # what it is there for


DIFFERENT = [
    (clicks(0.05), clicks(0.08), 0.03, 1_500),
    (clicks(0.05), clicks(0.08), 0.03, 150),
    (revenue(0.03, 1.0), revenue(0.03, 1.0, 1.5), 0.3 * math.exp(0.5), 1_500),
    (revenue(0.01, 1.5), revenue(0.01, 1.5, 1.5), 0.1 * math.exp(1.125), 150),
]


@pytest.mark.parametrize(("control", "treatment", "truth", "planned"), DIFFERENT)
def test_the_truth_is_covered_at_all_times(control: Draw, treatment: Draw, truth: float, planned: int) -> None:
    looks = look(control, treatment, experiments=500, users=3_000, every=100, seed=4)
    assert looks.covers(truth, planned).all(1).sum() >= binom.ppf(0.01, 500, 0.95)


def test_many_at_once_are_as_one_alone() -> None:
    values = np.random.default_rng(5).gamma(1, 2, (1, 600))
    looks = look(lambda *_: values, lambda *_: values, 1, 600, 600, seed=6)
    arms = np.random.default_rng(6).random((1, 600)) < 0.5
    done = compare(moments(values[~arms]), moments(values[arms]), 300)
    assert looks.always_valid_p(300)[0, 0] == pytest.approx(done.p_value)
    assert looks.carriers[:, 0, 0] == pytest.approx([done.control.carriers, done.treatment.carriers])

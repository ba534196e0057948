"""Equal to statsmodels and scipy, and defined at the edges."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint, proportions_ztest

from core.errors import ExperimentDataError
from core.experiments.fixed import two_proportions, welch, wilson
from core.experiments.moments import Moments, moments

COUNTS = st.integers(2, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=60, deadline=None)
@given(COUNTS, COUNTS, st.sampled_from([0.01, 0.05, 0.2]))
def test_two_proportions_are_those_of_statsmodels(one: tuple[int, int], other: tuple[int, int], alpha: float) -> None:
    done = two_proportions(*one, *other, alpha)
    low, high = confint_proportions_2indep(*other, *one, method="newcomb", compare="diff", alpha=alpha)
    assert (done.low, done.high) == pytest.approx((low, high), abs=1e-9)
    if 0 < one[0] + other[0] < one[1] + other[1]:
        _, p_value = proportions_ztest([other[0], one[0]], [other[1], one[1]])
        assert done.p_value == pytest.approx(p_value, abs=1e-9)
    else:
        assert done.p_value == 1 and done.difference == 0
    assert wilson(*one, alpha) == pytest.approx(proportion_confint(*one, alpha, method="wilson"), abs=1e-9)
    mirrored = two_proportions(*other, *one, alpha)
    assert (mirrored.difference, mirrored.low, mirrored.high) == pytest.approx(
        (-done.difference, -done.high, -done.low)
    )


@pytest.mark.parametrize("sizes", [(5, 9), (40, 40), (3_000, 200)])
def test_welch_is_that_of_scipy(sizes: tuple[int, int]) -> None:
    generator = np.random.default_rng(1)
    one, other = generator.normal(2, 1, sizes[0]), generator.gamma(2, 2, sizes[1])
    done, known = welch(moments(one), moments(other)), stats.ttest_ind(other, one, equal_var=False)
    interval = known.confidence_interval(0.95)
    assert (done.p_value, done.low, done.high) == pytest.approx((known.pvalue, interval.low, interval.high), rel=1e-9)
    assert done.lift == pytest.approx(other.mean() / one.mean() - 1)


def test_moments_are_those_of_scipy_and_know_what_they_rest_on() -> None:
    values = np.random.default_rng(2).gamma(2, 3, 500)
    done = moments(values)
    assert done.variance == pytest.approx(values.var(ddof=1))
    assert done.kurtosis == pytest.approx(stats.kurtosis(values, fisher=False))
    few = np.zeros(10_000)
    few[:20] = 1
    assert moments(few).carriers == pytest.approx(20, rel=0.01)
    few[0] = 1_000
    assert moments(few).carriers == pytest.approx(1, abs=0.01)
    assert moments([3.0]) == Moments(1, 3.0, 0.0, 1.0) and moments([3.0, 3.0]).carriers == 1


def test_edges_are_defined_or_refused() -> None:
    alike, larger = moments([1.0, 1.0, 1.0]), moments([2.0, 2.0])
    assert welch(alike, alike).p_value == 1 and welch(alike, larger).p_value == 0
    assert math.isnan(two_proportions(0, 5, 2, 5).lift)
    for broken in ([], [1.0, math.nan], [math.inf], [[1.0, 2.0]]):
        with pytest.raises(ExperimentDataError):
            moments(broken)
    with pytest.raises(ExperimentDataError, match="one unit"):
        welch(alike, moments([1.0]))
    for counts in ((0, 0, 1, 2), (3, 2, 1, 2), (1, 2, -1, 2)):
        with pytest.raises(ExperimentDataError, match="no proportion"):
            two_proportions(*counts)

"""Sample ratio, several treatments, beliefs and sizes: equal to the references."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import betaln
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import proportion_effectsize

from core.errors import ExperimentDataError
from core.experiments import bayes
from core.experiments.moments import Moments
from core.experiments.multiple import holm
from core.experiments.power import (
    least_lift,
    power_of_means,
    power_of_proportions,
    units_for_means,
    units_for_proportions,
)
from core.experiments.sample_ratio import sample_ratio


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(20, 10_000), st.floats(0.5, 4)), min_size=2, max_size=5))
def test_sample_ratio_is_that_of_scipy(arms: list[tuple[int, float]]) -> None:
    counts, shares = (list(column) for column in zip(*arms, strict=True))
    done = sample_ratio([int(count) for count in counts], shares)
    if min(done.expected) >= 5:
        assert done.p_value == pytest.approx(stats.chisquare(counts, done.expected).pvalue, abs=1e-12)
    assert sum(done.expected) == pytest.approx(sum(counts))


def test_a_lost_percent_is_noticed_and_chance_is_not() -> None:
    assert sample_ratio([50_000, 49_000], [1, 1]).p_value == pytest.approx(0.0015, abs=5e-4)
    assert sample_ratio([500_000, 490_000], [1, 1]).alarm and not sample_ratio([5_000, 4_900], [1, 1]).alarm
    assert sample_ratio([800, 100, 95], [0.8, 0.1, 0.1]).alarm is False
    assert sample_ratio([8, 0], [1, 1]).p_value == 1  # too few to be asked
    generator = np.random.default_rng(1)
    drawn = generator.multinomial(9_000, [0.5, 0.3, 0.2], 3_000).tolist()
    alarms = sum(sample_ratio(counts, [5, 3, 2]).alarm for counts in drawn)
    assert alarms <= stats.binom.ppf(0.999, 3_000, 0.001)
    with pytest.raises(ExperimentDataError):
        sample_ratio([0, 0], [1, 1])
    for counts, shares in (([1], [1.0]), ([1, 2], [1.0, 0.0]), ([1, 2], [1.0])):
        with pytest.raises(ValueError, match="share"):
            sample_ratio(counts, shares)


@settings(max_examples=15, deadline=None)  # the reference takes a twentieth of a second
@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    if p_values:
        np.testing.assert_allclose(adjusted, multipletests(p_values, method="holm")[1])
    assert (adjusted >= np.array(p_values)).all()


def test_holm_refuses_what_is_no_p_value() -> None:
    for broken in ([1.1], [math.nan], [-0.1]):
        with pytest.raises(ValueError, match="p-values"):
            holm(broken)


@pytest.mark.parametrize(
    "counts", [(0, 0, 0, 0), (3, 10, 7, 12), (500, 10_000, 530, 10_000), (0, 50, 5, 100_000), (9_990, 10_000, 5, 7)]
)
def test_beliefs_in_proportions_are_those_of_a_simulation(counts: tuple[int, int, int, int]) -> None:
    generator = np.random.default_rng(2)
    one = generator.beta(1 + counts[0], 1 + counts[1] - counts[0], 400_000)
    other = generator.beta(1 + counts[2], 1 + counts[3] - counts[2], 400_000)
    belief = bayes.proportions(*counts)
    assert belief.win_probability == pytest.approx((other > one).mean(), abs=0.004)
    assert belief.expected_loss == pytest.approx(np.maximum(one - other, 0).mean(), rel=0.02, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_beliefs_of_both_arms_add_up(a: int, b: int, c: int, d: int) -> None:
    one, other = bayes.proportions(a, a + b, c, c + d), bayes.proportions(c, c + d, a, a + b)
    assert one.win_probability + other.win_probability == pytest.approx(1, abs=1e-8)
    difference = (c + 1) / (c + d + 2) - (a + 1) / (a + b + 2)
    assert other.expected_loss - one.expected_loss == pytest.approx(difference, abs=1e-8)


def test_beliefs_at_integers_are_the_closed_form() -> None:
    a, b, c, d = 13, 29, 18, 27  # Miller, "Formulas for Bayesian A/B testing", 2015
    exact = sum(math.exp(betaln(a + i, b + d) - math.log(d + i) - betaln(1 + i, d) - betaln(a, b)) for i in range(c))
    assert bayes.proportions(a - 1, a + b - 2, c - 1, c + d - 2).win_probability == pytest.approx(exact, abs=1e-10)
    with pytest.raises(ExperimentDataError):
        bayes.proportions(2, 1, 0, 0)


def test_beliefs_in_means() -> None:
    generator = np.random.default_rng(3)
    drawn = generator.normal(0.3, math.sqrt(2 / 50 + 3 / 40), 400_000)
    belief = bayes.means(Moments(50, 1.0, 2.0), Moments(40, 1.3, 3.0))
    assert belief.win_probability == pytest.approx((drawn > 0).mean(), abs=0.004)
    assert belief.expected_loss == pytest.approx(np.maximum(-drawn, 0).mean(), rel=0.02)
    assert bayes.means(Moments(5, 1.0, 0.0), Moments(5, 1.0, 0.0)).win_probability == 0.5


@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(("base", "lift"), [(0.03, 0.1), (0.3, 0.05), (0.5, -0.2)])
def test_sizes_for_proportions_are_those_of_statsmodels(base: float, lift: float, ratio: float) -> None:
    effect, known = proportion_effectsize(base * (1 + lift), base), NormalIndPower()
    units = units_for_proportions(base, lift, 0.9, 0.01, ratio)
    assert units == math.ceil(known.solve_power(effect, power=0.9, alpha=0.01, ratio=ratio))
    power = known.power(effect, 1_000, 0.05, ratio)
    assert power_of_proportions(base, lift, 1_000, 0.05, ratio) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize("effect", [0.01, 0.2, 0.8])
def test_sizes_for_means_are_those_of_statsmodels(effect: float) -> None:
    known = TTestIndPower()
    units = known.solve_power(effect, power=0.8, alpha=0.05)
    assert abs(units_for_means(10, 5, effect / 2) - units) <= 1.01
    for count in (5, 50, 500):
        tails = [known.power(effect, count, 0.025, alternative=side) for side in ("larger", "smaller")]
        expected = tails[0] + np.nan_to_num(tails[1])  # statsmodels 0.15 has NaN for a tail that is next to nothing
        assert power_of_means(effect, count) == pytest.approx(expected, abs=1e-6)
    assert power_of_means(effect, 1) == 0 and power_of_means(-effect, 50) == power_of_means(effect, 50)


def test_the_least_lift_is_what_is_just_found() -> None:
    lift = least_lift(partial(units_for_proportions, 0.05), 20_000, highest=5)
    assert units_for_proportions(0.05, lift) <= 20_000 < units_for_proportions(0.05, lift * 0.999)
    assert power_of_proportions(0.05, lift, 20_000) == pytest.approx(0.8, abs=1e-3)
    with pytest.raises(ValueError, match="do not find"):
        least_lift(partial(units_for_means, 1, 1_000), 10, highest=0.1)
    for broken in (partial(units_for_proportions, 0.0, 0.1), partial(units_for_proportions, 0.6, 0.9)):
        with pytest.raises(ValueError, match="proportion"):
            broken()
    with pytest.raises(ValueError, match="not 0"):
        units_for_means(0, 1, 0.1)
    with pytest.raises(ValueError, match="power"):
        units_for_means(1, 1, 0.1, power=1.0)


def test_the_power_is_what_is_found_in_simulated_experiments() -> None:
    base, lift = 0.1, 0.2
    units = units_for_proportions(base, lift)
    found = np.random.default_rng(4).binomial(units, [base, base * (1 + lift)], (20_000, 2)) / units
    error = np.sqrt(found.mean(1) * (1 - found.mean(1)) * 2 / units)
    empirical = (np.abs(found[:, 1] - found[:, 0]) / error > stats.norm.ppf(0.975)).mean()
    assert empirical == pytest.approx(0.8, abs=0.03)

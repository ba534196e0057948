"""From what users did to one sentence."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from core.errors import ExperimentDataError
from core.experiments.analysis import Comparison, Metric, Plan, UnitValues, analyse
from core.experiments.fixed import two_proportions
from core.experiments.sample_ratio import sample_ratio
from core.experiments.unit_metrics import Better, Kind
from core.experiments.verdict import Guardrail, State, Treatment, judge, overall

CLICKED = Metric("click-through", Kind.PROPORTION)
WAITED = Metric("waiting", Kind.MEAN, Better.LOWER)
PLAN = Plan(required_per_arm=5_000, mde=0.1)
EVEN = sample_ratio([1_000, 1_000], [1, 1])


def clicked(share: float, count: int) -> UnitValues:
    """Exactly that share of them."""
    values = np.zeros(count)
    values[: round(share * count)] = 1
    return UnitValues(values)


def comparison(control: float, treatment: float, count: int = 5_000, plan: Plan = PLAN) -> Comparison:
    return analyse(clicked(control, count), clicked(treatment, count), CLICKED, plan)


def test_a_proportion_is_compared_in_every_way() -> None:
    done = comparison(0.2, 0.24)
    assert done.fixed == two_proportions(1_000, 5_000, 1_200, 5_000)
    assert done.lift == pytest.approx(0.2) and done.lift_low < 0.2 < done.lift_high
    assert done.lift_low > 0 and done.always_valid.p_value < 0.05
    assert done.always_valid.p_value > done.fixed.p_value  # the price of looking at any time
    assert done.win_probability > 0.99 and done.variance_reduction == 0 and done.cap is None
    assert (done.control_count, done.treatment_count) == (5_000, 5_000)


def test_lower_is_better_where_it_is() -> None:
    generator = np.random.default_rng(1)
    slow, fast = (UnitValues(generator.gamma(2, scale, 4_000)) for scale in (100, 90))
    done = analyse(slow, fast, WAITED, PLAN)
    assert done.lift < 0 and done.win_probability > 0.99 and done.cap is not None
    low, high = done.gain(0.05)
    assert (low, high) == (-done.lift_high, -done.lift_low) and low > 0
    assert done.expected_loss == pytest.approx(0, abs=1e-3)
    assert judge(EVEN, {"B": Treatment(done)}, PLAN)["B"].state is State.BETTER
    assert judge(EVEN, {"B": Treatment(analyse(fast, slow, WAITED, PLAN))}, PLAN)["B"].state is State.WORSE


def test_cuped_narrows_every_kind() -> None:
    generator = np.random.default_rng(2)
    habit = generator.gamma(4, 1, (2, 4_000))
    searches = 1 + generator.poisson(habit)
    arms = {
        Kind.MEAN: habit + generator.normal(size=habit.shape),
        Kind.PROPORTION: (habit + generator.normal(size=habit.shape) > 4).astype(float),
        Kind.RATIO: generator.binomial(searches, habit / (habit.max() + 1)).astype(float),
    }
    for kind, values in arms.items():
        below = searches if kind is Kind.RATIO else (None, None)
        bare = [UnitValues(values[arm], below[arm]) for arm in (0, 1)]
        plain = analyse(bare[0], bare[1], Metric("m", kind), PLAN)
        known = [replace(arm, before=habit[number]) for number, arm in enumerate(bare)]
        adjusted = analyse(known[0], known[1], Metric("m", kind), PLAN)
        assert adjusted.variance_reduction > 0.1
        assert adjusted.always_valid.standard_error < 0.95 * plain.always_valid.standard_error
        assert adjusted.fixed.high - adjusted.fixed.low < plain.fixed.high - plain.fixed.low


def test_what_cannot_be_compared_is_refused() -> None:
    good = UnitValues(np.array([0.0, 1.0, 1.0]))
    for broken in (np.array([]), np.array([1.0]), np.array([0.5, 1.0]), np.array([np.nan, 1.0])):
        with pytest.raises(ExperimentDataError):
            analyse(good, UnitValues(broken), CLICKED, PLAN)
    ratio = Metric("r", Kind.RATIO)
    with pytest.raises(ExperimentDataError, match="denominators"):
        analyse(good, good, ratio, PLAN)
    with pytest.raises(ValueError, match="plan"):
        Plan(0, 0.1)
    with pytest.raises(ValueError, match="treatment"):
        judge(EVEN, {}, PLAN)
    nothing = analyse(UnitValues(np.zeros(500)), UnitValues(np.zeros(500)), CLICKED, PLAN)
    assert math.isnan(nothing.lift) and nothing.lift_low == -math.inf and nothing.always_valid.p_value == 1
    assert judge(EVEN, {"B": Treatment(nothing)}, PLAN)["B"].state is State.TOO_EARLY


def test_each_state_has_its_case_and_its_sentence() -> None:
    broken = sample_ratio([50_000, 45_000], [1, 1])
    harmed = Guardrail(comparison(0.5, 0.4), 0.02)
    safe = Guardrail(comparison(0.5, 0.52), 0.1)
    cases = [
        (broken, Treatment(comparison(0.2, 0.3)), State.BROKEN_SPLIT, "47,500 : 47,500"),
        (EVEN, Treatment(comparison(0.2, 0.3), [safe, harmed]), State.GUARDRAIL_HARMED, "2.0% would be tolerated"),
        (EVEN, Treatment(comparison(0.2, 0.9, 90)), State.TOO_EARLY, "at least 100 are needed"),
        (EVEN, Treatment(comparison(0.2, 0.3), [safe]), State.BETTER, "B is better in click-through: +50.0%"),
        (EVEN, Treatment(comparison(0.3, 0.2)), State.WORSE, "-33.3%"),
        (EVEN, Treatment(comparison(0.5, 0.5, 20_000)), State.NO_DIFFERENCE, "no difference"),
        (EVEN, Treatment(comparison(0.2, 0.21, 2_000)), State.UNDECIDED, "3,000 more users in each arm are planned"),
        (EVEN, Treatment(comparison(0.2, 0.21)), State.UNDECIDED, "planned size has been reached"),
    ]
    for split, treatment, state, said in cases:
        verdict = judge(split, {"B": treatment}, PLAN)["B"]
        assert verdict.state is state and said in verdict.sentence, verdict
    unsure = Treatment(comparison(0.2, 0.3), [Guardrail(comparison(0.5, 0.5), 0.001)])
    assert "Not yet shown to be within its tolerance" in judge(EVEN, {"B": unsure}, PLAN)["B"].sentence


def test_several_treatments_share_the_level() -> None:
    alone = comparison(0.2, 0.2266)
    p = alone.always_valid.p_value
    assert 0.025 < p < 0.05
    assert judge(EVEN, {"B": Treatment(alone)}, PLAN)["B"].state is State.BETTER
    both = {"B": Treatment(alone), "C": Treatment(comparison(0.2, 0.2))}
    verdicts = judge(EVEN, both, PLAN)
    assert verdicts["B"].state is State.UNDECIDED and overall(verdicts).state is State.UNDECIDED
    strong = judge(EVEN, both | {"C": Treatment(comparison(0.2, 0.3))}, PLAN)  # the other one's is spent: step down
    assert [one.state for one in strong.values()] == [State.BETTER, State.BETTER]
    mixed = judge(EVEN, both | {"C": Treatment(comparison(0.2, 0.1))}, PLAN)
    assert overall(mixed).state is State.BETTER


def test_verdicts_of_equal_arms_looked_at_often_are_seldom_wrong() -> None:
    generator = np.random.default_rng(3)
    wrong = 0
    for _ in range(150):
        values = [(generator.random(1_500) < 0.2).astype(float) for _ in range(2)]
        states = {
            judge(EVEN, {"B": Treatment(analyse(
                UnitValues(values[0][:n]), UnitValues(values[1][:n]), CLICKED, Plan(1_500, 0.1)
            ))}, PLAN)["B"].state
            for n in range(100, 1_501, 100)
        }  # fmt: skip
        wrong += bool(states & {State.BETTER, State.WORSE})
    assert wrong <= 14  # 99 % of Binomial(150, 0.05)


def test_a_million_users_take_less_than_a_second() -> None:
    generator = np.random.default_rng(4)
    arms = [UnitValues(*generator.exponential(size=(3, 500_000))) for _ in range(2)]
    for kind in (Kind.MEAN, Kind.RATIO):
        started = time.process_time()
        analyse(arms[0], arms[1], Metric("m", kind), PLAN)
        assert time.process_time() - started < 1

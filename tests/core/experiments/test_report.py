"""From counts of units to a verdict."""

import numpy as np
import pytest

from core.experiments.definition import Arm, Changes, Experiment, Guardrail
from core.experiments.report import Counts, report
from core.experiments.unit_metrics import METRICS, Counted
from core.experiments.verdict import State

EXPERIMENT = Experiment(
    "reach",
    (Arm("control"), Arm("far", changes=Changes(personalization_reach=0.3)), Arm("further")),
    "conversion",
    0.05,
    units_per_arm=2_000,
    guardrails=(Guardrail("zero_result_rate", 0.02),),
)


def no_counts(units: int) -> dict[str, "np.typing.NDArray[np.float64]"]:
    return {name: np.zeros(units) for name in Counted.__slots__}


def counts_of(shares: dict[str, float], each: int = 2_000) -> tuple[list[str], Counts]:
    """Purchases of so many of each arm."""
    arms = [name for name in shares for _ in range(each)]
    counts = no_counts(len(arms))
    counts["purchases"] = np.concatenate([np.arange(each) < share * each for share in shares.values()]).astype(float)
    counts["searches"] += 2.0
    counts["empty_searches"][::7] += 1.0
    return arms, counts


def test_every_metric_counts_what_is_counted() -> None:
    for metric in METRICS.values():
        assert {metric.numerator, metric.denominator or metric.numerator} <= set(Counted.__slots__)


def test_each_treatment_gets_its_verdict() -> None:
    said = report(EXPERIMENT, *counts_of({"control": 0.2, "far": 0.3, "further": 0.1}))
    assert {name: one.state for name, one in said.verdicts.items()} == {"far": State.BETTER, "further": State.WORSE}
    assert said.verdict.state is State.BETTER
    assert [(one.name, one.role) for one in said.metrics[:2]] == [
        ("conversion", "primary"), ("zero_result_rate", "guardrail")
    ]  # fmt: skip
    assert said.metrics[0].values == {"control": 0.2, "far": 0.3, "further": 0.1}
    comparison = said.metrics[0].compared["far"].comparison
    assert comparison is not None
    assert comparison.lift == pytest.approx(0.5)


def test_a_broken_split_is_all_that_is_said() -> None:
    arms, counts = counts_of({"control": 0.2, "far": 0.3, "further": 0.1})
    kept = np.r_[0:2_000, 2_000:3_500, 4_000:6_000]
    said = report(EXPERIMENT, [arms[at] for at in kept], {name: table[kept] for name, table in counts.items()})
    assert {one.state for one in said.verdicts.values()} == {State.BROKEN_SPLIT}


def test_a_metric_without_data_says_why_there_is_no_comparison() -> None:
    said = report(EXPERIMENT, *counts_of({"control": 0.2, "far": 0.3, "further": 0.1}))
    ratio = next(one for one in said.metrics if one.name == "suggestion_mrr")
    assert ratio.values == {"control": None, "far": None, "further": None}
    assert ratio.compared["far"].comparison is None
    assert ratio.compared["far"].reason


def test_before_anybody_came_it_is_too_early() -> None:
    said = report(EXPERIMENT, [], no_counts(0))
    assert said.split is None
    assert {one.state for one in said.verdicts.values()} == {State.TOO_EARLY}


def test_what_units_did_before_takes_noise_out() -> None:
    arms, counts = counts_of({"control": 0.2, "far": 0.2, "further": 0.2})
    rng = np.random.default_rng(3)
    habit = rng.gamma(2.0, 10.0, len(arms))
    counts["revenue"] = habit + rng.normal(0, 5, len(arms))  # type: ignore[index]
    before = {name: np.full(len(arms), np.nan) for name in counts} | {"revenue": habit}
    revenue = next(one for one in report(EXPERIMENT, arms, counts, before).metrics if one.name == "revenue")
    comparison = revenue.compared["far"].comparison
    assert comparison is not None
    assert comparison.variance_reduction > 0.7

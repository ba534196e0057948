"""One metric of one treatment against the control, from what each user did: all numbers that a report shows."""

import math
from dataclasses import dataclass

import numpy as np

from core.errors import ExperimentDataError
from core.experiments import bayes
from core.experiments.cuped import cuped
from core.experiments.fixed import Estimate, two_proportions, welch
from core.experiments.moments import FloatArray, checked, moments
from core.experiments.ratio import linearised
from core.experiments.sequential import AlwaysValid, compare
from core.experiments.unit_metrics import Better, Kind
from core.experiments.winsorize import winsorize


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as it is named in a verdict."""

    name: str
    kind: Kind
    better: Better = Better.HIGHER


@dataclass(frozen=True, slots=True)
class Plan:
    """What was settled before the first user came. Raises ValueError where it cannot be followed."""

    required_per_arm: int  # units, from `core.experiments.power`; the always-valid interval is narrowest there
    mde: float  # the least relative lift that matters, > 0
    alpha: float = 0.05
    minimum_per_arm: int = 100  # units, below which no verdict is given
    cap_quantile: float = 0.99  # of means; 1 cuts nothing

    def __post_init__(self) -> None:
        if self.required_per_arm < 1 or self.mde <= 0 or not 0 < self.alpha < 1 or self.minimum_per_arm < 1:
            raise ValueError("a plan needs sizes of at least 1, a positive effect and a level in (0, 1)")


@dataclass(frozen=True, slots=True)
class UnitValues:
    """One arm, a row for each user `(n,)`. `denominator`: of ratios. `before`: NaN for who was not there before."""

    numerator: FloatArray
    denominator: FloatArray | None = None
    before: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Lifts are shares of the control's mean; `lift_low` and `lift_high` are always valid, at the plan's level."""

    metric: Metric
    control_count: int
    treatment_count: int
    fixed: Estimate  # for one look at the planned size
    always_valid: AlwaysValid  # for any number of looks
    lift: float  # NaN where the control's mean is 0
    lift_low: float
    lift_high: float
    win_probability: float  # that the treatment is the better one
    expected_loss: float  # of choosing it, in units of the metric
    variance_reduction: float  # by CUPED, 0 without
    cap: float | None  # values were cut to

    def gain(self, alpha: float) -> tuple[float, float]:
        """Always-valid interval of the lift, turned so that more is better."""
        low, high = self.always_valid.lift(alpha)
        return (low, high) if self.metric.better is Better.HIGHER else (-high, -low)


def analyse(control: UnitValues, treatment: UnitValues, metric: Metric, plan: Plan) -> Comparison:
    """Means are capped, ratios linearised, and what was `before` (if both arms have it) taken out by CUPED.

    With CUPED a proportion is compared as a mean is. Raises ExperimentDataError for arms of fewer than two units,
    values missing or infinite, proportions other than 0 and 1, and denominators that are missing or all 0.
    """
    one, other = _values(control, metric), _values(treatment, metric)
    cap = None
    if metric.kind is Kind.MEAN:
        one, other, cap = winsorize(one, other, plan.cap_quantile)
    reduction = 0.0
    adjusts = control.before is not None and treatment.before is not None
    if control.before is not None and treatment.before is not None:
        adjusted = cuped(one, other, control.before, treatment.before)
        one, other, reduction = adjusted.control, adjusted.treatment, adjusted.reduction
    first, second = moments(one), moments(other)
    if metric.kind is Kind.PROPORTION and not adjusts:
        counts = int(one.sum()), len(one), int(other.sum()), len(other)
        fixed, belief = two_proportions(*counts, plan.alpha), bayes.proportions(*counts)
    else:
        fixed, belief = welch(first, second, plan.alpha), bayes.means(first, second)
    win, loss = belief.win_probability, belief.expected_loss
    if metric.better is Better.LOWER:  # E[max(d, 0)] = E[d] + E[max(−d, 0)]
        win, loss = 1 - win, max(0.0, loss + second.mean - first.mean)
    always_valid = compare(first, second, plan.required_per_arm, plan.alpha)
    low, high = always_valid.lift(plan.alpha)
    lift = fixed.lift if first.mean else math.nan
    return Comparison(metric, len(one), len(other), fixed, always_valid, lift, low, high, win, loss, reduction, cap)


def _values(arm: UnitValues, metric: Metric) -> FloatArray:
    """One number per unit whose mean is the metric."""
    if metric.kind is Kind.RATIO:
        if arm.denominator is None:
            raise ExperimentDataError(f"{metric.name}: a ratio needs denominators")
        values = linearised(arm.numerator, arm.denominator)
    else:
        values = checked(arm.numerator, metric.name)
    if metric.kind is Kind.PROPORTION and not np.isin(values, (0.0, 1.0)).all():
        raise ExperimentDataError(f"{metric.name}: a unit of a proportion is 0 or 1")
    if len(values) < 2:
        raise ExperimentDataError(f"{metric.name}: an arm of one unit cannot be compared")
    return values

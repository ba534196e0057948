"""Tests for one look at an experiment that has reached its planned size. Who peeks takes `sequential`."""

import math
from dataclasses import dataclass

from scipy.special import ndtri, stdtr, stdtrit

from core.errors import ExperimentDataError
from core.experiments.moments import Moments


@dataclass(frozen=True, slots=True)
class Estimate:
    """Treatment minus control, its two-sided interval and p-value, and the arms' means."""

    difference: float
    low: float
    high: float
    p_value: float
    control: float
    treatment: float

    @property
    def lift(self) -> float:
        """The difference as a share of the control's mean; NaN where that is 0."""
        return self.difference / abs(self.control) if self.control else math.nan


def two_proportions(
    control_successes: int, control_count: int, treatment_successes: int, treatment_count: int, alpha: float = 0.05
) -> Estimate:
    """Pooled z test; interval of Newcombe (1998, method 10), which stays within [−1, 1] and is never a point.

    The same as statsmodels' `test_proportions_2indep(compare="diff", method="score", correction=False)` up to its
    pooled variance and `confint_proportions_2indep(method="newcomb")`. Where all or none succeeded p is 1.
    Raises ExperimentDataError for an empty arm or more successes than units.
    """
    arms = (control_successes, control_count), (treatment_successes, treatment_count)
    for successes, count in arms:
        if count < 1 or not 0 <= successes <= count:
            raise ExperimentDataError(f"{successes} of {count} units is no proportion")
    (control, control_low, control_high), (treatment, treatment_low, treatment_high) = (
        (successes / count, *wilson(successes, count, alpha)) for successes, count in arms
    )
    difference = treatment - control
    pooled = (control_successes + treatment_successes) / (control_count + treatment_count)
    error = math.sqrt(pooled * (1 - pooled) * (1 / control_count + 1 / treatment_count))
    return Estimate(
        difference,
        difference - math.hypot(treatment - treatment_low, control_high - control),
        difference + math.hypot(treatment_high - treatment, control - control_low),
        math.erfc(abs(difference) / error / math.sqrt(2)) if error else 1.0,
        control,
        treatment,
    )


def wilson(successes: int, count: int, alpha: float = 0.05) -> tuple[float, float]:
    """Score interval of one proportion (Wilson 1927)."""
    z = float(ndtri(1 - alpha / 2))
    share = successes / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def welch(control: Moments, treatment: Moments, alpha: float = 0.05) -> Estimate:
    """Welch's t test (1947), degrees of freedom by Satterthwaite.

    Two constant arms that differ have p 0 and a point for an interval; equal ones have p 1.
    Raises ExperimentDataError for an arm of fewer than two units, whose variance is unknown.
    """
    if min(control.count, treatment.count) < 2:
        raise ExperimentDataError("the variance of an arm with one unit is unknown")
    difference = treatment.mean - control.mean
    squared = control.squared_error, treatment.squared_error
    error = math.sqrt(sum(squared))
    if not error:
        return Estimate(difference, difference, difference, float(not difference), control.mean, treatment.mean)
    shares = (squared[0] / sum(squared)) ** 2, (squared[1] / sum(squared)) ** 2
    freedom = 1 / (shares[0] / (control.count - 1) + shares[1] / (treatment.count - 1))
    half = float(stdtrit(freedom, 1 - alpha / 2)) * error
    p_value = 2 * float(stdtr(freedom, -abs(difference) / error))
    return Estimate(difference, difference - half, difference + half, p_value, control.mean, treatment.mean)

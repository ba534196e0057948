"""CUPED: what units did before the experiment takes noise out of what they do in it.

Deng, Xu, Kohavi, Walker, "Improving the sensitivity of online controlled experiments by utilizing pre-experiment data",
WSDM 2013. The variance falls by the squared correlation of before and during; the difference's expectation stays.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import ExperimentDataError
from core.experiments.moments import FloatArray, checked


@dataclass(frozen=True, slots=True)
class Adjusted:
    """Both arms' values less θ · (before − its mean over both). `reduction`: share of variance taken out, [0, 1]."""

    control: FloatArray
    treatment: FloatArray
    theta: float
    reduction: float


def cuped(
    control: npt.ArrayLike, treatment: npt.ArrayLike, control_before: npt.ArrayLike, treatment_before: npt.ArrayLike
) -> Adjusted:
    """Values and covariate of each unit, `(n,)` and `(m,)`; θ is shared, fitted within the arms.

    NaN in a covariate is a unit that was not there before; it gets the mean of those that were, and so is not moved.
    Where nobody was there, or all did the same, θ is 0. Raises ExperimentDataError for unequal lengths, and as
    `checked`.
    """
    values = checked(control, "control"), checked(treatment, "treatment")
    before = np.asarray(control_before, np.float64), np.asarray(treatment_before, np.float64)
    if any(one.shape != other.shape for one, other in zip(values, before, strict=True)):
        raise ExperimentDataError("each unit needs one value before and one value now")
    if any(np.isinf(one).any() for one in before):
        raise ExperimentDataError("values before the experiment: some are infinite")
    known = np.concatenate(before)
    known = known[~np.isnan(known)]
    mean = float(known.mean()) if len(known) else 0.0
    moved = [np.where(np.isnan(one), 0.0, one - mean) for one in before]
    within = [one - one.mean() for one in moved]  # within arms, so that the effect itself is not fitted
    spread = sum(float(one @ one) for one in within)
    shared = sum(float(one @ value) for one, value in zip(within, values, strict=True))
    theta = shared / spread if spread > 0 else 0.0
    total = sum(float(((value - value.mean()) ** 2).sum()) for value in values)
    reduction = theta * shared / total if total > 0 else 0.0
    one, other = (value - theta * move for value, move in zip(values, moved, strict=True))
    return Adjusted(one, other, theta, min(1.0, reduction))

"""What a comparison needs of one arm: how many units, their mean and their variance."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import ExperimentDataError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Of n independent units. `variance` has the divisor n − 1; `kurtosis` is not the excess: 3 for the normal."""

    count: int
    mean: float
    variance: float
    kurtosis: float = 3.0

    @property
    def squared_error(self) -> float:
        """Variance of the mean."""
        return self.variance / self.count

    @property
    def carriers(self) -> float:
        """How many units the variance rests on: n / kurtosis = (Σ d²)² / Σ d⁴, d being distances from the mean.

        About n p where a small share p are 1 and all others 0, n / 3 of the normal, and few where few orders are huge.
        """
        return self.count / self.kurtosis


def checked(values: npt.ArrayLike, what: str = "values") -> FloatArray:
    """`values` as a vector (n,). Raises ExperimentDataError if it is empty, of another shape or not finite."""
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or not len(array):
        raise ExperimentDataError(f"{what}: one number for each unit of an arm is needed, and at least one unit")
    if not np.isfinite(array).all():
        raise ExperimentDataError(f"{what}: some are missing or infinite")
    return array


def moments(values: npt.ArrayLike) -> Moments:
    """Of one value per unit (n,). One unit alone has variance 0; all alike have one carrier.

    Raises ExperimentDataError as `checked`.
    """
    array = checked(values)
    mean = float(array.mean())
    squared = np.square(array - mean)
    second = float(squared.mean())
    if not second:  # one unit, or all alike
        return Moments(len(array), mean, 0.0, float(len(array)))
    kurtosis = float((squared @ squared) / len(array)) / second**2
    return Moments(len(array), mean, second * len(array) / (len(array) - 1), kurtosis)

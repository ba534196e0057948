"""Ratios of two sums over users, such as clicks per search, where users and not searches were drawn by lot."""

import numpy as np
import numpy.typing as npt

from core.errors import ExperimentDataError
from core.experiments.moments import FloatArray, checked


def linearised(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> FloatArray:
    """One value per unit `(n,)`, whose mean is R = Σ numerator / Σ denominator and whose variance of the mean is R's.

    R + (numerator − R · denominator) / mean denominator: the delta method (Deng, Knoblich, Lu, "Applying the delta
    method in metric analytics", KDD 2018) written per unit (Budylin et al., WSDM 2018), so that all else works as for
    means.
    Raises ExperimentDataError for unequal lengths, negative denominators or none that is positive, and as `checked`.
    """
    above, below = checked(numerator, "numerators"), checked(denominator, "denominators")
    if above.shape != below.shape:
        raise ExperimentDataError("each unit needs one numerator and one denominator")
    if (below < 0).any() or not below.any():
        raise ExperimentDataError("denominators count something: none may be negative, and not all may be 0")
    ratio = float(above.sum() / below.sum())
    return np.asarray(ratio + (above - ratio * below) / below.mean())

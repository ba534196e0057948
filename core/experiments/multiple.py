"""Several treatments against one control: the chance of any false alarm is kept."""

import numpy as np
import numpy.typing as npt

from core.experiments.moments import FloatArray


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """Adjusted p-values `(m,)` of Holm's step-down procedure (1979), in the order given; an empty list stays so.

    One is below α if and only if it is rejected at α. Raises ValueError for what is no p-value.
    """
    p = np.asarray(p_values, np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values are a list of numbers in [0, 1]")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted

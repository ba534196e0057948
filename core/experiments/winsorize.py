"""Few very large orders decide a mean of revenue and its variance; they are cut to a common cap."""

import numpy as np
import numpy.typing as npt

from core.experiments.moments import FloatArray, checked


def winsorize(
    control: npt.ArrayLike, treatment: npt.ArrayLike, quantile: float = 0.99
) -> tuple[FloatArray, FloatArray, float]:
    """Both arms with larger values cut to a cap, and the cap: the `quantile` of all values that are not 0.

    Zeros are left out, since where 2 % buy the 99 % quantile of all is an ordinary order. One cap for both arms:
    two would make a difference where there is none. With quantile 1 nothing is cut. What is compared then is the capped
    mean. Raises ValueError for a quantile outside (0, 1], and as `checked`.
    """
    if not 0 < quantile <= 1:
        raise ValueError(f"{quantile} is no quantile in (0, 1]")
    one, other = checked(control, "control"), checked(treatment, "treatment")
    together = np.concatenate([one, other])
    some = together[together != 0]
    cap = float(np.quantile(some, quantile)) if len(some) else 0.0
    return np.minimum(one, cap), np.minimum(other, cap), cap

"""Whether lines are chosen as often as their scores say.

Given that one line of a list was chosen, its scores divided by their sum are a forecast of which. Over B bins of equal
width of that forecast,

    ECE = Σ_b n_b / N · |mean forecast of b − share chosen of b|       (Naeini, Cooper & Hauskrecht, AAAI 2015)

A shopper who looks at the first lines alone makes them look better than they are, so ECE is never quite 0: what counts
is that it does not grow.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

BINS = 10


def calibration_error(forecast: npt.ArrayLike, happened: npt.ArrayLike, bins: int = BINS) -> float:
    """ECE in [0, 1] of forecasts `(N,)` in [0, 1] against what happened `(N,)`, 0 or 1; 0 without any."""
    values, truth = np.asarray(forecast, np.float64), np.asarray(happened, np.float64)
    if not len(values):
        return 0.0
    place = np.minimum((values * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, values - truth, bins)
    return float(np.abs(gap).sum() / len(values))


def forecasts(scores: Sequence[float]) -> list[float]:
    """The scores of one list as probabilities that its line is the chosen one; equal where all are 0."""
    total = sum(scores)
    return [score / total for score in scores] if total > 0 else [1 / len(scores)] * len(scores)

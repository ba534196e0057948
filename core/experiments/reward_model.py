"""Simple predictions of clicks for `core.experiments.replay.doubly_robust`, fitted on the log itself."""

import numpy as np
import numpy.typing as npt

from core.errors import ExperimentDataError
from core.experiments.moments import FloatArray
from core.experiments.replay import IntArray, LoggedLists

_PRIOR = 10.0  # impressions of the average, so that a rare cell says little


def score_bins(score: npt.ArrayLike, bins: int = 10) -> IntArray:
    """Which of `bins` equally full classes each score `(N,)` is in, from 0; equal scores are in one."""
    values = np.asarray(score, np.float64)
    if not len(values) or not np.isfinite(values).all():
        raise ExperimentDataError("scores are numbers")
    return np.searchsorted(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]), values, side="right")


def fit_rates(log: LoggedLists, bins: IntArray, target: IntArray) -> tuple[FloatArray, FloatArray]:
    """Click rates by place and bin, for the places shown and the `target`'s (0: not shown): `(N,)` each.

    Each cell is drawn towards its place's rate; a target's place that was never shown has the rate 0.
    """
    places = int(max(log.position.max(), target.max()))
    shape = (places + 1, int(bins.max()) + 1)
    cells = log.position * shape[1] + bins
    shown = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    clicked = np.bincount(cells, log.clicks, minlength=shape[0] * shape[1]).reshape(shape)
    by_place = clicked.sum(1, keepdims=True) / np.maximum(shown.sum(1, keepdims=True), 1)
    rate = (clicked + _PRIOR * by_place) / (shown + _PRIOR)
    return rate[log.position, bins], np.where(target > 0, rate[target, bins], 0.0)


def fit_appeal(
    log: LoggedLists, bins: IntArray, target: IntArray, examination: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The same as e(place) · appeal of the bin: Σ clicks / Σ e(place) of what is in it."""
    looked = examination[log.position - 1]
    average = float(log.clicks.sum() / looked.sum())
    exposed, clicked = np.bincount(bins, looked), np.bincount(bins, log.clicks)
    appeal = ((clicked + _PRIOR * average) / (exposed + _PRIOR))[bins]
    return looked * appeal, np.where(target > 0, examination[target - 1], 0.0) * appeal

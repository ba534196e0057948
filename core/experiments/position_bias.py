"""How likely each place of a list is looked at, read off a log in which the same was shown at different places.

Intervention harvesting (Agarwal, Zaitsev, Wang, Li, Najork, Joachims, "Estimating position bias without intrusive
interventions", WSDM 2019) on the position-based model,

    E[clicks of a group at a place] = times shown there · e(place) · appeal(group).

Given how many clicks a group has, their places are multinomial with shares ∝ shown · e: the appeals drop out, however
many groups there are, and the likelihood of log e is concave.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.errors import ExperimentDataError
from core.experiments.moments import FloatArray

_STEPS, _CLOSE = 100, 1e-9


@dataclass(frozen=True, slots=True)
class PositionBias:
    """`(K,)` for places 1 … K, relative to the first place, whose value is 1 and exact."""

    examination: FloatArray
    log_error: FloatArray  # standard error of log examination

    def interval(self, z: float = 1.96) -> tuple[FloatArray, FloatArray]:
        """Each place's interval, positive."""
        away = np.exp(z * self.log_error)
        return self.examination / away, self.examination * away


def harvest(group: npt.ArrayLike, position: npt.ArrayLike, clicks: npt.ArrayLike) -> PositionBias:
    """From each product shown, `(N,)`: its group, its place from 1, and its clicks.

    A group is what has the same appeal wherever it is shown. Where places are swapped by lot
    (`core.experiments.swapping`) that is the rank which the ranker gave; else a query's product, if its place does not
    follow what its shoppers like. Errors take clicks as independent and rare, and are a little too large where they
    are not rare. Raises ExperimentDataError where a place has no clicks, or no group was seen both there and at the
    others.
    """
    _, rows = np.unique(np.asarray(group), return_inverse=True)
    places, clicked = np.asarray(position, np.int64) - 1, np.asarray(clicks, np.float64)
    if not rows.shape == places.shape == clicked.shape or not len(rows) or places.min() < 0:
        raise ExperimentDataError("each product shown needs a group, a place from 1 and its clicks")
    if not (np.isfinite(clicked).all() and (clicked >= 0).all()):
        raise ExperimentDataError("clicks are counted: none may be missing or negative")
    size = int(places.max()) + 1
    shape = (int(rows.max()) + 1, size)
    shown = np.bincount(rows * size + places, minlength=shape[0] * size).reshape(shape).astype(np.float64)
    by_group, by_place = np.bincount(rows, clicked), np.bincount(places, clicked)
    if not by_place.all():
        raise ExperimentDataError(f"place {int(np.argmin(by_place)) + 1} has no clicks: there is too little to tell")
    used = by_group > 0
    return _fit(shown[used], by_group[used].astype(np.float64), by_place.astype(np.float64))


def _fit(shown: FloatArray, by_group: FloatArray, by_place: FloatArray) -> PositionBias:
    """Newton's method on log e with the first place at 0, a step halved until the likelihood grows."""
    log_e = np.zeros(shown.shape[1])

    def likelihood(values: FloatArray) -> float:
        return float(by_place @ values - by_group @ np.log(shown @ np.exp(values)))

    for _ in range(_STEPS):
        share = shown * np.exp(log_e)
        share /= share.sum(1, keepdims=True)
        expected = by_group @ share
        information = (np.diag(expected) - share.T @ (share * by_group[:, None]))[1:, 1:]
        if len(information) and np.linalg.cond(information) > 1e12:
            raise ExperimentDataError("some places never showed what others showed, so they cannot be compared")
        inverse = np.linalg.inv(information)
        step = np.concatenate([[0.0], inverse @ (by_place - expected)[1:]])
        before = likelihood(log_e)
        while likelihood(log_e + step) < before and np.abs(step).max() > _CLOSE:
            step /= 2
        log_e = log_e + step
        if np.abs(step).max() <= _CLOSE:
            return PositionBias(np.exp(log_e), np.sqrt(np.concatenate([[0.0], np.diag(inverse)])))
    raise ExperimentDataError("the examination of places did not converge: too little was shown at different places")

"""How likely the treatment is the better one, and what choosing it would cost if it is not.

For people, beside the tests; it is no licence to stop as soon as it is high (`core.experiments.sequential` is).
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv, betaln, ndtr, xlog1py, xlogy

from core.errors import ExperimentDataError
from core.experiments.moments import FloatArray, Moments

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(256)
_TAIL = 1e-13


@dataclass(frozen=True, slots=True)
class Belief:
    """P(treatment > control), and the expected loss of choosing it: E[max(control − treatment, 0)]."""

    win_probability: float
    expected_loss: float


def proportions(
    control_successes: int,
    control_count: int,
    treatment_successes: int,
    treatment_count: int,
    prior: tuple[float, float] = (1.0, 1.0),
) -> Belief:
    """Beta-binomial with a Beta(`prior`) for each arm; by Gauss–Legendre quadrature, exact to about 1e-8.

    Raises ExperimentDataError for more successes than units; an arm without units has its prior.
    """
    for successes, count in ((control_successes, control_count), (treatment_successes, treatment_count)):
        if not 0 <= successes <= count:
            raise ExperimentDataError(f"{successes} of {count} units is no proportion")
    one = prior[0] + control_successes, prior[1] + control_count - control_successes
    other = prior[0] + treatment_successes, prior[1] + treatment_count - treatment_successes
    # Pieces end where either density begins or ends, so that a narrow one is not missed between two nodes.
    ends = np.unique(
        [0.0, 1.0, *(float(betaincinv(a, b, t)) for a, b in (one, other) for t in (_TAIL, 0.5, 1 - _TAIL))]
    )
    x = ((ends[1:] + ends[:-1])[:, None] + np.diff(ends)[:, None] * _NODES) / 2  # (pieces, nodes)
    weight = np.diff(ends)[:, None] * _WEIGHTS / 2
    x = np.clip(x, np.finfo(float).tiny, np.nextafter(1.0, 0.0))  # a piece may be too narrow for its nodes to differ
    below = betainc(*one, x)
    win = float((weight * _density(x, *other) * below).sum())
    loss = float((weight * betainc(*other, x) * (1 - below)).sum())
    return Belief(min(1.0, win), loss)


def _density(x: FloatArray, a: float, b: float) -> FloatArray:
    return np.asarray(np.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b)))


def means(control: Moments, treatment: Moments) -> Belief:
    """Normal with a flat prior: the difference is N(difference, squared standard error).

    Two constant arms are known exactly: the probability is 0, ½ or 1.
    """
    difference = treatment.mean - control.mean
    error = math.sqrt(control.squared_error + treatment.squared_error)
    if not error:
        return Belief((np.sign(difference) + 1) / 2, max(0.0, -difference))
    z = difference / error
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return Belief(float(ndtr(z)), max(0.0, error * density - difference * float(ndtr(-z))))

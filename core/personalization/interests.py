"""What a shopper is interested in, in meaning: several centres, not one average.

Who buys running shoes and baby food is not interested in what lies between. Vectors are taken strongest first, each to
the centre that is near enough, or else to a new one: leader clustering, as PinnerSage (Pal et al., KDD 2020) argues for
several interests. It is computed from a profile's products with the vectors of the version that is served.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

MOST = 4
NEAR_ENOUGH = 0.5  # cosine of two titles that speak of one kind


class Interests(NamedTuple):
    """K centres `(K, D)` of unit length with their weights `(K,)`, which add up to 1; strongest first."""

    centres: FloatArray
    weights: FloatArray


def interests(vectors: FloatArray, weights: FloatArray) -> Interests:
    """Of N vectors `(N, D)` of unit length with weights `(N,)`; those without a positive weight say nothing.

    A vector that no centre of `MOST` is near goes nowhere.
    """
    order = np.argsort(-weights, kind="stable")
    sums: list[FloatArray] = []
    totals: list[float] = []
    for at in order[weights[order] > 0].tolist():
        vector, weight = vectors[at], float(weights[at])
        cosines = [float(vector @ centre) / (float(np.linalg.norm(centre)) or 1.0) for centre in sums]
        nearest = int(np.argmax(cosines)) if cosines else -1
        if nearest >= 0 and cosines[nearest] >= NEAR_ENOUGH:
            sums[nearest] = sums[nearest] + weight * vector
            totals[nearest] += weight
        elif len(sums) < MOST:
            sums.append(weight * vector)
            totals.append(weight)
    if not sums:
        return Interests(np.zeros((0, vectors.shape[1]), np.float32), np.zeros(0, np.float32))
    centres = np.stack(sums)
    norms = np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
    by_weight = np.argsort(-np.array(totals), kind="stable")
    shares = np.array(totals, np.float32)[by_weight] / sum(totals)
    return Interests((centres / norms)[by_weight].astype(np.float32), shares.astype(np.float32))

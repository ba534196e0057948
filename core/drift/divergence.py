"""How far two histograms lie apart: the population stability index and the Jensen–Shannon divergence.

With q the shares of the reference and p those of the window over the same K bins,

    PSI = Σ (p − q) ln(p / q)                          Siddiqi 2006; the symmetrised Kullback–Leibler divergence
    JS  = ½ KL(p ‖ m) + ½ KL(q ‖ m),  m = (p + q) / 2  Lin 1991; in bits, from 0 to 1

Two samples of one distribution differ by chance: to first order n · PSI is then chi-squared with K − 1 degrees of
freedom, so its mean is (K − 1) (1/n + 1/m) for samples of n and m. That is subtracted, so that a small window does not
look like drift (Yurdakul & Naranjo 2020, "Statistical properties of the population stability index").
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SMOOTHING = 0.5  # added to each bin: a bin that is empty in one sample alone would be infinitely far from the other
ROUNDS = 8  # partitions that a design effect is the mean of


def smoothed(counts: npt.ArrayLike) -> FloatArray:
    """Shares `(K,)` of counts `(K,)`, summing to 1, each above 0. A reference that is only shares is no sample."""
    values = np.asarray(counts, np.float64) + SMOOTHING
    shares: FloatArray = values / values.sum()
    return shares


def stability_index(reference: npt.ArrayLike, window: npt.ArrayLike) -> float:
    """PSI of two histograms of counts `(K,)`, smoothed; at least 0, in nats."""
    q, p = smoothed(reference), smoothed(window)
    return float(((p - q) * np.log(p / q)).sum())


def expected_index(bins: int, window_size: float, reference_size: float = np.inf) -> float:
    """What PSI is on average where nothing has changed, for that many independent observations."""
    return (bins - 1) * (1 / window_size + 1 / reference_size)


def excess_index(
    reference: npt.ArrayLike, window: npt.ArrayLike, window_size: float, reference_size: float = np.inf
) -> float:
    """PSI above what chance gives, at least 0. The sizes are those of independent observations, not of counts."""
    bins = len(np.asarray(reference))
    return max(0.0, stability_index(reference, window) - expected_index(bins, window_size, reference_size))


def jensen_shannon_bits(reference: npt.ArrayLike, window: npt.ArrayLike) -> float:
    """JS of two histograms of counts `(K,)`, smoothed; in bits, from 0 (the same) to 1 (nothing in common)."""
    q, p = smoothed(reference), smoothed(window)
    middle = (p + q) / 2
    bits = 0.5 * ((p * np.log2(p / middle)).sum() + (q * np.log2(q / middle)).sum())
    return float(min(1.0, max(0.0, bits)))


def scatter(bins: int, window_size: float, reference_size: float = np.inf) -> float:
    """Standard deviation of PSI where nothing has changed: that of the chi-squared above."""
    return float(np.sqrt(2 * (bins - 1)) * (1 / window_size + 1 / reference_size))


def design_effect(places: IntArray, clusters: IntArray, bins: int) -> float:
    """How many observations of a window are worth one independent one, since those of a shopper resemble each other.

    `places` `(N,)`: the bin of each; `clusters` `(N,)`: whose it is, a number of `ROUNDS` random bits at least. Each
    bit parts the clusters in two halves that differ by chance alone; PSI between them, over its mean for independent
    observations, is the design effect. At least 1, and at most that of clusters which repeat one value: N Σ n² / (Σ n)²
    (Kish 1965), which is also the answer where there are too few clusters to be parted.
    """
    sizes = np.unique(clusters, return_counts=True)[1].astype(np.float64)
    most = float(len(places) * (sizes**2).sum() / sizes.sum() ** 2) if len(sizes) else 1.0
    ratios = []
    for bit in range(ROUNDS):
        side = (clusters >> bit & 1).astype(bool)
        halves = np.bincount(places[side], minlength=bins), np.bincount(places[~side], minlength=bins)
        here, there = float(halves[0].sum()), float(halves[1].sum())
        if not here or not there:
            return most
        ratios.append(stability_index(*halves) / expected_index(bins, here, there))
    return min(most, max(1.0, sum(ratios) / len(ratios)))

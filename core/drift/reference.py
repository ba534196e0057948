"""What a version was trained on, in numbers that today's traffic can be compared with. Stored as `drift.json`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT = 1
REST = "rest"  # the bin of whatever has none of its own
TOP = 30  # bins of open-ended values, besides the rest


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of the bins `labels`; `size`: how many independent observations they are worth."""

    labels: tuple[str, ...]
    counts: tuple[float, ...]
    size: float

    def places(self, values: Iterable[str]) -> npt.NDArray[np.int64]:
        """The bin of each of N values, `(N,)`; one without a bin of its own goes to the last, which is the rest."""
        place = {label: at for at, label in enumerate(self.labels)}
        return np.fromiter((place.get(value, len(place) - 1) for value in values), np.int64)


@dataclass(frozen=True, slots=True)
class Likelihood:
    """Log p per word, the end included, of completions: mean and standard deviation over them, in nats.

    `size`: how many independent observations they are worth.
    """

    mean: float
    deviation: float
    size: float


@dataclass(frozen=True, slots=True)
class Reference:
    """By name of the measure. `likelihood` None: there was no query model, or no held-out query."""

    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    likelihood: Likelihood | None = None

    def to_dict(self) -> dict[str, object]:
        """As JSON has it."""
        of = self.likelihood
        return {
            "format": FORMAT,
            "histograms": {
                name: {"labels": list(one.labels), "counts": list(one.counts), "size": one.size}
                for name, one in self.histograms.items()
            },
            "likelihood": of and {"mean": of.mean, "deviation": of.deviation, "size": of.size},
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Reference":
        """Raises KeyError, TypeError or ValueError for anything that `to_dict` does not give."""
        if raw["format"] != FORMAT:
            raise ValueError(f"the reference of drift has format {raw['format']}, not {FORMAT}")
        histograms = {
            name: Histogram(tuple(one["labels"]), tuple(map(float, one["counts"])), float(one["size"]))
            for name, one in raw["histograms"].items()
        }
        if any(len(one.labels) != len(one.counts) for one in histograms.values()):
            raise ValueError("the reference of drift has bins without counts")
        of = raw["likelihood"]
        return cls(histograms, of and Likelihood(float(of["mean"]), float(of["deviation"]), float(of["size"])))


def headed(values: Mapping[str, float], size: float, top: int = TOP) -> Histogram:
    """The `top` most frequent values as bins, and one for the rest; equally frequent ones in the order of the text."""
    ranked = sorted((value for value in values if value != REST), key=lambda value: (-values[value], value))[:top]
    rest = sum(values.values()) - sum(values[value] for value in ranked)
    return Histogram((*ranked, REST), (*(float(values[value]) for value in ranked), float(rest)), size)


def binned(values: Mapping[str, float], labels: Iterable[str], size: float) -> Histogram:
    """Bins that are fixed beforehand; every value must be one of them."""
    bins = tuple(labels)
    return Histogram(bins, tuple(float(values.get(label, 0.0)) for label in bins), size)


def likelihood_of(per_word: npt.ArrayLike, weights: npt.ArrayLike) -> Likelihood:
    """Of texts completed `weights` times each. One text completed often is one observation of the model, hence `size`.

    Raises ValueError without any.
    """
    values, often = np.asarray(per_word, np.float64), np.asarray(weights, np.float64)
    if not len(values):
        raise ValueError("the likelihood of nothing")
    mean = float(np.average(values, weights=often))
    deviation = float(np.sqrt(np.average((values - mean) ** 2, weights=often)))
    return Likelihood(mean, deviation, float(often.sum() ** 2 / (often**2).sum()))

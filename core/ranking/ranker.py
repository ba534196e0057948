"""From features to a score in [0, 1]: a formula that needs no training, or a network taught by judgments or clicks."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from core.errors import ArtifactError
from core.ranking.features import FEATURES

FloatArray = npt.NDArray[np.float32]

CLIPPED = 4.0  # standard deviations: what is farther away is as far
_WEIGHTS = {"formula": 1.0, "like_the_best": 0.1, "category": 0.03}
_FORMULA_FEATURES = [FEATURES.index(name) for name in _WEIGHTS]
_FORMULA_WEIGHTS = np.array(list(_WEIGHTS.values()), np.float32)
_FORMULA_SHARE = 1 / 3  # of the score where a network was taught
_NETWORK, _FACTS = "network.safetensors", "ranker.json"


class Ranker(Protocol):
    """Scores candidates; `name` says how, for people."""

    @property
    def name(self) -> str: ...

    def score(self, features: FloatArray) -> FloatArray:
        """`(R, F)` → `(R,)` in [0, 1], higher is better."""
        ...


class FormulaRanker:
    """The sound choice where nothing was judged or clicked: over the best of the candidates.

    The feature `formula` (BM25, cosine and what the title holds), and a little for what is like the best candidates.
    """

    name = "formula"

    def score(self, features: FloatArray) -> FloatArray:
        if not len(features):
            return np.zeros(0, np.float32)
        raw = np.maximum(features[:, _FORMULA_FEATURES], 0) @ _FORMULA_WEIGHTS
        scores: FloatArray = (raw / max(float(raw.max()), 1e-9)).astype(np.float32)
        return scores


@dataclass(frozen=True)
class NetworkRanker:
    """One hidden layer beside a linear way: x·w + relu(x·W + b)·v for features x in standard deviations.

    `mean`, `scale` and `linear` `(F,)`, `hidden` `(F, H)`, `bias` and `output` `(H,)`. A score is what the network and,
    with half its weight, the formula say, each in standard deviations of the query's candidates: together they answer
    new queries better than either. The logistic function squeezes it into (0, 1) and keeps the order.
    """

    mean: FloatArray
    scale: FloatArray
    linear: FloatArray
    hidden: FloatArray
    bias: FloatArray
    output: FloatArray
    name: ClassVar[str] = "network"

    def __post_init__(self) -> None:
        """Raises ArtifactError for weights that do not fit the features, or each other."""
        size = len(FEATURES)
        fits = self.hidden.ndim == 2 and self.hidden.shape == (size, len(self.bias))
        fits &= all(one.shape == (size,) for one in (self.mean, self.scale, self.linear))
        if not fits or self.output.shape != self.bias.shape:
            raise ArtifactError("the ranker was trained on other features than this program computes")

    def raw(self, features: FloatArray) -> FloatArray:
        """`(R, F)` → `(R,)`, on no scale."""
        known = np.clip((features - self.mean) / self.scale, -CLIPPED, CLIPPED)
        summed: FloatArray = known @ self.linear + np.maximum(known @ self.hidden + self.bias, 0) @ self.output
        return summed

    def score(self, features: FloatArray) -> FloatArray:
        if not len(features):
            return np.zeros(0, np.float32)
        learnt, plain = _standard(self.raw(features)), _standard(FormulaRanker().score(features))
        both = (1 - _FORMULA_SHARE) * learnt + _FORMULA_SHARE * plain
        squeezed: FloatArray = (1 / (1 + np.exp(-both))).astype(np.float32)
        return squeezed


def _standard(raw: FloatArray) -> FloatArray:
    """In standard deviations from their mean."""
    standard: FloatArray = (raw - raw.mean()) / np.float32(max(float(raw.std()), 1e-9))
    return standard


def save_network(ranker: NetworkRanker, facts: dict[str, object], folder: Path) -> None:
    """Writes the weights and what is known of them into `folder`."""
    weights = {name: np.ascontiguousarray(value) for name, value in asdict(ranker).items()}
    save_file(weights, folder / _NETWORK)
    known = {**facts, "features": list(FEATURES)}
    (folder / _FACTS).write_text(json.dumps(known, indent=1), encoding="utf-8")


def copy_network(source: Path, target: Path) -> None:
    """The ranker in the folder `source` for the version in `target`, unchanged."""
    for name in (_NETWORK, _FACTS):
        shutil.copy2(source / name, target / name)


def has_ranker(folder: Path) -> bool:
    """Whether `save_network` wrote one there."""
    return (folder / _FACTS).is_file()


def load_ranker(folder: Path) -> NetworkRanker:
    """The ranker that `save_network` wrote. Raises ArtifactError where it does not fit this program."""
    try:
        features = json.loads((folder / _FACTS).read_text(encoding="utf-8"))["features"]
        weights = load_file(folder / _NETWORK)
        if tuple(features) != FEATURES:
            raise ArtifactError("the ranker was trained on other features than this program computes")
        return NetworkRanker(**weights)
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ArtifactError(f"the ranker's weights cannot be read: {error}") from error

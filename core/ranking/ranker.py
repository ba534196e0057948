"""From features to a score in [0, 1]: a formula that needs no training, or trees that learnt from judgments or clicks.

The trees are LambdaMART (Burges 2010) as LightGBM implements it.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from core.errors import ArtifactError
from core.ranking.features import FEATURES

FloatArray = npt.NDArray[np.float32]

_TREES, _FACTS = "trees.txt", "ranker.json"


class Ranker(Protocol):
    """Scores candidates; `name` says how, for people."""

    name: str

    def score(self, features: FloatArray) -> FloatArray:
        """`(R, F)` → `(R,)` in [0, 1], higher is better."""
        ...


class FormulaRanker:
    """A weighted sum of a few features, all of them shares. The sound choice where nothing was judged or clicked."""

    name = "formula"

    def __init__(self, weights: dict[str, float] | None = None) -> None:
        weights = weights or FORMULA
        self._columns = [FEATURES.index(name) for name in weights]
        self._weights = np.array(list(weights.values()), np.float32)
        self._total = float(self._weights[self._weights > 0].sum())

    def score(self, features: FloatArray) -> FloatArray:
        summed: FloatArray = np.clip(features[:, self._columns] @ self._weights / self._total, 0, 1)
        return summed


FORMULA = {"fused": 1.0}
FORMULA_SHARE = 0.5  # of the formula beside the trees; see LOG.md
_FUSED = FEATURES.index("fused")


class TreeRanker:
    """LambdaMART, held down by the formula: both in standard deviations of the query's candidates, then summed.

    The sum is squeezed into (0, 1) by the logistic function, which keeps its order. On judged data it is above either
    of the two, and where the trees know little (a new part of the catalogue) the formula still leads.
    """

    name = "trees"

    def __init__(self, model: str) -> None:
        """`model`: LightGBM's own text form. Raises ArtifactError where it was trained on other features."""
        import lightgbm

        try:
            self._booster: Any = lightgbm.Booster(model_str=model)
        except lightgbm.basic.LightGBMError as error:
            raise ArtifactError(f"the ranker's trees cannot be read: {error}") from error
        if tuple(self._booster.feature_name()) != FEATURES:
            raise ArtifactError("the ranker was trained on other features than this program computes")

    def score(self, features: FloatArray) -> FloatArray:
        raw = self._booster.predict(features, num_threads=1, validate_features=False)
        score = _standard(raw) + FORMULA_SHARE * _standard(features[:, _FUSED])
        squeezed: FloatArray = (1 / (1 + np.exp(-score))).astype(np.float32)
        return squeezed


def _standard(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return (values - values.mean()) / max(float(values.std()), 1e-9) if len(values) else values


def save_trees(model: str, facts: dict[str, object], folder: Path) -> None:
    """Writes trees in LightGBM's text form and what is known of them into `folder`."""
    (folder / _TREES).write_text(model, encoding="utf-8")
    (folder / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def copy_trees(source: Path, target: Path) -> None:
    """The ranker in the folder `source` for the version in `target`, unchanged."""
    for name in (_TREES, _FACTS):
        shutil.copy2(source / name, target / name)


def load_ranker(folder: Path) -> Ranker:
    """The ranker that `save_trees` wrote. Raises ArtifactError where it does not fit this program."""
    return TreeRanker((folder / _TREES).read_text(encoding="utf-8"))

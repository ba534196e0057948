"""From features to a score in [0, 1]: a formula that needs no training, or trees that learnt from judgments or clicks.

The trees are LambdaMART (Burges 2010) as LightGBM implements it.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from core.errors import ArtifactError
from core.ranking.features import FEATURES

FloatArray = npt.NDArray[np.float32]

FORMULA_SHARE = 0.25  # of the formula beside the trees; see LOG.md
_FUSED = FEATURES.index("fused")
_TREES, _FACTS = "trees-*.txt", "ranker.json"


class Ranker(Protocol):
    """Scores candidates; `name` says how, for people."""

    name: str

    def score(self, features: FloatArray) -> FloatArray:
        """`(R, F)` → `(R,)` in [0, 1], higher is better."""
        ...


class FormulaRanker:
    """BM25 and cosine, fused (`core.ranking.features.fused`). The sound choice where nothing was judged or clicked."""

    name = "formula"

    def score(self, features: FloatArray) -> FloatArray:
        fused: FloatArray = np.clip(features[:, _FUSED], 0, 1)
        return fused


class TreeRanker:
    """LambdaMART and a share of the formula: both in standard deviations of the query's candidates, then summed.

    The sum is squeezed into (0, 1) by the logistic function, which keeps its order. On the judged data at hand the
    trees alone are as good; the formula is there for what they have not seen, which has not been measured.
    """

    name = "trees"

    def __init__(self, models: Sequence[str]) -> None:
        """`models`: one or more in LightGBM's own text form, whose scores are averaged.

        Raises ArtifactError for none, and where one was trained on other features.
        """
        # Imported here: a shop without judgments does not need it.
        import lightgbm

        try:
            self._boosters: list[Any] = [lightgbm.Booster(model_str=model) for model in models]
        except lightgbm.basic.LightGBMError as error:
            raise ArtifactError(f"the ranker's trees cannot be read: {error}") from error
        if not models or any(tuple(one.feature_name()) != FEATURES for one in self._boosters):
            raise ArtifactError("the ranker was trained on other features than this program computes")

    def score(self, features: FloatArray) -> FloatArray:
        if not len(features):
            return np.zeros(0, np.float32)
        raw = np.mean([one.predict(features, num_threads=1, validate_features=False) for one in self._boosters], axis=0)
        score = _standard(raw) + FORMULA_SHARE * _standard(features[:, _FUSED])
        squeezed: FloatArray = (1 / (1 + np.exp(-score))).astype(np.float32)
        return squeezed


def _standard(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return (values - values.mean()) / max(float(values.std()), 1e-9) if len(values) else values


def save_trees(models: Sequence[str], facts: dict[str, object], folder: Path) -> None:
    """Writes models in LightGBM's text form and what is known of them into `folder`."""
    for number, model in enumerate(models, 1):
        (folder / _TREES.replace("*", str(number))).write_text(model, encoding="utf-8")
    (folder / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def copy_trees(source: Path, target: Path) -> None:
    """The ranker in the folder `source` for the version in `target`, unchanged."""
    for file in (*source.glob(_TREES), source / _FACTS):
        shutil.copy2(file, target / file.name)


def has_ranker(folder: Path) -> bool:
    """Whether `save_trees` wrote one there."""
    return (folder / _FACTS).is_file()


def load_ranker(folder: Path) -> Ranker:
    """The ranker that `save_trees` wrote. Raises ArtifactError where it does not fit this program."""
    return TreeRanker([file.read_text(encoding="utf-8") for file in sorted(folder.glob(_TREES))])

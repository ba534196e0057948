"""From features to a score in [0, 1]: a formula that needs no training, or trees that learnt from judgments or clicks.

The trees are LambdaMART (Burges 2010): LightGBM grows them, ONNX Runtime asks them.
"""

import json
import shutil
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.errors import ArtifactError
from core.onnx_session import session_of
from core.ranking.features import FEATURES

FloatArray = npt.NDArray[np.float32]

FEATURES_KEY = "features"  # their names in the model's metadata, in order
INPUT, OUTPUT = "features", "score"  # (R, F), (R, 1)
_FUSED = FEATURES.index("fused")
_TREES, _FACTS = "trees.onnx", "ranker.json"


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
    """LambdaMART: the trees' sum in standard deviations of the query's candidates, squeezed into (0, 1).

    The squeezing, by the logistic function, keeps the order.
    """

    name = "trees"

    def __init__(self, model: bytes) -> None:
        """`model`: the trees as ONNX, see `training.ranking.tree_graph`.

        Raises ArtifactError for what is no such model, and where it was trained on other features.
        """
        try:
            self._session = session_of(model)
        except ValueError as error:
            raise ArtifactError(f"the ranker's trees cannot be read: {error}") from error
        known = self._session.get_modelmeta().custom_metadata_map.get(FEATURES_KEY, "")
        if tuple(known.split()) != FEATURES:
            raise ArtifactError("the ranker was trained on other features than this program computes")

    def score(self, features: FloatArray) -> FloatArray:
        if not len(features):
            return np.zeros(0, np.float32)
        raw: FloatArray = self._session.run([OUTPUT], {INPUT: features})[0][:, 0]
        standard = (raw - raw.mean()) / max(float(raw.std()), 1e-9)
        squeezed: FloatArray = (1 / (1 + np.exp(-standard))).astype(np.float32)
        return squeezed


def save_trees(model: bytes, facts: dict[str, object], folder: Path) -> None:
    """Writes the trees as ONNX and what is known of them into `folder`."""
    (folder / _TREES).write_bytes(model)
    (folder / _FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def copy_trees(source: Path, target: Path) -> None:
    """The ranker in the folder `source` for the version in `target`, unchanged."""
    for name in (_TREES, _FACTS):
        shutil.copy2(source / name, target / name)


def has_ranker(folder: Path) -> bool:
    """Whether `save_trees` wrote one there."""
    return (folder / _FACTS).is_file()


def load_ranker(folder: Path) -> Ranker:
    """The ranker that `save_trees` wrote. Raises ArtifactError where it does not fit this program."""
    return TreeRanker((folder / _TREES).read_bytes())

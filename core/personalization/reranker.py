"""The learnt reranker: gradient-boosted trees (LambdaMART; Burges 2010) over the features of `product_taste`.

It takes the place of the formula's final score: its raw scores are squeezed into [0, 1] within a list, so that the
reach bounds it as it bounds the formula. LightGBM's own text format holds it: nothing that is executed on loading.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ArtifactError

FloatArray = npt.NDArray[np.float32]
_MODEL, _FACTS = "reranker.txt", "reranker.json"


@dataclass(frozen=True)
class Reranker:
    """`features`: names, in the order of the columns that it was trained on."""

    booster: Any  # lightgbm.Booster, which has no types
    features: tuple[str, ...]

    def final(self, table: FloatArray) -> FloatArray:
        """`(R, F)` → `(R,)` in [0, 1]: the best of the list has 1, the worst 0."""
        raw = np.asarray(self.booster.predict(table, num_threads=1, predict_disable_shape_check=True), np.float32)
        return within_list(raw)


def within_list(raw: FloatArray) -> FloatArray:
    """`(R,)` → `(R,)` in [0, 1], in the same order."""
    low, high = (float(raw.min()), float(raw.max())) if len(raw) else (0.0, 0.0)
    return np.zeros_like(raw) if high <= low else ((raw - low) / np.float32(high - low)).astype(np.float32)


def has_reranker(folder: Path) -> bool:
    return (folder / _FACTS).is_file()


def load_reranker(folder: Path, features: tuple[str, ...]) -> Reranker:
    """The one in `folder`. Raises ArtifactError for one of other features than this program computes."""
    try:
        import lightgbm

        named = tuple(json.loads((folder / _FACTS).read_text(encoding="utf-8"))["features"])
        if named != features:
            raise ArtifactError("the reranker was trained on other features than this program computes")
        return Reranker(lightgbm.Booster(model_file=str(folder / _MODEL)), named)
    except (ImportError, OSError, ValueError, KeyError, TypeError) as error:  # LightGBMError is a ValueError
        raise ArtifactError(f"the reranker cannot be read: {error}") from error


def save_reranker(reranker: Reranker, facts: dict[str, object], folder: Path) -> None:
    """Writes it, and what is known of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MODEL).write_text(reranker.booster.model_to_string(), encoding="utf-8")
    known = {**facts, "features": list(reranker.features)}
    (folder / _FACTS).write_text(json.dumps(known, indent=1), encoding="utf-8")

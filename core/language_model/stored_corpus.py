"""The lines that a version's models learnt from, kept with it: baselines and retraining compare on the same ones.

One `corpus.npz` an artifact; per side (`title`, `query`, each with `_held_out`) the tokens of all lines end to end,
where each line starts, its category and its weight.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.errors import ArtifactError
from core.language_model.corpus import Line

CORPUS = "corpus.npz"


def save_lines(sides: Mapping[str, Sequence[Line]], file: Path) -> None:
    """Writes the lines of every side, under its name."""
    arrays = {}
    for side, lines in sides.items():
        arrays[f"{side}.tokens"] = np.array([token for line in lines for token in line.tokens], np.int32)
        arrays[f"{side}.ends"] = np.cumsum([len(line.tokens) for line in lines], dtype=np.int64)
        arrays[f"{side}.category"] = np.array([line.category for line in lines], np.int32)
        arrays[f"{side}.weight"] = np.array([line.weight for line in lines], np.float64)
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # numpy types **kwds as a flag


def load_lines(file: Path, side: str) -> list[Line]:
    """The lines of one side, in the order they were saved. Raises ArtifactError without that side."""
    try:
        with np.load(file) as stored:
            tokens, ends = stored[f"{side}.tokens"].tolist(), stored[f"{side}.ends"].tolist()
            categories, weights = stored[f"{side}.category"].tolist(), stored[f"{side}.weight"].tolist()
    except (OSError, KeyError, ValueError) as error:
        raise ArtifactError(f"{file} holds no lines named {side}: {error}") from error
    starts = [0, *ends][:-1]
    return [
        Line(tuple(tokens[start:end]), category, weight)
        for start, end, category, weight in zip(starts, ends, categories, weights, strict=True)
    ]

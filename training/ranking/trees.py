"""LambdaMART on the samples of judged searches (Burges 2010; LightGBM).

Each query is learnt from twice: once with everything that retrieval offers, where a product that nobody judged counts
as a wrong answer, and once with the judged ones alone, so that what people liked less is told from what they liked
more.
"""

from collections.abc import Callable, Sequence
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from core.ranking.features import FEATURES
from training.ranking.judged import gain
from training.ranking.samples import Sample

FloatArray = npt.NDArray[np.float32]

LEVELS = 13  # grades 1, 1.17, …, 3
ROUNDS = 250
_PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank",
    "label_gain": [gain(1 + 2 * level / (LEVELS - 1)) for level in range(LEVELS)],
    "lambdarank_truncation_level": 20,
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "lambda_l2": 5.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


def fit_trees(
    samples: Sequence[Sample], seed: int = 0, threads: int = 1, on_round: Callable[[float], None] = lambda share: None
) -> str:
    """The trees in LightGBM's text form. Deterministic for a seed."""
    tables, levels, groups = [], [], []
    for one in samples:
        for chosen in (one.found, one.grades > 0):
            if chosen.any():
                tables.append(one.features[chosen])
                levels.append(level_of(one.grades[chosen]))
                groups.append(int(chosen.sum()))
    data = lightgbm.Dataset(
        np.concatenate(tables), np.concatenate(levels), group=groups, feature_name=list(FEATURES), free_raw_data=True
    )
    parameters = {**_PARAMETERS, "seed": seed, "num_threads": threads}

    def report(environment: Any) -> None:
        on_round((environment.iteration + 1) / ROUNDS)

    booster = lightgbm.train(parameters, data, ROUNDS, callbacks=[report])
    return str(booster.model_to_string())


def level_of(grades: FloatArray) -> npt.NDArray[np.int32]:
    """Grades 1…3 as levels 0…LEVELS − 1; 0, not judged, is level 0 too."""
    return np.rint(np.clip(grades - 1, 0, 2) / 2 * (LEVELS - 1)).astype(np.int32)

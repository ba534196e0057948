"""LambdaMART on the samples of judged searches (Burges 2010; LightGBM).

A product that nobody judged counts as a wrong answer: most are. Several models that differ in what they draw are better
than one, and their mean changes less from one training to the next.
"""

from collections.abc import Callable, Sequence
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt

from core.ranking.features import FEATURES
from training.ranking.judged import gain
from training.ranking.samples import Sample
from training.ranking.tree_graph import tree_graph

FloatArray = npt.NDArray[np.float32]

LEVELS = 13  # grades 1, 1.17, …, 3
ROUNDS = 250
MODELS = 3
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
    "num_threads": 1,
    "verbosity": -1,
}


def fit_trees(
    samples: Sequence[Sample], seed: int = 0, on_round: Callable[[float], None] = lambda share: None
) -> bytes:
    """The mean of `MODELS` models, as `TreeRanker` takes it. Deterministic for a seed, on one thread."""
    offered = [one for one in samples if one.found.any()]
    data = lightgbm.Dataset(
        np.concatenate([one.features[one.found] for one in offered]),
        np.concatenate([level_of(one.grades[one.found]) for one in offered]),
        group=[int(one.found.sum()) for one in offered],
        feature_name=list(FEATURES),
        free_raw_data=False,
    )
    models = []
    for number in range(MODELS):

        def report(environment: Any, done: int = number) -> None:
            on_round((done + (environment.iteration + 1) / ROUNDS) / MODELS)

        parameters = {**_PARAMETERS, "seed": seed * MODELS + number}
        models.append(str(lightgbm.train(parameters, data, ROUNDS, callbacks=[report]).model_to_string()))
    return tree_graph(models)


def level_of(grades: FloatArray) -> npt.NDArray[np.int32]:
    """Grades 1…3 as levels 0…LEVELS − 1; 0, not judged, is level 0 too."""
    return np.rint(np.clip(grades - 1, 0, 2) / 2 * (LEVELS - 1)).astype(np.int32)

"""LightGBM's trees and the same as ONNX."""

import lightgbm
import numpy as np
import numpy.typing as npt
import pytest

from core.errors import ArtifactError
from core.onnx_session import session_of
from core.ranking.features import FEATURES
from core.ranking.ranker import INPUT, OUTPUT, TreeRanker
from training.ranking.tree_graph import tree_graph

ROWS = np.random.default_rng(0).normal(size=(400, len(FEATURES))).astype(np.float32)
WANTED = ROWS[:, 0] + np.abs(ROWS[:, 1]) + (ROWS[:, 2] > 0.5)


def booster(rows: npt.NDArray[np.float32], names: list[str], seed: int = 0) -> lightgbm.Booster:
    data = lightgbm.Dataset(rows, WANTED, feature_name=names)
    options = {"objective": "regression", "seed": seed, "bagging_fraction": 0.5, "bagging_freq": 1}
    return lightgbm.train({**options, "verbosity": -1, "num_threads": 1}, data, 30)


def test_the_graph_is_the_mean_of_the_models() -> None:
    models = [booster(ROWS, list(FEATURES), seed) for seed in (0, 1)]
    expected = np.mean([model.predict(ROWS, num_threads=1) for model in models], axis=0)
    graph = tree_graph([model.model_to_string() for model in models])
    computed = session_of(graph).run([OUTPUT], {INPUT: ROWS})[0][:, 0]
    np.testing.assert_allclose(computed, expected, atol=1e-5)
    scores = TreeRanker(graph).score(ROWS)
    assert (np.argsort(scores) == np.argsort(computed)).all()
    assert ((scores > 0) & (scores < 1)).all()
    assert len(TreeRanker(graph).score(ROWS[:0])) == 0


def test_values_on_a_threshold_go_the_way_that_they_went_in_training() -> None:
    """A threshold is half-way between two values and a double; features are float32."""
    rows = ROWS.copy()
    rows[:, 0] = np.random.default_rng(1).choice(np.array([1 / 3, 0.1, 0.7], np.float32), len(rows))
    rows[:100, 0] = np.nextafter(np.float32(0.1), np.float32(1))
    model = booster(rows, list(FEATURES))
    computed = session_of(tree_graph([model.model_to_string()])).run([OUTPUT], {INPUT: rows})[0][:, 0]
    np.testing.assert_allclose(computed, model.predict(rows, num_threads=1), atol=1e-5)


def test_other_features_are_refused() -> None:
    graph = tree_graph([booster(ROWS[:, :3], ["a", "b", "c"]).model_to_string()])
    with pytest.raises(ArtifactError, match="other features"):
        TreeRanker(graph)


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ArtifactError, match="cannot be read"):
        TreeRanker(b"no model")

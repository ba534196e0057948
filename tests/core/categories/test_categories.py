"""Clusters that do not depend on row order or process, names, votes and the prediction from a prefix."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.categories.assign import vote
from core.categories.clustering import cluster
from core.categories.naming import name_clusters
from core.categories.predictor import CategoryPredictor, category_word_counts, shortlists
from core.text.vocabulary import Vocabulary

ROOT = Path(__file__).resolve().parents[3]


def blobs(per_blob: int = 60, dimensions: int = 24, seed: int = 0) -> np.ndarray:
    """Three clouds of unit vectors around three axes."""
    generator = np.random.default_rng(seed)
    points = np.repeat(np.eye(dimensions)[:3], per_blob, 0) + 0.1 * generator.normal(size=(3 * per_blob, dimensions))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), np.float32)


@pytest.fixture(scope="module")
def clustered() -> tuple[np.ndarray, np.ndarray]:
    points = blobs()
    return points, cluster(points).labels


def test_finds_the_clouds(clustered: tuple[np.ndarray, np.ndarray]) -> None:
    _, labels = clustered
    parts = [set(labels[start : start + 60].tolist()) for start in (0, 60, 120)]
    assert all(len(part) == 1 for part in parts)
    assert len(set.union(*parts)) == 3


def test_row_order_does_not_matter(clustered: tuple[np.ndarray, np.ndarray]) -> None:
    points, labels = clustered
    order = np.random.default_rng(1).permutation(len(points))
    np.testing.assert_array_equal(cluster(points[order]).labels, labels[order])


def test_equal_in_two_processes_with_different_hash_seeds(clustered: tuple[np.ndarray, np.ndarray]) -> None:
    program = (
        "from tests.core.categories.test_categories import blobs; from core.categories.clustering import cluster;"
        "print(cluster(blobs()).labels.tolist())"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1] == f"{clustered[1].tolist()}\n"


def test_every_point_has_a_category_and_a_confidence() -> None:
    noisy = np.concatenate([blobs(), blobs(5, seed=3)[::-1]])
    result = cluster(noisy)
    assert result.labels.min() >= 0
    assert ((result.confidence > 0) & (result.confidence <= 1)).all()
    assert result.labels.max() + 1 == result.count


@pytest.mark.parametrize("count", [1, 2, 20])
def test_few_products_are_one_category(count: int) -> None:
    result = cluster(blobs(20)[:count])
    assert result.count == 1
    assert result.labels.tolist() == [0] * count


def test_names_are_distinct_and_say_what_it_is() -> None:
    titles = [
        ["acme", "desk", "lamp", "red"],
        ["bolt", "desk", "lamp", "led"],
        ["acme", "running", "shoes"],
        ["fleet", "running", "shoes", "9"],
    ]
    names = name_clusters(titles, [0, 0, 1, 1], 2)
    assert names == ["Desk Lamp", "Running Shoes"]
    assert len(set(name_clusters(titles, [0, 1, 2, 3], 4))) == 4


def test_vote_of_the_nearest() -> None:
    products = np.eye(3, dtype=np.float32)
    labels = np.array([0, 1, 1], np.int32)
    queries = np.array([[0.9, 0.3, 0.0], [0.1, 0.7, 0.7]], np.float32)
    found, share = vote(queries, products, labels, 2)
    assert found.tolist() == [0, 1]
    assert share[0] == pytest.approx(0.9**4 / (0.9**4 + 0.3**4 + 1e-12), rel=1e-4)
    with pytest.raises(ValueError, match="at least one product"):
        vote(queries, np.zeros((0, 3), np.float32), labels[:0], 2)


@pytest.fixture
def predictor() -> CategoryPredictor:
    vocabulary = Vocabulary(("lamp", "red", "shirt", "shoes"), (1.0,) * 4, 2)
    counts = category_word_counts(
        [(["red", "lamp"], 0, 40.0), (["red", "shoes"], 1, 40.0), (["shirt"], 1, 20.0)], vocabulary
    )
    return CategoryPredictor(vocabulary, counts, np.array([1.0, 1.0]))


def test_words_and_half_words_are_evidence(predictor: CategoryPredictor) -> None:
    assert predictor.predict(["lamp"])[0] > 0.8
    assert predictor.predict([], "sh")[1] > 0.8
    assert predictor.predict(["red"], "l")[0] > 0.8
    np.testing.assert_allclose(predictor.predict(["unheard"], "zz"), [0.5, 0.5])
    np.testing.assert_allclose(predictor.predict([]), [0.5, 0.5])


def test_likeliest_within_a_constraint(predictor: CategoryPredictor) -> None:
    assert predictor.likeliest(["lamp"], count=1)[0][0] == 0
    assert predictor.likeliest(["lamp"], allowed=frozenset({1})) == [(1, 1.0)]
    assert sum(weight for _, weight in predictor.likeliest(["red"], count=2)) == pytest.approx(1.0)


def test_shortlists_hold_each_categorys_words_first() -> None:
    counts = np.array([[5.0, 0.0], [0.0, 3.0], [1.0, 9.0]])
    assert shortlists(counts, 2).tolist() == [[0, 2], [2, 1]]
    assert shortlists(counts, 10).shape == (2, 3)

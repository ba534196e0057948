"""8-bit vectors beside exact ones, and the graph that stands for comparing all."""

from pathlib import Path

import numpy as np
import pytest

from core.retrieval import dense
from core.retrieval.dense import build_dense, load_dense, save_dense


def unit(count: int, seed: int = 0) -> dense.FloatArray:
    """Vectors in some thirty crowds, as titles are."""
    generator = np.random.default_rng(seed)
    middles = generator.normal(size=(30, 64))
    vectors = middles[generator.integers(0, 30, count)] + 0.6 * generator.normal(size=(count, 64))
    found: dense.FloatArray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return found


def recall(index: dense.DenseIndex, vectors: dense.FloatArray, queries: dense.FloatArray, count: int) -> float:
    shares = []
    for query in queries:
        exact = set(np.argsort(-(vectors @ query))[:count].tolist())
        shares.append(len(exact & set(index.nearest(query, count)[0].tolist())) / count)
    return float(np.mean(shares))


def test_eight_bits_keep_the_nearest_and_their_cosines() -> None:
    vectors, queries = unit(3_000), unit(20, seed=1)
    index = build_dense(vectors)
    assert recall(index, vectors, queries, 50) > 0.95
    rows, cosines = index.nearest(queries[0], 50)
    np.testing.assert_allclose(cosines, vectors[rows] @ queries[0], atol=0.01)
    np.testing.assert_allclose(index.similarities(queries[0], rows), vectors[rows] @ queries[0], atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(index.all(), axis=1), 1, atol=0.01)


def test_many_are_found_through_a_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dense, "EXACT_AT_MOST", 1_000)
    vectors, queries = unit(3_000), unit(20, seed=1)
    save_dense(build_dense(vectors), tmp_path)
    index = load_dense(tmp_path)
    assert index.graph is not None
    assert recall(index, vectors, queries, 50) > 0.9
    live = index.with_live(index.encoded(queries[:1]))
    rows, cosines = live.nearest(queries[0], 10)
    assert rows[int(cosines.argmax())] == 3_000  # the live row is the query itself
    assert cosines.max() == pytest.approx(1, abs=0.01)


def test_nothing_is_near_to_nothing() -> None:
    index = build_dense(np.zeros((0, 8), np.float32))
    assert len(index.nearest(np.ones(8, np.float32), 5)[0]) == 0

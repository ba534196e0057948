"""Clusters that do not depend on row order or process, names, votes and the prediction from a prefix."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from core.categories.assign import vote
from core.categories.clustering import cluster
from core.categories.merging import merge
from core.categories.naming import head_of, name_clusters, segments_of
from core.categories.neighbours import nearest_rows
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


def test_equal_in_another_process_with_another_hash_seed(clustered: tuple[np.ndarray, np.ndarray]) -> None:
    program = (
        "from tests.core.categories.test_categories import blobs; from core.categories.clustering import cluster;"
        "print(cluster(blobs()).labels.tolist())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert printed == f"{clustered[1].tolist()}\n"


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


def test_merging_joins_the_nearest_whole() -> None:
    points = np.array([[0, 0], [0.1, 0], [5, 5], [5.1, 5], [9, 0], [9, 0]], np.float32)
    fine = np.array([4, 4, 2, 7, -1, 0], np.int32)
    merged = merge(points, fine, 3)
    assert merged[4] == -1
    assert merged[2] == merged[3]
    assert len({int(label) for label in merged if label >= 0}) == 3
    np.testing.assert_array_equal(merge(points, fine, 10) >= 0, fine >= 0)
    assert len(set(merge(points, fine, 1)[fine >= 0].tolist())) == 1


@given(st.lists(st.integers(-1, 9), min_size=1, max_size=40), st.integers(1, 8))
def test_merging_coarsens(labels: list[int], at_most: int) -> None:
    fine = np.array(labels, np.int32)
    points = np.random.default_rng(0).normal(size=(len(fine), 3)).astype(np.float32)
    merged = merge(points, fine, at_most)
    known = {(a, b) for a, b in zip(fine.tolist(), merged.tolist(), strict=True)}
    assert len(known) == len(set(labels))  # no fine cluster is split, noise stays noise
    assert len(set(merged[fine >= 0].tolist())) == min(at_most, len(set(labels) - {-1}))


def test_words_part_what_embeddings_cannot() -> None:
    points = blobs(200)[:200]  # one cloud
    kinds = ["hose", "towel", "hinge", "rake", "sofa", "vase", "drill", "mop", "lamp", "sink"]
    truth = np.arange(200) % 10
    texts = [f"{kinds[kind]} {'abcdefgh'[row % 8]}" for row, kind in enumerate(truth)]
    labels = cluster(points, texts=texts).labels
    assert adjusted_rand_score(truth, labels) > adjusted_rand_score(truth, cluster(points).labels) + 0.2
    order = np.random.default_rng(2).permutation(200)
    np.testing.assert_array_equal(cluster(points[order], texts=[texts[i] for i in order]).labels, labels[order])


def test_nearest_rows_exactly_and_by_cells() -> None:
    points = np.random.default_rng(0).normal(size=(600, 4)).astype(np.float32)
    points[7] = points[3]  # a twin
    apart = np.sqrt(((points[:, None] - points[None]) ** 2).sum(2))
    rows, distances = nearest_rows(points, 8)
    np.testing.assert_array_equal(rows[:, 0], np.arange(600))
    np.testing.assert_allclose(np.sort(apart, 1)[:, :8], distances, atol=2e-3)
    found, _ = nearest_rows(points, 8, exact_up_to=100)
    np.testing.assert_array_equal(found[:, 0], np.arange(600))
    shared = [len(set(one) & set(other)) / 8 for one, other in zip(rows.tolist(), found.tolist(), strict=True)]
    assert np.mean(shared) > 0.95
    np.testing.assert_array_equal(found, nearest_rows(points, 8, exact_up_to=100)[0])


def test_names_are_distinct_and_say_what_it_is() -> None:
    titles = [
        ["acme", "desk", "lamp", "red"],
        ["bolt", "desk", "lamp", "led"],
        ["acme", "running", "shoes"],
        ["fleet", "running", "shoes", "9"],
    ]
    segments = [[tuple(title)] for title in titles]
    names = name_clusters(segments, [0, 0, 1, 1], 2)
    assert names == ["Desk Lamp", "Running Shoes"]
    assert len(set(name_clusters(segments, [0, 1, 2, 3], 4))) == 4


def test_heads_end_where_the_description_starts() -> None:
    assert head_of(["ceiling", "fan", "with", "remote"]) == ("ceiling", "fan")
    assert head_of(["acme", "52", "in", "ceiling", "fan", "white"])[-2:] == ("ceiling", "fan")  # 52 inches, not "in"
    assert head_of(["for"]) == ("for",)


def test_long_titles_keep_their_ends() -> None:
    title = "Acme Deluxe 45 in. W x 22 in. D x 35 in. H Vanity Cabinet, White (2-Pack)"
    assert head_of(segments_of(title)[0])[-2:] == ("vanity", "cabinet")
    assert segments_of(" () | ; ") == []


def test_queries_name_what_titles_describe() -> None:
    titles = [[("zorax", f"model-{letter}", "unit")] for letter in "abcdefghijkl"]
    queries = [
        (("garden", "heaters"), 0, 20.0),
        (("heaters",), 0, 5.0),
        (("divider",), 1, 5.0),
        (("room", "divider"), 1, 20.0),
    ]
    assert name_clusters(titles, [0, 1] * 6, 2, queries) == ["Garden Heaters", "Room Divider"]


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
    return small_predictor()


def small_predictor() -> CategoryPredictor:
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


def test_unknown_words_read_as_what_begins_like_them(predictor: CategoryPredictor) -> None:
    assert predictor.predict(["shoestring"])[1] > 0.8
    assert predictor.predict(["lampshade"])[0] > 0.8


def test_a_half_word_is_all_its_completions(predictor: CategoryPredictor) -> None:
    np.testing.assert_allclose(predictor.predict([], "lam"), predictor.predict(["lamp"]), rtol=1e-6)
    assert predictor.predict([], "s")[1] == pytest.approx(predictor.predict([], "sh")[1])  # shirt and shoes, both


def test_a_session_moves_the_prior_and_not_the_evidence(predictor: CategoryPredictor) -> None:
    lamps, shoes = [(0, 1.0)], [(1, 1.0)]
    assert predictor.predict([], session=[lamps])[0] > 0.6
    assert predictor.predict(["red"], session=[lamps])[0] > predictor.predict(["red"])[0]
    assert predictor.predict([], session=[lamps, shoes])[1] > 0.5  # the latest search counts most
    assert predictor.predict(["shoes"], session=[lamps] * 5)[1] > 0.7
    np.testing.assert_allclose(predictor.predict(["red"], session=[[(0, 2.0), (1, 2.0)]]), predictor.predict(["red"]))


@given(
    st.lists(st.sampled_from(["lamp", "red", "shirt", "shoes", "zebra", "re"]), max_size=6),
    st.text("lamprehsz", max_size=4),
    st.lists(st.lists(st.tuples(st.integers(0, 1), st.floats(0.01, 5)), min_size=1, max_size=3), max_size=3),
)
def test_always_a_distribution(words: list[str], half: str, session: list[list[tuple[int, float]]]) -> None:
    probabilities = small_predictor().predict(words, half, session)
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert (probabilities > 0).all()


def test_likeliest_within_a_constraint(predictor: CategoryPredictor) -> None:
    assert predictor.likeliest(["lamp"], count=1)[0][0] == 0
    assert predictor.likeliest(["lamp"], allowed=frozenset({1})) == [(1, 1.0)]
    assert sum(weight for _, weight in predictor.likeliest(["red"], count=2)) == pytest.approx(1.0)


def test_shortlists_hold_each_categorys_words_first() -> None:
    counts = np.array([[5.0, 0.0], [0.0, 3.0], [1.0, 9.0]])
    assert shortlists(counts, 2).tolist() == [[0, 2], [2, 1]]
    assert shortlists(counts, 10).shape == (2, 3)

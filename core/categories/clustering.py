"""Pseudo-categories: density clusters of titles instead of a taxonomy.

Neighbourhoods → UMAP → HDBSCAN → merging. Each choice was measured against a shop's real categories:

- A neighbourhood counts the meaning of a title (its embedding) and, with less weight, its words (latent semantic
  analysis of TF-IDF): two near-equal embeddings of different things often differ in a word.
- Density clustering directly on the vectors leaves half of the products as noise; after UMAP a sixth.
- HDBSCAN is asked for more and smaller clusters than wanted, which are then merged by Ward's criterion in the reduced
  space: better than asking for large ones, since no cluster has to be dense over its whole width.
- Noise is given to the nearest centroid *in the embedding space*, with its confidence.

Ids are the same in every process: rows are sorted before fitting, everything random is seeded, and clusters are
numbered by size.
"""

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.categories.merging import merge
from core.categories.neighbours import nearest_rows
from core.categories.types import FloatArray, IntArray

__all__ = ["Clustering", "FloatArray", "IntArray", "centroids_of", "cluster"]

_WORD_WEIGHT = 0.3  # of the words beside the embedding; at 1 the words alone decide, and decide worse
_WORD_DIMENSIONS = 150
_WORD_TITLES = (3, 0.1)  # a word counts from three titles on, and in at most a tenth of them
_SPACE_DIMENSIONS = 200  # in which neighbours are sought
_UMAP_DIMENSIONS = 5
_UMAP_NEIGHBOURS = 15
_UMAP_EPOCHS, _UMAP_EPOCHS_MANY, _FEW_ROWS = 150, 75, 20_000  # many rows settle in half the epochs
_FEWEST_POINTS = 60  # below, a neighbourhood graph means nothing: everything is one category
_FINE_SIZE, _FINE_SHARE = 10, 2_000  # a fine cluster has max(10, n / 2,000) titles or more
_MOST_CATEGORIES = 200
_WORD = re.compile(r"\b[^\W\d_]{2,}\b")


@dataclass(frozen=True, slots=True)
class Clustering:
    """`labels` `(N,)` in 0..K−1, `confidence` `(N,)` in [0, 1], unit `centroids` `(K, D)`."""

    labels: IntArray
    confidence: FloatArray
    centroids: FloatArray
    noise_share: float  # of points that HDBSCAN itself left out

    @property
    def count(self) -> int:
        return len(self.centroids)


def category_count(titles: int) -> int:
    """How many categories at most: 1.5 √n, and never more than 200, so that each has enough lines to learn from."""
    return max(1, min(_MOST_CATEGORIES, round(1.5 * math.sqrt(titles))))


def cluster(
    vectors: FloatArray, seed: int = 0, texts: Sequence[str] | None = None, categories: int | None = None
) -> Clustering:
    """Clusters of unit `vectors` `(N, D)`, N ≥ 1, at most `categories` (default `category_count(N)`) of them.

    `texts` beside the vectors add what words say. Equal for any order of the rows.
    """
    distinct, first, inverse = np.unique(
        vectors, axis=0, return_index=True, return_inverse=True
    )  # sorts, drops repeats
    inverse = inverse.reshape(-1)
    if len(distinct) < _FEWEST_POINTS:
        raw = np.zeros(len(distinct), np.int32)
    else:
        # Rows that share a vector may differ in letter case; the least of their texts does not depend on their order.
        words = _least_texts(texts, inverse, len(first)) if texts is not None else None
        raw = _density_labels(distinct, words, seed, categories or category_count(len(vectors)))
    noise = raw < 0
    if noise.all():
        raw, noise = np.zeros_like(raw), np.zeros_like(noise)
    weights = np.bincount(inverse, minlength=len(distinct)).astype(np.float32)
    labels = _by_size(raw, weights)
    centroids = centroids_of(distinct[~noise], labels[~noise], weights[~noise])
    similarity = distinct @ centroids.T  # (N, K)
    labels = np.where(noise, similarity.argmax(1), labels).astype(np.int32)
    confidence = _confidence(similarity, labels)
    return Clustering(labels[inverse], confidence[inverse], centroids, float(noise[inverse].mean()))


def _least_texts(texts: Sequence[str], inverse: npt.NDArray[np.integer], count: int) -> list[str]:
    found: list[str | None] = [None] * count
    for text, row in zip(texts, inverse.tolist(), strict=True):
        known = found[row]
        found[row] = text if known is None or text < known else known
    return [text or "" for text in found]


def _density_labels(vectors: FloatArray, texts: Sequence[str] | None, seed: int, categories: int) -> IntArray:
    import hdbscan
    import umap
    from sklearn.decomposition import PCA

    joined = vectors if texts is None else np.concatenate([vectors, _WORD_WEIGHT * _word_vectors(texts, seed)], 1)
    dimensions = min(_SPACE_DIMENSIONS, *joined.shape)
    space = np.asarray(PCA(dimensions, svd_solver="covariance_eigh").fit_transform(joined), np.float32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="precomputed_knn", category=UserWarning)  # later rows go by `vote`
        layout = umap.UMAP(
            n_components=_UMAP_DIMENSIONS,
            n_neighbors=_UMAP_NEIGHBOURS,
            min_dist=0.0,
            init="pca",
            n_epochs=_UMAP_EPOCHS if len(space) <= _FEW_ROWS else _UMAP_EPOCHS_MANY,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=nearest_rows(space, _UMAP_NEIGHBOURS, seed),
        ).fit_transform(space)
    fine = hdbscan.HDBSCAN(
        min_cluster_size=max(_FINE_SIZE, len(vectors) // _FINE_SHARE),
        min_samples=5,
        cluster_selection_method="eom",
        core_dist_n_jobs=1,
    ).fit_predict(np.asarray(layout, np.float64))
    return merge(np.asarray(layout, np.float32), np.asarray(fine, np.int32), categories)


def _word_vectors(texts: Sequence[str], seed: int) -> FloatArray:
    """Unit vectors `(N, d)` of latent semantic analysis; rows without a word that several titles share are zero."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    least, most = _WORD_TITLES
    model = TfidfVectorizer(
        min_df=least,
        max_df=max(most, (least + 1) / len(texts)),
        sublinear_tf=True,
        tokenizer=_WORD.findall,
        token_pattern=None,
    )
    try:
        weights = model.fit_transform(texts)
    except ValueError:  # what scikit-learn raises where no word is left
        return np.zeros((len(texts), 1), np.float32)
    if weights.shape[1] < 2:
        return np.zeros((len(texts), 1), np.float32)
    dimensions = min(_WORD_DIMENSIONS, weights.shape[1] - 1)
    vectors = TruncatedSVD(dimensions, random_state=seed).fit_transform(weights)
    unit: FloatArray = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return unit


def _by_size(raw: IntArray, weights: FloatArray) -> IntArray:
    """Renumbers clusters by falling size, ties by their first row; noise stays −1."""
    ids, first = np.unique(raw[raw >= 0], return_index=True)
    sizes = np.array([weights[raw == cluster_id].sum() for cluster_id in ids])
    order = np.lexsort((first, -sizes))
    lookup = np.full(int(raw.max(initial=0)) + 2, -1, np.int32)  # index −1 is the last entry: noise
    lookup[ids[order]] = np.arange(len(ids), dtype=np.int32)
    return lookup[raw]


def centroids_of(vectors: FloatArray, labels: IntArray, weights: FloatArray | None = None) -> FloatArray:
    """Unit mean vectors `(K, D)` of the labels 0..K−1, each of which must occur."""
    sums = np.zeros((int(labels.max()) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors if weights is None else vectors * weights[:, None])
    centroids: FloatArray = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    return centroids


def _confidence(similarity: FloatArray, labels: IntArray) -> FloatArray:
    """Softmax share of a point's own cluster among all (temperature 0.05), `(N,)`."""
    scaled = np.exp((similarity - similarity.max(1, keepdims=True)) / 0.05)
    shares: FloatArray = scaled[np.arange(len(labels)), labels] / scaled.sum(1)
    return shares

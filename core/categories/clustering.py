"""Pseudo-categories: density clusters of title embeddings instead of a taxonomy.

PCA → UMAP → HDBSCAN. Density clustering directly on 384 dimensions leaves half of the products as noise; after UMAP it
beats k-means on the raw vectors and is far more stable between seeds. Noise is given to the nearest centroid *in the
embedding space*, with its confidence. Ids are the same in every process: rows are sorted before fitting, the reduction
is seeded, and clusters are numbered by size.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.text.embedding import FloatArray

IntArray = npt.NDArray[np.int32]

_PCA_DIMENSIONS = 50
_UMAP_DIMENSIONS = 5
_UMAP_NEIGHBOURS = 15
_FEWEST_POINTS = 60  # below, a neighbourhood graph means nothing: everything is one category
_SHARE_PER_CLUSTER = 500  # min_cluster_size = n / 500: 150–250 clusters for a shop of 10,000 to 100,000 titles


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


def cluster(vectors: FloatArray, seed: int = 0, min_cluster_size: int | None = None) -> Clustering:
    """Clusters of unit `vectors` `(N, D)`, N ≥ 1. Equal for any order of the rows."""
    distinct, inverse = np.unique(vectors, axis=0, return_inverse=True)  # sorts rows, drops repeats
    inverse = inverse.reshape(-1)
    if len(distinct) < _FEWEST_POINTS:
        raw = np.zeros(len(distinct), np.int32)
    else:
        raw = _density_labels(distinct, seed, min_cluster_size or max(15, len(vectors) // _SHARE_PER_CLUSTER))
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


def _density_labels(vectors: FloatArray, seed: int, min_cluster_size: int) -> IntArray:
    import hdbscan
    import umap
    from sklearn.decomposition import PCA

    reduced = PCA(min(_PCA_DIMENSIONS, *vectors.shape), random_state=seed).fit_transform(vectors)
    reduced /= np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-9)
    embedded = umap.UMAP(
        n_components=_UMAP_DIMENSIONS,
        n_neighbors=_UMAP_NEIGHBOURS,
        min_dist=0.0,
        init="pca",
        n_epochs=150,
        random_state=seed,
        n_jobs=1,
    ).fit_transform(reduced)
    labels = hdbscan.HDBSCAN(
        min_cluster_size=min_cluster_size, min_samples=5, cluster_selection_method="eom", core_dist_n_jobs=1
    ).fit_predict(np.asarray(embedded, np.float64))
    return np.asarray(labels, np.int32)


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

"""Unit vectors as 8-bit numbers: the nearest products in meaning, and how near given ones are.

Up to `EXACT_AT_MOST` rows the nearest are found by comparing all (`numkong`'s integer products); above, by a graph
(HNSW, Malkov & Yashunin 2018, in `usearch`) that is built with the version. 8 bits keep 99.5 % of the 200 nearest.

Rows behind those of the version belong to products that changed since; they are few and always compared all.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numkong
import numpy as np
import numpy.typing as npt

from core.retrieval.mapped import mapped

if TYPE_CHECKING:
    from usearch.index import Index

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
CodeArray = npt.NDArray[np.int8]

EXACT_AT_MOST = 20_000  # rows; some 1 ms on one core, which a graph over more takes too
_CONNECTIVITY, _EXPANSION_ADD = 16, 128
_EXPANSION_SEARCH = {200_000: 256, 2**63: 512}  # by rows at most: more have to be looked at among more
_CHUNK = 65_536  # rows turned into codes at a time
_VECTORS, _SCALE, _GRAPH = "codes.npy", "scale.npy", "graph.usearch"


@dataclass(frozen=True)
class DenseIndex:
    """`codes` `(P, D)` are vectors times `scale`, rounded; a row of zeros has no vector and is near to nothing."""

    codes: CodeArray
    scale: float
    graph: "Index | None" = None  # over `codes`, where there are many
    live: CodeArray = field(default_factory=lambda: np.zeros((0, 0), np.int8))  # rows P…, at the same scale
    _packed: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.graph is None and self._packed is None and len(self.codes):
            object.__setattr__(self, "_packed", numkong.dots_pack(np.ascontiguousarray(self.codes)))

    @property
    def dimensions(self) -> int:
        return int(self.codes.shape[1])

    def nearest(self, vector: FloatArray, limit: int) -> tuple[IntArray, FloatArray]:
        """At most `limit` rows of each part, live ones behind, in no order, with their cosines to the unit `vector`."""
        coded, factor = self._coded(vector)
        rows, products = self._nearest_published(coded, limit)
        if len(self.live):
            near = self.live.astype(np.int32) @ coded.astype(np.int32)
            best = largest(near, limit)
            rows = np.concatenate([rows, best.astype(np.int32) + np.int32(len(self.codes))])
            products = np.concatenate([products, near[best]])
        return rows, (products * factor).astype(np.float32)

    def similarities(self, vector: FloatArray, rows: IntArray) -> FloatArray:
        """Cosines of `rows` to the unit `vector`, `(R,)` in [−1, 1]; exact but for the rounding of the codes."""
        cosines: FloatArray = self.vectors(rows) @ vector
        return cosines

    def vectors(self, rows: IntArray) -> FloatArray:
        """`(R, D)`: nearly of unit length."""
        published = len(self.codes)
        if not len(self.live):
            found = self.codes[rows]
        else:
            found = np.empty((len(rows), self.dimensions), np.int8)
            fresh = rows >= published
            found[~fresh] = self.codes[rows[~fresh]]
            found[fresh] = self.live[rows[fresh] - published]
        return found.astype(np.float32) * np.float32(1 / self.scale)

    def all(self) -> FloatArray:
        """Of the published rows, `(P, D)`: four times the memory of the codes."""
        return self.codes.astype(np.float32) * np.float32(1 / self.scale)

    def with_live(self, live: CodeArray) -> "DenseIndex":
        """The same with other rows behind the published ones."""
        return replace(self, live=live)

    def encoded(self, vectors: FloatArray) -> CodeArray:
        """Unit `vectors` `(N, D)` as codes of this index."""
        return _codes(vectors, self.scale)

    def _coded(self, vector: FloatArray) -> tuple[CodeArray, float]:
        own = 127 / max(float(np.abs(vector).max(initial=0)), 1e-9)
        return _codes(vector[None], own)[0], 1 / (own * self.scale)

    def _nearest_published(self, coded: CodeArray, limit: int) -> tuple[IntArray, npt.NDArray[np.int32]]:
        if not len(self.codes):
            return np.zeros(0, np.int32), np.zeros(0, np.int32)
        if self.graph is not None:
            rows = np.asarray(self.graph.search(coded, min(limit, len(self.codes))).keys, np.int32)
            return rows, self.codes[rows].astype(np.int32) @ coded.astype(np.int32)
        products = np.asarray(numkong.dots_packed(coded[None], self._packed))[0]
        best = largest(products, limit)
        return best.astype(np.int32), products[best]


def build_dense(vectors: FloatArray) -> DenseIndex:
    """The index of unit `vectors` `(P, D)`."""
    largest = max((float(np.abs(vectors[at : at + _CHUNK]).max(initial=0)) for at in _chunks(vectors)), default=0.0)
    scale = 127 / max(largest, 1e-9)
    codes = np.empty(vectors.shape, np.int8)
    for at in _chunks(vectors):
        codes[at : at + _CHUNK] = _codes(vectors[at : at + _CHUNK], scale)
    return DenseIndex(codes, scale, _graph(codes) if len(codes) > EXACT_AT_MOST else None)


def save_dense(index: DenseIndex, folder: Path) -> None:
    """Writes the published rows into the empty or missing `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / _VECTORS, index.codes)
    np.save(folder / _SCALE, np.array(index.scale))
    if index.graph is not None:
        index.graph.save(str(folder / _GRAPH))


def load_dense(folder: Path) -> DenseIndex:
    """The inverse of `save_dense`; codes and graph are memory-mapped."""
    codes = mapped(folder / _VECTORS)
    graph = None
    if (folder / _GRAPH).exists():
        graph = _empty_graph(codes.shape[1], len(codes))
        graph.view(str(folder / _GRAPH))
    return DenseIndex(codes, float(np.load(folder / _SCALE)), graph)


def _graph(codes: CodeArray) -> "Index":
    graph = _empty_graph(codes.shape[1], len(codes))
    for at in _chunks(codes):
        part = codes[at : at + _CHUNK]
        graph.add(np.arange(at, at + len(part)), part)
    return graph


def _empty_graph(dimensions: int, rows: int) -> "Index":
    # Imported where a graph is needed: small shops compare all vectors.
    from usearch.index import Index, MetricKind, ScalarKind

    return Index(
        ndim=dimensions,
        metric=MetricKind.IP,
        dtype=ScalarKind.I8,
        connectivity=_CONNECTIVITY,
        expansion_add=_EXPANSION_ADD,
        expansion_search=next(wide for most, wide in _EXPANSION_SEARCH.items() if rows <= most),
    )


def _codes(vectors: FloatArray, scale: float) -> CodeArray:
    codes: CodeArray = np.clip(np.rint(vectors * np.float32(scale)), -127, 127).astype(np.int8)
    return codes


def _chunks(array: npt.NDArray[Any]) -> range:
    return range(0, len(array), _CHUNK)


def largest(values: npt.NDArray[Any], count: int) -> npt.NDArray[np.intp]:
    """Positions of the `count` largest values, in no order."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.argpartition(values, len(values) - count)[len(values) - count :]

"""What a shop's judgments or clicks teach the sentence encoder: two linear maps and a vector for each term.

    query = unit(v·A + Σ w(t) E[t])      title = unit(v·B + Σ w(t) E[t])

`v` is the encoder's own unit vector, the sum runs over the distinct terms with weights idf(t) of unit length. A map
moves what the encoder knows towards what this shop's shoppers mean; the term vectors hold what it does not know: names
of brands, parts and series. A title new in the catalogue needs no training, and a query costs microseconds more.

Learnt by `training.ranking.fit_adapter`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

FloatArray = npt.NDArray[np.float32]

_WEIGHTS, _TERMS = "adapter.safetensors", "adapter_terms.txt"
_CHUNK = 8_192  # titles adapted at a time


@dataclass(frozen=True)
class Adapter:
    """`query_map` and `title_map` `(D, D)`; `term_vectors` `(T, D)` and `idf` `(T,)` for the terms in `numbers`.

    `floor`: the cosine above which a title has something to do with a query.
    """

    query_map: FloatArray
    title_map: FloatArray
    term_vectors: FloatArray
    idf: FloatArray
    numbers: Mapping[str, int]
    floor: float

    def query(self, vector: FloatArray, terms: Sequence[str]) -> FloatArray:
        """The unit vector `(D,)` of a query with the encoder's `vector` and these terms."""
        return _unit(vector @ self.query_map + self._bag(terms))

    def title(self, vector: FloatArray, terms: Sequence[str]) -> FloatArray:
        """The unit vector `(D,)` of a title with the encoder's `vector` and these terms."""
        return _unit(vector @ self.title_map + self._bag(terms))

    def titles(self, vectors: FloatArray, terms: Sequence[Sequence[str]]) -> FloatArray:
        """`title` for many: `vectors` `(N, D)` → `(N, D)`."""
        adapted = np.empty_like(vectors)
        for at in range(0, len(vectors), _CHUNK):
            part = vectors[at : at + _CHUNK] @ self.title_map
            part += np.stack([self._bag(listed) for listed in terms[at : at + _CHUNK]])
            adapted[at : at + _CHUNK] = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-9)
        return adapted

    def _bag(self, terms: Sequence[str]) -> FloatArray:
        numbers = [self.numbers[term] for term in dict.fromkeys(terms) if term in self.numbers]
        if not numbers:
            return np.zeros(self.term_vectors.shape[1], np.float32)
        weights = self.idf[numbers]
        summed: FloatArray = (weights / np.linalg.norm(weights)) @ self.term_vectors[numbers]
        return summed


def save_adapter(adapter: Adapter, folder: Path) -> None:
    """Writes `adapter` into `folder`."""
    arrays = {
        "query_map": adapter.query_map,
        "title_map": adapter.title_map,
        "term_vectors": adapter.term_vectors,
        "idf": adapter.idf,
        "floor": np.array([adapter.floor], np.float32),
    }
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / _WEIGHTS)
    terms = sorted(adapter.numbers, key=lambda term: adapter.numbers[term])
    (folder / _TERMS).write_text("\n".join(terms), encoding="utf-8")


def load_adapter(folder: Path) -> Adapter:
    """The inverse of `save_adapter`. Raises ValueError where its parts do not fit each other."""
    arrays = load_file(folder / _WEIGHTS)
    terms = (folder / _TERMS).read_text(encoding="utf-8").split("\n")
    if len(terms) != len(arrays["term_vectors"]) or len(terms) != len(arrays["idf"]):
        raise ValueError("the terms of the adapter do not fit its vectors")
    numbers = {term: at for at, term in enumerate(terms)}
    floor = float(arrays.pop("floor")[0])
    return Adapter(**arrays, numbers=numbers, floor=floor)


def _unit(vector: FloatArray) -> FloatArray:
    unit: FloatArray = (vector / np.maximum(np.linalg.norm(vector), np.float32(1e-9))).astype(np.float32)
    return unit

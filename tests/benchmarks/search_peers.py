"""What our search is compared with: keyword engines, the sentence encoder, and the fusion of both.

Each gets the same products in the same order, one text for each: title, brand, category, attributes and description.
What an engine has for English is on.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import Stemmer

from core.domain import Product
from core.importing.catalog import products, read_catalog
from core.retrieval.products import ProductIndex
from core.text.embedding import Encoder
from core.text.normalize import normalize
from tests.benchmarks.search_engines import Fts5, Milli, Tantivy

FloatArray = npt.NDArray[np.float32]

NAMES = ("bm25s", "tantivy", "FTS5", "milli", "MiniLM", "RRF")
_RRF_K, _RRF_DEPTH = 60, 1_000  # Cormack, Clarke & Büttcher 2009


class Peer(Protocol):
    """Anything that ranks the products for a query as typed."""

    def best(self, query: str, limit: int) -> list[str]:
        """The ids of at most `limit` products, the best first."""
        ...

    def scores(self, query: str, product_ids: Sequence[str]) -> Mapping[str, float]:
        """Its scores of these products; those that it does not score are absent."""
        ...


class Scored(ABC):
    """A peer that scores all products of a query at once."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self._rows = {product_id: row for row, product_id in enumerate(ids)}

    @abstractmethod
    def all_scores(self, query: str) -> FloatArray:
        """`(P,)`; a product whose score is not positive was not found."""

    def best(self, query: str, limit: int) -> list[str]:
        return [self.ids[row] for row in best_rows(self.all_scores(query), limit)]

    def scores(self, query: str, product_ids: Sequence[str]) -> dict[str, float]:
        every = self.all_scores(query)
        rows = ((one, self._rows.get(one)) for one in product_ids)
        return {one: float(every[row]) for one, row in rows if row is not None and every[row] > 0}


class Bm25s(Scored):
    """Lucene's BM25 with Snowball's stemmer, set up for short titles: k₁ 1.2, b .4, every word counts.

    bm25s itself takes k₁ 1.5 and b .75 and leaves out stop words and words of one character, the `5` of `5 gal.`; on
    `home_depot`'s training judgments nDCG@10 is .346 then, and .367 so.
    """

    def __init__(self, ids: Sequence[str], texts: Sequence[str]) -> None:
        super().__init__(ids)
        self._module: Any = importlib.import_module("bm25s")
        self._stemmer = Stemmer.Stemmer("english")
        self._index = self._module.BM25(k1=1.2, b=0.4)
        self._index.index(self._tokens(texts), show_progress=False)

    def all_scores(self, query: str) -> FloatArray:
        tokens = self._tokens([query])[0]
        known = [token for token in tokens if token in self._index.vocab_dict]
        if not known:
            return np.zeros(len(self.ids), np.float32)
        scores: FloatArray = self._index.get_scores(known)
        return scores

    def _tokens(self, texts: Sequence[str]) -> list[list[str]]:
        tokens: list[list[str]] = self._module.tokenize(
            list(texts), token_pattern=r"(?u)\b\w+\b", stopwords=[], stemmer=self._stemmer, return_ids=False,
            show_progress=False,
        )  # fmt: skip
        return tokens


class Vectors(Scored):
    """The sentence encoder alone: the query's vector beside the vectors `(P, D)` of all titles."""

    def __init__(self, ids: Sequence[str], vectors: FloatArray, encoder: Encoder) -> None:
        super().__init__(ids)
        self._vectors, self._encoder = vectors, encoder

    def all_scores(self, query: str) -> FloatArray:
        cosines: FloatArray = self._vectors @ self._encoder.encode([normalize(query)])[0]
        return 1 + cosines  # positive: it finds everything


class Fused(Scored):
    """Reciprocal rank fusion: Σ 1 / (60 + rank)."""

    def __init__(self, parts: Sequence[Scored]) -> None:
        super().__init__(parts[0].ids)
        self._parts = parts

    def best(self, query: str, limit: int) -> list[str]:
        return [self.ids[row] for row in best_rows(self._fused(query, _RRF_DEPTH), limit)]

    def all_scores(self, query: str) -> FloatArray:
        return self._fused(query, len(self.ids))

    def _fused(self, query: str, depth: int) -> FloatArray:
        summed = np.zeros(len(self.ids), np.float32)
        for part in self._parts:
            rows = best_rows(part.all_scores(query), depth)
            summed[rows] += (1 / (_RRF_K + 1 + np.arange(len(rows)))).astype(np.float32)
        return summed


def in_order(index: ProductIndex, catalog: Path) -> list[Product]:
    """The products of the file in the order of the index. Exits where the home was prepared from another one."""
    by_id = {product.product_id: product for product in products(read_catalog(catalog)[0])}
    if set(by_id) != set(index.ids):
        raise SystemExit(f"the home was prepared from another catalogue than {catalog}")
    return [by_id[product_id] for product_id in index.ids]


def text_of(product: Product) -> str:
    """Everything that can be searched, in one text."""
    parts = [product.title, product.brand, product.category, *product.attributes.values(), product.description]
    return " ".join(part for part in parts if part)


def best_rows(scores: FloatArray, limit: int) -> npt.NDArray[np.intp]:
    """Rows of at most `limit` positive scores, the greatest first, ties by row."""
    if limit < len(scores):
        least = np.partition(scores, len(scores) - limit)[len(scores) - limit]
        rows = np.flatnonzero(scores >= least)
    else:
        rows = np.arange(len(scores))
    rows = rows[np.argsort(-scores[rows], kind="stable")][:limit]
    return rows[scores[rows] > 0]


def made(
    listed: Sequence[Product], vectors: FloatArray, encoder: Encoder, folder: Path, skip: Sequence[str],
    say: Callable[[str], None],
) -> dict[str, Peer]:  # fmt: skip
    """The peers, as far as they are installed (tests/requirements-benchmarks.txt) and not in `skip`, by name.

    `vectors` `(P, D)`: the titles' own; `folder`: where milli keeps its files.
    """
    ids, texts = [product.product_id for product in listed], [text_of(product) for product in listed]
    ways: dict[str, Callable[[], Peer]] = {
        "bm25s": lambda: Bm25s(ids, texts),
        "tantivy": lambda: Tantivy(ids, texts),
        "FTS5": lambda: Fts5(ids, texts),
        "milli": lambda: Milli(ids, texts, folder),
        "MiniLM": lambda: Vectors(ids, vectors, encoder),
    }
    found: dict[str, Peer] = {}
    for name, make in ways.items():
        if name in skip:
            continue
        try:
            found[name] = make()
        except ImportError as error:
            say(f"{name} is left out: {error}")
    parts = [part for name in ("bm25s", "MiniLM") if isinstance(part := found.get(name), Scored)]
    if len(parts) == 2 and "RRF" not in skip:
        found["RRF"] = Fused(parts)
    return found

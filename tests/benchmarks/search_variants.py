"""Our search as served, without what judgments taught it, and with one part taken away each.

Nothing here has a switch in the product: a part goes by putting another object in its place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from core.artifacts import ArtifactFolder
from core.domain import Product, SearchQuery
from core.ranking.ranker import FormulaRanker, NetworkRanker
from core.retrieval.dense import DenseIndex
from core.retrieval.lexical import Asked, LexicalIndex
from core.retrieval.lexical_build import live_segment, weighted_terms
from core.retrieval.products import Matches, ProductIndex
from core.retrieval.storage import load_products
from core.services.bundle import PRODUCTS, Bundle
from core.services.search import SearchService
from core.services.spelling import SearchSpeller, Spelled
from core.text.normalize import normalize
from core.text.synonyms import Synonyms

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
T = TypeVar("T")

FORMULA_ONLY = "formula for network"


class Ours:
    """A service of its own, so that nothing was asked before. See `search_peers.Peer`."""

    def __init__(self, bundle: Bundle, speller: SearchSpeller | None = None) -> None:
        self._bundle, self._service = bundle, SearchService(bundle)
        if speller is not None:
            self._service._speller = speller

    def best(self, query: str, limit: int) -> list[str]:
        return [hit.product_id for hit in self._service.search(SearchQuery(query, limit=limit)).hits]

    def scores(self, query: str, product_ids: Sequence[str]) -> Mapping[str, float]:
        return self._service.scores_of(query, product_ids)

    def finds_words(self, query: str) -> bool:
        """Whether a product holds even a part of the query, after spelling."""
        index = self._bundle.current.index
        read = self._service._read(SearchQuery(query), normalize(query), index) if index is not None else None
        return bool(read and index and index.lexical.score(read.question.asked)[0].any())


def without_judgments(bundle: Bundle, folder: ArtifactFolder) -> Bundle:
    """The encoder's own vectors, and the formula for a ranker: what a shop has that nobody judged or clicked in."""
    index = load_products(folder.path / PRODUCTS, np.load(folder.path / "product_categories.npy"))
    if bundle.products is not None:
        index = replace(index, synonyms=bundle.products.synonyms)
    return replace(bundle, products=index, ranker=FormulaRanker())


def ablations(bundle: Bundle, products: Sequence[Product]) -> Iterator[tuple[str, Ours]]:
    """Ours as served without one part each; `products` are those of the index, in its order.

    The network knows no vectors but the adapter's: without it there is the formula (`without_judgments`), to be
    compared with `FORMULA_ONLY`.
    """
    index = bundle.products
    assert index is not None
    yield "no spelling", Ours(bundle, AsTyped(index.lexical, {}))
    if isinstance(bundle.ranker, NetworkRanker):
        yield FORMULA_ONLY, Ours(replace(bundle, ranker=FormulaRanker()))
    dense = _as(WithoutNearest, index.dense)
    yield "no dense candidates", Ours(replace(bundle, products=replace(index, dense=dense)))
    yield "no lexical candidates", Ours(replace(bundle, products=_as(NearestOnly, index)))
    if index.synonyms.forms:
        yield "no synonyms", Ours(replace(bundle, products=replace(index, synonyms=Synonyms())))
    if index.lexical.compounds:
        lexical = _without_compounds(index.lexical, products)
        yield "no compounds", Ours(replace(bundle, products=replace(index, lexical=lexical)))


class AsTyped(SearchSpeller):
    """Leaves every query as it is."""

    def spell(self, text: str, lexical: LexicalIndex | None = None) -> Spelled:
        return Spelled(text)


class WithoutNearest(DenseIndex):
    """Finds nothing by itself; vectors still rank what words found."""

    def nearest(self, vector: FloatArray, limit: int) -> tuple[IntArray, FloatArray]:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)


class NearestOnly(ProductIndex):
    """Its results are those near in meaning; words still rank these."""

    def match(self, asked: Sequence[Asked], vector: FloatArray) -> Matches:
        found = super().match(asked, vector)
        at = np.searchsorted(found.rows, found.near)
        return replace(found, rows=found.near, lexical=found.lexical[at], coverage=found.coverage[at])


def _without_compounds(lexical: LexicalIndex, products: Sequence[Product]) -> LexicalIndex:
    """`dish washer` is no `dishwasher`; what terms weigh is as before."""
    segment = live_segment([weighted_terms(product, {}) for product in products], lexical)
    return replace(lexical, base=segment, compounds={})


def _as(kind: type[T], original: Any) -> T:
    """The same data as an object of a subclass."""
    return kind(**{field.name: getattr(original, field.name) for field in fields(original) if field.init})

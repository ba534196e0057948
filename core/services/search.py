"""Search: normalise and spell → lexical and dense candidates, fused → filters and facets → sort → page.

Readable top to bottom; the arithmetic is in `core.retrieval`.
"""

import threading
import time
from collections import OrderedDict

import numpy as np
import numpy.typing as npt

from core.domain import SearchHit, SearchQuery, SearchReply, SortOrder
from core.errors import NoCatalogError
from core.retrieval.products import Matches, ProductIndex
from core.services.bundle import Bundle
from core.text.correct import Corrector
from core.text.embedding import Encoder, FloatArray
from core.text.normalize import normalize
from core.text.terms import asked_terms

_CACHED_VECTORS = 10_000  # 1.5 kB each: the query encoder is the dearest step of a search


class SearchService:
    """Searches one bundle. Thread-safe."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._vectors: OrderedDict[str, FloatArray] = OrderedDict()
        self._lock = threading.Lock()

    def warm_up(self) -> None:
        """Runs one search, so that the first shopper does not pay for lazy set-up. No-op without a catalogue."""
        if self._bundle.products is not None:
            self.search(SearchQuery(self._bundle.category_names[0]))

    def search(self, query: SearchQuery) -> SearchReply:
        """The page `query.offset : query.offset + query.limit` of the result set, its total and its facets.

        A query without any word (emoji, punctuation) finds nothing. Raises NoCatalogError where no catalogue is loaded.
        """
        index, encoder = self._bundle.products, self._bundle.encoder
        if index is None or encoder is None:
            raise NoCatalogError("this shop was set up from queries alone: there are no products to search")
        started = time.perf_counter()
        text = normalize(query.text)
        if not text:
            return SearchReply((), 0, index.columns.facets(np.zeros(0, np.int32), {}), {})
        spelled = spell(text, index, self._bundle.corrector)
        terms = asked_terms(spelled)
        spelled_at = time.perf_counter()
        vector = self._vector(spelled, encoder)
        encoded_at = time.perf_counter()
        matches = index.match(terms, vector)
        matched_at = time.perf_counter()
        masks = index.columns.masks(query.filters)
        facets = index.columns.facets(matches.rows, masks)
        kept = np.ones(len(matches.rows), np.bool_)
        for mask in masks.values():
            kept &= mask[matches.rows]
        order = _sorted(index, matches, np.flatnonzero(kept), query.sort)
        page = order[query.offset : query.offset + query.limit]
        hits = tuple(
            SearchHit(
                index.ids[int(matches.rows[at])],
                round(float(matches.scores[at]), 6),
                {"lexical": float(matches.lexical[at]), "dense": float(matches.dense[at])} if query.explain else None,
            )
            for at in page
        )
        return SearchReply(
            hits,
            total_results=len(order),
            facets=facets,
            stage_ms={
                "spell": 1e3 * (spelled_at - started),
                "encode": 1e3 * (encoded_at - spelled_at),
                "match": 1e3 * (matched_at - encoded_at),
                "facets": 1e3 * (time.perf_counter() - matched_at),
            },
            corrected_query=spelled if spelled != text else None,
            relaxed=None
            if matches.holding_all or not len(matches.rows)
            else "no product has every word: showing the nearest ones",
        )

    def _vector(self, text: str, encoder: Encoder) -> FloatArray:
        with self._lock:
            known = self._vectors.get(text)
            if known is not None:
                self._vectors.move_to_end(text)
                return known
        vector: FloatArray = encoder.encode([text])[0]
        with self._lock:
            self._vectors[text] = vector
            if len(self._vectors) > _CACHED_VECTORS:
                self._vectors.popitem(last=False)
        return vector


def spell(text: str, index: ProductIndex, corrector: Corrector) -> str:
    """Normalised `text` with each word that no product holds replaced by its nearest known word, if there is one."""
    words = []
    for word in text.split():
        if not index.lexical.knows(word):
            nearest = (one.text for one in corrector.words(word) if index.lexical.knows(one.text))
            word = next(nearest, word)
        words.append(word)
    return " ".join(words)


def _sorted(index: ProductIndex, matches: Matches, kept: npt.NDArray[np.intp], sort: SortOrder) -> npt.NDArray[np.intp]:
    """Positions of the kept matches in the asked order; unknown values last, ties by relevance."""
    rows = matches.rows[kept]
    columns = index.columns
    if sort is SortOrder.PRICE_ASC:
        key: npt.NDArray[np.floating] = np.nan_to_num(columns.price[rows], nan=np.inf)
    elif sort is SortOrder.PRICE_DESC:
        key = -np.nan_to_num(columns.price[rows], nan=-np.inf)
    elif sort is SortOrder.RATING:
        key = -np.nan_to_num(columns.rating[rows], nan=-np.inf)
    elif sort is SortOrder.NEWEST:
        key = -columns.created_at[rows].astype(np.float64)
    else:
        return kept  # matches come by falling score
    return kept[np.argsort(key, kind="stable")]

"""Browse: a part of the shop without a query, ranked for its shopper.

All served products that pass the filters → what the shop itself knows of them (rating, popularity, freshness, stock) →
taste → sort → page. Nothing is more relevant than the rest, so taste decides as far as it reaches.
"""

import time
from dataclasses import replace

import numpy as np

from core.domain import AppliedRules, SearchHit, SearchQuery, SearchReply, SortOrder
from core.personalization.shopper import Shopper
from core.ranking.business import Business
from core.retrieval.products import ProductIndex
from core.services.exploration import PLACE as EXPLORED
from core.services.exploration import explored
from core.services.pages import ShownOrder, ShownOrders
from core.services.search_order import Scores, ordered, scored
from core.services.taste import ListTaste, ProductTaste

_RELEVANCE = 0.5  # of every product: leaves room for what is added and taken away


class BrowseService:
    """Lists of one version's products. Thread-safe."""

    def __init__(self, taste: ProductTaste, business: Business) -> None:
        self._taste, self._business = taste, business
        self._shown = ShownOrders()

    def browse(self, index: ProductIndex, query: SearchQuery, shopper: Shopper | None) -> SearchReply:
        """The page `query.offset : query.offset + query.limit` of what passes the filters; its text is not read."""
        asked = replace(query, offset=0, limit=0, request_id=None, page_of=None, rules=None)
        if query.page_of is not None and (shown := self._shown.find(query.page_of, asked)) is not None:
            return shown.page(query)
        started = time.perf_counter()
        rows, masks = index.served_rows, index.columns.masks(query.filters)
        kept = np.ones(len(rows), np.bool_)
        for mask in masks.values():
            kept &= mask[rows]
        matched_at = time.perf_counter()
        relevance = np.full(len(rows), _RELEVANCE, np.float32)
        scores, taste = scored(index, rows, relevance, self._business, (), AppliedRules()), None
        if query.sort is SortOrder.RELEVANCE:
            taste = self._taste.in_list(index, scores, kept, shopper)
        if taste is not None:
            scores = scores.with_taste(taste.at, np.float32(taste.shopper.formula.reach) * taste.taste.final)
        order, lifted = ordered(index, scores, kept, query.sort), None
        if taste is not None:
            seed = (query.page_of or query.request_id) if query.explore else None
            order, lifted = explored(order, scores, taste, seed)
        ranked_at = time.perf_counter()
        reply = SearchReply(
            (),
            total_results=len(order),
            facets=index.columns.facets(rows, masks),
            stage_ms={
                "match": 1e3 * (matched_at - started),
                "rank": 1e3 * (ranked_at - matched_at),
                "facets": 1e3 * (time.perf_counter() - ranked_at),
            },
            personalized=taste is not None,
            arm=taste.arm if taste is not None else "default",
        )
        shown = ShownOrder(asked, index.ids, order, scores.of(order), reply)
        if query.request_id is not None and len(order) > query.limit:
            self._shown.keep(query.request_id, shown)
        page = shown.page(query)
        return replace(
            page, hits=tuple(_detailed(hit, index, scores, taste, lifted, query.explain) for hit in page.hits)
        )


def _detailed(
    hit: SearchHit, index: ProductIndex, scores: Scores, taste: ListTaste | None, lifted: int | None, explain: bool
) -> SearchHit:
    """With what it was ranked by for its shopper, for the log, and on demand with why it stands there."""
    row = index.row_of(hit.product_id)
    at = int(np.searchsorted(scores.rows, row or 0))
    if explain:
        parts = {"relevance": _RELEVANCE} | scores.explained(at)
        parts |= dict(taste.explained(at)) if taste else {}
        parts |= {"explored": float(EXPLORED)} if row == lifted else {}
        hit = replace(hit, explain=parts)
    if taste is not None:
        hit = replace(hit, taste=taste.features(at), raw=round(float(scores.raw[at]), 6))
    return hit

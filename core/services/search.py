"""Search: read the query → lexical and dense matches → facets → rank → sort, rules → page.

Readable top to bottom. The result set is defined in `core.retrieval.products`, what ranks it in `core.ranking`.

Relaxation: where no product has every word, those that have a good part of them come, and the nearest in meaning;
`relaxed` names what the best one lacks (`core.services.relaxed`). Spelling went before.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.domain import (
    AppliedRules,
    EventFacts,
    SearchFilters,
    SearchHit,
    SearchQuery,
    SearchReply,
    SortOrder,
)
from core.errors import NoCatalogError
from core.personalization.shopper import Shopper
from core.ranking.business import Business
from core.ranking.candidates import Question, candidates, question, shortlist
from core.ranking.features import FEATURES, features
from core.ranking.item_facts import ItemFacts
from core.retrieval.products import Matches, ProductIndex
from core.services.browse import BrowseService
from core.services.bundle import Bundle
from core.services.exploration import PLACE as EXPLORED
from core.services.exploration import explored, swapped
from core.services.pages import ShownOrder, ShownOrders
from core.services.recommend import RecommendService
from core.services.recommendation import Reason, Recommendation
from core.services.relaxed import relaxed
from core.services.search_order import Scores, ordered, pinned, scored
from core.services.spelling import SearchSpeller, Spelled
from core.services.spelling_words import spelling_words
from core.services.taste import ListTaste, ProductTaste
from core.services.understanding import QueryReader, Understood
from core.text.embedding import Encoder, FloatArray
from core.text.normalize import normalize
from core.text.terms import asked_terms, terms_of_normalized

_EXPLAINED = ("lexical", "cosine")  # features that people understand
_WARMING = 10  # categories that are searched for at the start: a quarter of a second
_CACHED_VECTORS = 10_000  # 1.5 kB each: encoding takes 2 to 3 ms


@dataclass(frozen=True, slots=True)
class _Ranked:
    """The shortlist: `rows` `(R,)`, ascending, with their features `(R, F)`."""

    rows: npt.NDArray[np.int32]
    features: FloatArray

    def explained(self, row: int) -> dict[str, float]:
        """What speaks for a row, if it is one of them."""
        at = int(np.searchsorted(self.rows, row))
        if at == len(self.rows) or self.rows[at] != row:
            return {}
        return {name: float(self.features[at, FEATURES.index(name)]) for name in _EXPLAINED}


@dataclass(frozen=True, slots=True)
class _Read:
    """A query as it is searched."""

    understood: Understood
    spelled: Spelled
    question: Question


class SearchService:
    """Searches one bundle. Thread-safe. `swaps`: share of lists in which chance swaps two places."""

    def __init__(self, bundle: Bundle, swaps: float = 0.0) -> None:
        self._bundle, self._swaps = bundle, swaps
        self._vectors: OrderedDict[str, FloatArray] = OrderedDict()
        self._lock = threading.Lock()
        self._shown = ShownOrders()
        products = bundle.products
        if products is not None:
            self._reader = QueryReader(products.columns, self._named)
            words = spelling_words(bundle.known_words.counts, products.columns, products.lexical)
            self._speller = SearchSpeller(products.lexical, words)
            self._business = Business.of(products.columns)
            self._taste = ProductTaste(ItemFacts.of(products, bundle.category_names), bundle.reranker)
            self._recommender = RecommendService(bundle.current, self._taste, self._business)
            self._browser = BrowseService(self._taste, self._business)

    def warm_up(self) -> None:
        """Runs some searches, a misspelt one and one with a limit among them, so that the first shoppers pay neither
        for lazy set-up nor for what is read from disk. No-op without a catalogue."""
        if self._bundle.products is not None:
            for name in self._bundle.category_names[:_WARMING]:
                self.search(SearchQuery(name))
                self.search(SearchQuery(f"{name[1:]} under 500"))

    def recommend(
        self, shopper: Shopper, limit: int, product_id: str | None, reasons: Sequence[Reason], *, explain: bool
    ) -> list[Recommendation]:
        """As `core.services.recommend.RecommendService.recommend`."""
        if self._bundle.products is None:
            raise NoCatalogError("this shop was set up from queries alone: there are no products to recommend")
        return self._recommender.recommend(shopper, limit, product_id, reasons, explain=explain)

    def serves(self, product_id: str) -> bool:
        """Whether a product is in the index now."""
        index = self._bundle.current.index
        return index is not None and index.row_of(product_id) is not None

    def event_facts(self, product_id: str | None, skipped: Sequence[str] = ()) -> EventFacts:
        """What is known now of an event's product, and of what stood above it and was left alone."""
        index = self._bundle.current.index
        if index is None or product_id is None:
            return EventFacts(skipped=tuple(skipped))
        return self._taste.facts.facts(index, product_id, skipped)

    def search(self, query: SearchQuery, shopper: Shopper | None = None) -> SearchReply:
        """The page `query.offset : query.offset + query.limit` of the result set, its total and its facets.

        Sorted by relevance, it is ranked for the `shopper`, if there is one. An empty text asks for everything
        (`core.services.browse`); one without any word (emoji, punctuation) finds nothing. Raises NoCatalogError where
        no catalogue is loaded.
        """
        index, encoder = self._bundle.current.index, self._bundle.encoder
        if index is None or encoder is None:
            raise NoCatalogError("this shop was set up from queries alone: there are no products to search")
        if not query.text:
            return self._browser.browse(index, query, shopper)
        asked = replace(query, offset=0, limit=0, request_id=None, page_of=None, rules=None)
        if query.page_of is not None and (shown := self._shown.find(query.page_of, asked)) is not None:
            return shown.page(query)
        started = time.perf_counter()
        normal = normalize(query.text)
        rules = query.rules(normal) if query.rules else AppliedRules()
        read = self._read(query, normal, index)
        if read is None:
            nothing = index.columns.facets(np.zeros(0, np.int32), {})
            return SearchReply((), 0, nothing, {}, redirect=rules.redirect)
        read_at = time.perf_counter()
        vector = index.query_vector(self._vector(read.spelled.text, encoder), read.question.terms)
        encoded_at = time.perf_counter()
        matches = index.match(read.question.asked, vector)
        matched_at = time.perf_counter()
        relevance, ranked = self._relevance(index, read.question, matches, vector)
        ranked_at = time.perf_counter()
        understood, dropped = read.understood, ""
        masks, kept = _kept(index, matches, understood.filters)
        if not kept.any() and understood.filters != query.filters:  # what was read out of the words may leave nothing
            own_masks, loosened = _kept(index, matches, query.filters)
            if loosened.any():
                masks, kept = own_masks, loosened
                dropped, understood = understood.limits, understood.loosened(query.filters)
        scores = scored(index, matches.rows, relevance, self._business, understood.preferences, rules)
        taste = None
        if query.sort is SortOrder.RELEVANCE:
            taste = self._taste.in_list(index, scores, kept, shopper)
        if taste is not None:
            scores = scores.with_taste(taste.at, np.float32(taste.shopper.formula.reach) * taste.taste.final)
        order, lifted = ordered(index, scores, kept, query.sort), None
        seed = (query.page_of or query.request_id) if query.explore else None
        if taste is not None:
            order, lifted = explored(order, scores, taste, seed)
        lots = query.sort is SortOrder.RELEVANCE and not rules.pins
        order, drawn = swapped(order, self._swaps if lots else 0.0, seed)
        if query.sort is SortOrder.RELEVANCE:
            order = pinned(index, order, rules, masks)
        lacking = relaxed(index, read.question.asked, read.spelled.text, matches, kept, _best(scores, kept), dropped)
        facets = index.columns.facets(np.union1d(matches.rows, order).astype(np.int32), masks)
        reply = SearchReply(
            (),
            total_results=len(order),
            facets=facets,
            stage_ms={
                "read": 1e3 * (read_at - started),
                "encode": 1e3 * (encoded_at - read_at),
                "match": 1e3 * (matched_at - encoded_at),
                "rank": 1e3 * (ranked_at - matched_at),
                "facets": 1e3 * (time.perf_counter() - ranked_at),
            },
            corrected_query=read.spelled.text if read.spelled.changed else None,
            relaxed=lacking,
            understood=understood.parts,
            redirect=rules.redirect,
            did_you_mean=read.spelled.suggestion,
            personalized=taste is not None,
            arm=taste.arm if taste is not None else "default",
        )
        shown = ShownOrder(asked, index.ids, order, scores.of(order), reply)
        if query.request_id is not None and len(order) > query.limit:
            self._shown.keep(query.request_id, shown)
        page = shown.page(query)
        return replace(page, hits=_detailed(page.hits, index, scores, ranked, taste, lifted, drawn, query.explain))

    def scores_of(self, text: str, product_ids: Sequence[str]) -> dict[str, float]:
        """Relevance in [0, 1] of products that are in the catalogue as answers to `text`, matches of it or not.

        For measuring: each is ranked beside the query's shortlist. Raises NoCatalogError where no catalogue is loaded.
        """
        index, encoder = self._bundle.current.index, self._bundle.encoder
        if index is None or encoder is None:
            raise NoCatalogError("this shop was set up from queries alone: there are no products to search")
        read = self._read(SearchQuery(text), normalize(text), index)
        wanted = {one: row for one in product_ids if (row := index.row_of(one)) is not None}
        if read is None:
            return dict.fromkeys(wanted, 0.0)
        vector = index.query_vector(self._vector(read.spelled.text, encoder), read.question.terms)
        rows = np.union1d(shortlist(index, index.match(read.question.asked, vector), vector), list(wanted.values()))
        rows = rows.astype(np.int32)
        lexical, coverage = index.lexical.score(read.question.asked)
        found = candidates(index, read.question, vector, rows, lexical[rows], coverage[rows])
        scores = self._bundle.ranker.score(features(found))
        return {one: float(scores[np.searchsorted(rows, row)]) for one, row in wanted.items()}

    def _read(self, query: SearchQuery, normal: str, index: ProductIndex) -> _Read | None:
        """`normal` is the query's normalised text. None for a query without any word."""
        understood = self._reader.read(query.text) if query.interpret else Understood(normal)
        understood = understood.beside(query.filters)
        if not understood.text:
            return None
        spelled = self._speller.spell(understood.text, index.lexical)
        needed = " ".join(word for word in spelled.text.split() if word not in understood.optional)
        every = terms_of_normalized(needed) or terms_of_normalized(spelled.text)
        return _Read(understood, spelled, question(index, asked_terms(needed) or every, every))

    def _named(self, own: str, neighbour: str) -> float:
        """`ProductIndex.share_naming` for words, live changes included."""
        index = self._bundle.current.index
        return index.share_naming(asked_terms(own), asked_terms(neighbour)) if index else 0.0

    def _relevance(
        self, index: ProductIndex, asked: Question, matches: Matches, vector: FloatArray
    ) -> tuple[FloatArray, _Ranked]:
        """Scores `(R,)` of the matches in [0, 1], and what those that are ranked were ranked by.

        The shortlist is ranked by all features; the rest follows it, by BM25.
        """
        rows = shortlist(index, matches, vector)
        at = np.searchsorted(matches.rows, rows)
        found = candidates(index, asked, vector, rows, matches.lexical[at], matches.coverage[at])
        table = features(found)
        ranked = self._bundle.ranker.score(table)
        relevance = np.zeros(len(matches.rows), np.float32)
        if len(rows) < len(matches.rows) and len(rows):
            best = max(float(matches.lexical.max()), 1e-6)
            relevance = (np.float32(0.99) * ranked.min() * matches.lexical / np.float32(best)).astype(np.float32)
        relevance[at] = ranked
        return relevance, _Ranked(rows, table)

    def _vector(self, text: str, encoder: Encoder) -> FloatArray:
        with self._lock:
            known = self._vectors.get(text)
            if known is not None:
                self._vectors.move_to_end(text)
                return known
        vector: FloatArray = encoder.encode_query(text)
        with self._lock:
            self._vectors[text] = vector
            if len(self._vectors) > _CACHED_VECTORS:
                self._vectors.popitem(last=False)
        return vector


def _kept(
    index: ProductIndex, matches: Matches, filters: SearchFilters
) -> tuple[dict[str, npt.NDArray[np.bool_]], npt.NDArray[np.bool_]]:
    """The mask of each filter over all products, and which of the matches `(R,)` pass all of them."""
    masks = index.columns.masks(filters)
    kept = np.ones(len(matches.rows), np.bool_)
    for mask in masks.values():
        kept &= mask[matches.rows]
    return masks, kept


def _best(scores: Scores, kept: npt.NDArray[np.bool_]) -> int | None:
    """The row of the best of those that are `kept` `(R,)`, by relevance."""
    return int(scores.rows[np.argmax(np.where(kept, scores.relevance, -1))]) if kept.any() else None


def _detailed(
    hits: Sequence[SearchHit],
    index: ProductIndex,
    scores: Scores,
    ranked: _Ranked,
    taste: ListTaste | None,
    lifted: int | None,
    drawn: Mapping[int, tuple[float, int]],
    explain: bool,
) -> tuple[SearchHit, ...]:
    """The hits with what they were ranked by for their shopper, for the log, and on demand with why they stand there.

    `relevance` + `business` + `preference` + `rule` + `taste` is what orders them, those that are pinned aside, and
    one that was `explored` (its place); `taste` is the reach times `final`, which the components and their weights
    make, where no learnt model does.
    """
    detailed = []
    for hit in hits:
        row = index.row_of(hit.product_id)
        at = -1 if row is None else int(np.searchsorted(scores.rows, row))
        parts: dict[str, float] = {}
        if row is not None and at < len(scores.rows) and scores.rows[at] == row:
            if explain:
                relevance = {"relevance": round(float(scores.relevance[at]), 6)}
                parts = relevance | ranked.explained(row) | scores.explained(at)
                parts |= dict(taste.explained(at)) if taste else {}
                parts |= {"explored": float(EXPLORED)} if row == lifted else {}
            if taste is not None:
                hit = replace(hit, taste=taste.features(at), raw=round(float(scores.raw[at]), 6))
        if row is not None and row in drawn:
            hit = replace(hit, propensity=drawn[row][0], natural_rank=drawn[row][1])
        detailed.append(replace(hit, explain=parts) if explain else hit)
    return tuple(detailed)

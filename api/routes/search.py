"""POST /search and /browse: the products for a query, or of a part of the shop."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter

from api.cards import card_facts, cards_of_hits
from api.dependencies import STOREFRONT, Authorization, RequestId, State
from api.errors import problem_responses
from api.experiments import PRODUCTS, SHOPPER, assigned, logged, search_changes, shopper_in
from api.interleaving import FoundProducts, interleaving_of, searched
from api.schemas.search import (
    BrowseRequest,
    FacetRangeBody,
    FacetsBody,
    FacetValueBody,
    Filters,
    SearchRequest,
    SearchResponse,
    UnderstoodBody,
)
from api.security import Caller
from api.state import AppState
from core.domain import (
    Action,
    Engagement,
    FacetRange,
    Facets,
    FacetValue,
    SearchHit,
    SearchQuery,
    SearchReply,
    SortOrder,
)
from core.errors import OverloadedError
from core.experiments.assignment import Assignment
from core.personalization.shopper import Shopper
from database.repositories.lists import EXPERIMENT_ARM, ListLog, ShownItem, items_text

router = APIRouter(tags=["storefront"])


@router.post(
    "/search",
    response_model_exclude_unset=True,
    responses=problem_responses(401, 403, 409, 503),
    openapi_extra=STOREFRONT,
)
async def search(
    body: SearchRequest, state: State, request_id: RequestId, authorization: Authorization = None
) -> SearchResponse:
    """Products with facets, one page of them. Without a catalogue: the problem `no_catalog` (409)."""
    begun = time.perf_counter()
    caller = state.gate.caller(authorization, body.session_id, body.user_id)
    query = replace(
        _listed(body, request_id),
        text=body.query,
        interpret=body.interpret,
        rules=partial(state.search_rules.current.for_query, now=datetime.now(UTC)),
    )
    response, reply = await _answer(state, caller, body, query, begun)
    if query.offset == 0 and reply.total_results > 0 and body.completed and not body.preview:
        _record_completed_query(state, request_id, caller, query.text)
    return response


@router.post(
    "/browse",
    response_model_exclude_unset=True,
    responses=problem_responses(401, 403, 409, 503),
    openapi_extra=STOREFRONT,
)
async def browse(
    body: BrowseRequest, state: State, request_id: RequestId, authorization: Authorization = None
) -> SearchResponse:
    """A part of the shop that nobody typed a query for, as `filters` cut it out: a department, a brand, everything."""
    begun = time.perf_counter()
    caller = state.gate.caller(authorization, body.session_id, body.user_id)
    response, _ = await _answer(state, caller, body, _listed(body, request_id), begun)
    return response


def _listed(body: BrowseRequest, request_id: str) -> SearchQuery:
    """What lists with and without a query have in common."""
    return SearchQuery(
        text="",
        limit=body.max_results,
        offset=body.offset,
        filters=(body.filters or Filters()).to_domain(),
        sort=body.sort,
        explain=body.explain,
        request_id=request_id,
        page_of=body.request_id,
    )


async def _answer(
    state: AppState, caller: Caller, body: BrowseRequest, query: SearchQuery, begun: float
) -> tuple[SearchResponse, SearchReply]:
    """Finds, logs and shapes one page; `begun` in seconds of `time.perf_counter()`."""
    may_know = body.include_personalization and caller.is_known and (body.session_id or caller.user_key)
    shopper = await state.shoppers.find(caller) if may_know else None
    assignment = assigned(state, caller, known=bool(body.session_id))
    found = await _found(state, assignment, query, shopper)
    reply = found.reply
    known = await card_facts(state.database, [hit.product_id for hit in reply.hits])
    state.metrics.stages("search" if query.text else "browse", reply.stage_ms)
    if not body.preview and (reply.hits or query.offset == 0):  # past the end nothing was shown
        _log_list(state, found, assignment, caller, query)
    said = {
        "stage_ms": reply.stage_ms if query.explain else None,
        "corrected_query": reply.corrected_query,
        "relaxed": reply.relaxed,
        "understood": [UnderstoodBody(**asdict(part)) for part in reply.understood] or None,
        "redirect": reply.redirect,
        "did_you_mean": reply.did_you_mean,
    }
    response = SearchResponse(
        products=cards_of_hits(reply.hits, known, explain=query.explain),
        total_results=reply.total_results,
        personalized=reply.personalized,
        response_time_ms=(time.perf_counter() - begun) * 1_000,
        session_id=caller.session_id,
        request_id=query.request_id or "",
        facets=_facets(reply.facets),
        **{name: value for name, value in said.items() if value is not None},
    )
    return response, reply


def _record_completed_query(state: AppState, request_id: str, caller: Caller, text: str) -> None:
    """Remember a query that found something, with the next commit. A failure is only counted: the answer goes out."""
    event = Engagement(
        event_id=str(uuid.uuid4()),
        action=Action.SEARCH,
        occurred_at=datetime.now(UTC),
        session_id=caller.stored_session,
        user_key=caller.user_key,
        query=text,
        request_id=request_id,
    )
    if caller.is_known:
        state.sessions.note(caller.session_key, caller.user_key, text, event.occurred_at)
    try:
        state.writer.append_soon(event)
    except OverloadedError:
        state.writer.events_lost += 1


def _logged_score(hit: SearchHit) -> float:
    """Not clipped, where somebody learns from it."""
    return hit.score if hit.raw is None else hit.raw


async def _found(state: AppState, assignment: Assignment, query: SearchQuery, shopper: Shopper | None) -> FoundProducts:
    """The page as the arms of the request say."""
    interleaving = interleaving_of(assignment, PRODUCTS)
    if interleaving is not None and query.sort is SortOrder.RELEVANCE:
        return await searched(state, interleaving, assignment, query, shopper)
    served = state.serving(assignment.changes)
    reply = await served.search.search(query, shopper_in(shopper, assignment.changes))
    return FoundProducts(reply, (), served.models.version)


def _log_list(
    state: AppState, found: FoundProducts, assignment: Assignment, caller: Caller, query: SearchQuery
) -> None:
    reply, request_id, now = found.reply, query.request_id or "", datetime.now(UTC)
    shaped = logged(assignment, search_changes(reply), caller, request_id, now, interleaved=found.differs)
    credit: Sequence[float | None] = found.credits if found.differs else [None] * len(reply.hits)
    state.writer.log_list(
        ListLog(
            request_id=request_id,
            kind="search" if query.text else "browse",
            session_id=caller.session_key,
            user_key=caller.user_key,
            query=query.text,
            items=items_text(
                ShownItem(
                    hit.product_id,
                    query.offset + rank,
                    query.sort.value,
                    _logged_score(hit),
                    hit.explain or {},
                    hit.taste,
                    credit[rank - 1],
                    hit.propensity,
                    hit.natural_rank,
                )
                for rank, hit in enumerate(reply.hits, 1)
            ),
            artifact_version=found.version,
            arm=EXPERIMENT_ARM if found.differs or assignment.changes.names & SHOPPER else reply.arm,
            created_at=now,
            experiments=shaped.experiments,
            exposures=shaped.exposures,
        )
    )


def _facets(facets: Facets) -> FacetsBody:
    def values(found: tuple[FacetValue, ...]) -> list[FacetValueBody]:
        return [FacetValueBody(value=one.value, count=one.count) for one in found]

    def ranges(found: tuple[FacetRange, ...]) -> list[FacetRangeBody]:
        return [FacetRangeBody(low=one.low, high=one.high, count=one.count) for one in found]

    return FacetsBody(
        category=values(facets.category),
        brand=values(facets.brand),
        price=ranges(facets.price),
        rating=ranges(facets.rating),
        in_stock=facets.in_stock,
        attributes={name: values(found) for name, found in facets.attributes.items()},
    )

"""POST /autosuggest: one keystroke."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request

from api.cards import card_facts, cards_below_suggestion
from api.completion import complete
from api.dependencies import STOREFRONT, Authorization, request_id_of, state_of
from api.direct_route import DirectRoute
from api.errors import problem_responses
from api.experiments import SUGGESTIONS, assigned, logged, shopper_in, suggestion_changes
from api.finished import Finished
from api.interleaving import interleaving_of, suggested
from api.schemas.autosuggest import AutosuggestRequest, AutosuggestResponse
from api.session_context import PATIENCE_SECONDS
from core.domain import SuggestQuery
from core.experiments.definition import Changes
from database.repositories.lists import ListLog

router = APIRouter(tags=["storefront"], route_class=DirectRoute)


@router.post(
    "/autosuggest",
    response_model_exclude_unset=True,
    responses=problem_responses(401, 403, 503),
    openapi_extra=STOREFRONT,
)
async def autosuggest(
    body: AutosuggestRequest, request: Request, authorization: Authorization = None
) -> AutosuggestResponse:
    """Completions of what was typed so far. Empty input gives recent and trending queries."""
    begun = time.perf_counter()
    state, request_id = state_of(request), request_id_of(request)
    caller = state.gate.caller(authorization, body.session_id, body.user_id)
    nothing_typed = not body.query_prefix.strip()
    may_know = body.include_personalization and caller.is_known and (body.session_id or caller.user_key)
    pressed = state.metrics.pressed  # then what is not at hand is done without, and counted
    previous = await state.sessions.previous(caller.session_key, caller.user_key, at_hand=pressed) if may_know else ()
    shopper = await state.shoppers.find(caller, 0 if pressed else PATIENCE_SECONDS) if may_know else None
    assignment = assigned(state, caller, known=bool(body.session_id))
    asked = SuggestQuery(
        prefix=body.query_prefix,
        limit=body.max_suggestions,
        category=body.category,
        recent=tuple(query.text for query in previous) if nothing_typed else (),
        previous=() if nothing_typed else previous,
        trending=state.trending.queries if nothing_typed else (),
        include_products=body.include_products,
        explain=body.explain,
    )

    async def complete_in(changes: Changes) -> Finished:
        query = replace(asked, beam_width=changes.beam_width, diversity=changes.suggestion_diversity)
        return await complete(state, state.serving(changes), query, begun, shopper_in(shopper, changes))

    interleaving, differs = None if nothing_typed else interleaving_of(assignment, SUGGESTIONS), False
    if interleaving is None:
        finished = await complete_in(assignment.changes)
    else:
        both = await suggested(
            interleaving, assignment, complete_in, request_id, body.max_suggestions, explain=body.explain
        )
        finished, differs = both.finished, both.differs
    reply = finished.reply
    if not body.preview:
        now = datetime.now(UTC)
        possible = frozenset() if nothing_typed else suggestion_changes(reply, shopper)
        shaped = logged(assignment, possible, caller, request_id, now, interleaved=differs)
        state.writer.log_list(
            ListLog(
                request_id=request_id,
                kind="suggest",
                session_id=caller.session_key,
                user_key=caller.user_key,
                query=body.query_prefix,
                items=finished.shown,
                artifact_version=state.serving(assignment.changes).models.version,
                created_at=now,
                experiments=shaped.experiments,
                exposures=shaped.exposures,
            )
        )
    more: dict[str, Any] = {"stage_ms": reply.stage_ms} if body.explain else {}
    if body.include_products:
        known = await card_facts(state.database, reply.product_ids)
        more["products"] = cards_below_suggestion(reply.product_ids, known)
    return AutosuggestResponse(
        suggestions=finished.texts,
        personalized=reply.personalized,
        response_time_ms=(time.perf_counter() - begun) * 1_000,
        session_id=caller.session_id,
        request_id=request_id,
        items=finished.items,
        scopes=finished.scopes,
        **more,
    )

"""POST /recommendations: products that nobody searched for."""

import time
from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter

from api.cards import card_facts
from api.dependencies import STOREFRONT, Authorization, RequestId, State
from api.errors import problem_responses
from api.experiments import SHOPPER, VERSION, assigned, logged, shopper_in
from api.schemas.recommendations import RecommendationsRequest, RecommendationsResponse, RecommendedProduct
from database.repositories.lists import ListLog, ShownItem, items_text

router = APIRouter(tags=["storefront"])


@router.post(
    "/recommendations",
    response_model_exclude_unset=True,
    responses=problem_responses(401, 403, 404, 409, 503),
    openapi_extra=STOREFRONT,
)
async def recommendations(
    body: RecommendationsRequest, state: State, request_id: RequestId, authorization: Authorization = None
) -> RecommendationsResponse:
    """Products for this shopper, or beside one product, each with its reason; what is known decides which apply.

    Without a catalogue: the problem `no_catalog` (409); a product that it does not hold: `unknown_product` (404).
    """
    begun = time.perf_counter()
    caller = state.gate.caller(authorization, body.session_id, body.user_id)
    may_know = body.include_personalization and caller.is_known and (body.session_id or caller.user_key)
    shopper = await state.shoppers.find(caller) if may_know else state.shoppers.nobody()
    assignment = assigned(state, caller, known=bool(body.session_id))
    models = state.serving(assignment.changes).models
    ranked_for = shopper_in(shopper, assignment.changes) or shopper
    found = await state.threads.run(
        partial(models.recommend, ranked_for, body.max_results, body.product_id, body.reasons, explain=body.explain)
    )
    known = await card_facts(state.database, [one.product_id for one in found])
    shown = [one for one in found if one.product_id in known]
    now, possible = datetime.now(UTC), VERSION | (SHOPPER if shopper.is_known else frozenset())
    shaped = logged(assignment, possible, caller, request_id, now)
    state.writer.log_list(
        ListLog(
            request_id=request_id,
            kind="recommend",
            session_id=caller.session_key,
            user_key=caller.user_key,
            query=body.product_id or "",
            items=items_text(
                ShownItem(one.product_id, rank, one.reason.value, one.score) for rank, one in enumerate(shown, 1)
            ),
            artifact_version=models.version,
            created_at=now,
            experiments=shaped.experiments,
            exposures=shaped.exposures,
        )
    )
    return RecommendationsResponse(
        products=[
            RecommendedProduct(
                **known[one.product_id],
                score=one.score,
                reason=one.reason,
                **({"explain": one.explain or {}} if body.explain else {}),
            )
            for one in shown
        ],
        personalized=shopper.is_known,
        response_time_ms=(time.perf_counter() - begun) * 1_000,
        session_id=caller.session_id,
        request_id=request_id,
    )

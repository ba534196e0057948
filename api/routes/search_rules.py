"""GET, POST and DELETE /admin/search-rules: pinned, boosted and buried products, and redirects."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime

from fastapi import APIRouter, Depends

from api.dependencies import State, audited, require_admin
from api.errors import ProblemError, problem_responses
from api.routes.rules import RuleId
from api.schemas.search_rules import SearchRuleRequest, SearchRuleResponse, SearchRulesResponse
from api.state import AppState
from database.repositories.search_rules import NewSearchRule, SearchRuleKind, SearchRuleRepository, SearchRuleRow

router = APIRouter(
    prefix="/admin/search-rules", tags=["operations"], dependencies=[Depends(require_admin), Depends(audited)]
)

_STRENGTH = 0.2  # moves a product past its neighbours, not past what fits far better


@router.get("", responses=problem_responses(401, 403, 503))
async def search_rules(state: State) -> SearchRulesResponse:
    """Every rule, those that are over among them."""
    async with state.database.reading() as session:
        found = await SearchRuleRepository(session).all()
    return SearchRulesResponse(rules=[await _response(state, row) for row in found])


@router.post("", status_code=201, responses=problem_responses(401, 403, 503))
async def add_search_rule(body: SearchRuleRequest, state: State) -> SearchRuleResponse:
    """Adds a rule. In force here when this answers, in other workers within SUGGESTION_REFRESH_SECONDS."""
    values = body.model_dump()
    if body.kind is SearchRuleKind.PIN:
        values["position"] = body.position or 1
    elif body.kind is not SearchRuleKind.REDIRECT:
        values["strength"] = body.strength or _STRENGTH
    async with state.database.transaction() as session:
        row = await SearchRuleRepository(session).add(NewSearchRule(created_at=datetime.now(UTC), **values))
    await state.search_rules.refresh()
    return await _response(state, row)


@router.delete("/{rule_id}", status_code=204, responses=problem_responses(401, 403, 404, 503))
async def delete_search_rule(rule_id: RuleId, state: State) -> None:
    """Deletes a rule; in force as with adding."""
    async with state.database.transaction() as session:
        found = await SearchRuleRepository(session).delete(rule_id)
    if not found:
        raise ProblemError(404, "unknown_rule", "There is no rule with this id.")
    await state.search_rules.refresh()


async def _response(state: AppState, row: SearchRuleRow) -> SearchRuleResponse:
    live = state.models.catalog
    if live is None or row.kind is SearchRuleKind.REDIRECT:
        return SearchRuleResponse(**asdict(row))
    moved = await asyncio.to_thread(live.count_moved, row.product_id, row.field, row.value)  # looks at every product
    return SearchRuleResponse(**asdict(row), products=moved)

"""GET, POST and DELETE /admin/suggestion-rules: what is never suggested, and what stands first."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.dependencies import State, audited, require_admin
from api.errors import ProblemError, problem_responses
from api.schemas.rules import RuleRequest, RuleResponse, RulesResponse
from database.repositories.suggestion_rules import Match, RuleKind, SuggestionRuleRepository

router = APIRouter(
    prefix="/admin/suggestion-rules", tags=["operations"], dependencies=[Depends(require_admin), Depends(audited)]
)

RuleId = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("", responses=problem_responses(401, 403, 503))
async def rules(state: State) -> RulesResponse:
    """Every rule."""
    async with state.database.reading() as session:
        found = await SuggestionRuleRepository(session).all()
    return RulesResponse(rules=[RuleResponse(**asdict(row)) for row in found])


@router.post("", status_code=201, responses=problem_responses(401, 403, 503))
async def add_rule(body: RuleRequest, state: State) -> RuleResponse:
    """Adds a rule. In force here when this answers, in other workers within SUGGESTION_REFRESH_SECONDS."""
    is_block = body.kind is RuleKind.BLOCK
    async with state.database.transaction() as session:
        row = await SuggestionRuleRepository(session).add(
            body.kind,
            body.text,
            datetime.now(UTC),
            match=(body.match or Match.EXACT) if is_block else None,
            prefix=body.prefix,
            position=None if is_block else body.position or 1,
        )
    await state.rules.refresh()
    return RuleResponse(**asdict(row))


@router.delete("/{rule_id}", status_code=204, responses=problem_responses(401, 403, 404, 503))
async def delete_rule(rule_id: RuleId, state: State) -> None:
    """Deletes a rule; in force as with adding."""
    async with state.database.transaction() as session:
        found = await SuggestionRuleRepository(session).delete(rule_id)
    if not found:
        raise ProblemError(404, "unknown_rule", "There is no rule with this id.")
    await state.rules.refresh()

"""GET /analytics/user/{user_id}: for operators, and for oneself."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import Authorization, State
from api.errors import ProblemError, problem_responses
from api.schemas.base import UserIdText
from api.schemas.users import UserAnalytics
from api.state import AppState
from api.user_analytics import find_user

router = APIRouter(tags=["users"])


@router.get("/analytics/user/{user_id}", responses=problem_responses(401, 403, 404, 503))
async def analytics(
    state: State, user_id: Annotated[UserIdText, Path()], authorization: Authorization = None
) -> UserAnalytics:
    """Profile, engagement, preferences and sessions of one user. Needs the admin key, or the user's session token."""
    _require_oneself(state, authorization, user_id)
    key = state.gate.users.key(user_id)
    return await state.database.count(partial(find_user, user_id=user_id, user_key=key, now=datetime.now(UTC)))


def _require_oneself(state: AppState, authorization: str | None, user_id: str) -> None:
    """Raises ProblemError: 401 without the key or a token, 403 with another user's token."""
    if authorization is None or state.gate.is_operator(authorization):
        state.gate.require_operator(authorization)
    elif state.gate.claims(authorization).user_id != user_id:
        raise ProblemError(403, "user_mismatch", "The token belongs to another user.", field="user_id")

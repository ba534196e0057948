"""GET /analytics/user/{user_id}: for operators, and for oneself."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path

from api.dependencies import ONESELF, Authorization, State
from api.errors import problem_responses
from api.schemas.base import UserIdText
from api.schemas.users import UserAnalytics
from api.user_analytics import find_user
from core.access import Scope

router = APIRouter(tags=["users"])


@router.get("/analytics/user/{user_id}", responses=problem_responses(401, 403, 404, 503), openapi_extra=ONESELF)
async def analytics(
    state: State, user_id: Annotated[UserIdText, Path()], authorization: Authorization = None
) -> UserAnalytics:
    """Profile, engagement, preferences and sessions of one user. Needs the admin key, or the user's session token."""
    state.gate.require_oneself(authorization, user_id, Scope.ANALYTICS)
    key = state.gate.users.key(user_id)
    return await state.database.count(partial(find_user, user_id=user_id, user_key=key, now=datetime.now(UTC)))

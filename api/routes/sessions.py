"""POST /user/session/start: a visit begins."""

import uuid
from datetime import UTC, datetime

from fastapi import APIRouter

from api.dependencies import State
from api.errors import problem_responses
from api.schemas.sessions import SessionStartRequest, SessionStartResponse
from api.security import SessionClaims
from database.repositories.sessions import SessionRepository, ShopSession

router = APIRouter(prefix="/user/session", tags=["storefront"])


@router.post("/start", responses=problem_responses(503))
async def start_session(body: SessionStartRequest, state: State) -> SessionStartResponse:
    """A new session with its token. Without a `user_id` the visitor is a guest, known by a random id."""
    claims = SessionClaims(
        session_id=uuid.uuid4().hex,
        user_id=f"guest-{uuid.uuid4().hex}" if body.user_id is None else body.user_id,
    )
    visit = ShopSession(
        session_id=claims.session_id,
        started_at=datetime.now(UTC),
        user_key=state.gate.users.key(claims.user_id),
        device=body.device,
        locale=body.locale,
        location=body.location,
        referrer=body.referrer,
    )
    async with state.database.transaction() as session:
        await SessionRepository(session).add(visit)
    return SessionStartResponse(
        session_id=claims.session_id,
        user_id=claims.user_id,
        session_token=state.gate.tokens.issue(claims),
        experiments={},
    )

"""POST /user/session/start: a visit begins."""

import re
import uuid
from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter

from api.dependencies import Authorization, State
from api.errors import ProblemError, problem_responses
from api.experiments import assigned
from api.schemas.sessions import SessionStartRequest, SessionStartResponse
from api.security import Caller, SessionClaims
from api.state import AppState
from database.repositories.profiles import merge, owner_of
from database.repositories.sessions import SessionRepository, ShopSession

router = APIRouter(prefix="/user/session", tags=["storefront"])
GUEST = "guest-"
_GUEST_ID = re.compile(GUEST + r"[0-9a-f]{32}")


@router.post("/start", responses=problem_responses(503))
async def start_session(
    body: SessionStartRequest, state: State, authorization: Authorization = None
) -> SessionStartResponse:
    """A new session with its token. Without a `user_id` the visitor is a guest, known by a random id.

    Who signs in takes along what was done before: as the guest of the token that comes with the request, or in the
    session without a token that `session_id` names.
    """
    before = _anonymous(state, authorization, body.session_id)
    claims = SessionClaims(
        session_id=uuid.uuid4().hex,
        user_id=f"{GUEST}{uuid.uuid4().hex}" if body.user_id is None else body.user_id,
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
    state.shoppers.begin(visit)
    if body.user_id is not None and before is not None:
        into = owner_of(visit.user_key, visit.session_id) or ""
        merged = await state.database.commit(partial(merge, owner=before, into=into, clock=_now))
        await state.profiles.merged(before)
        if merged is not None:
            await state.profiles.changed([merged])
    return SessionStartResponse(
        session_id=claims.session_id,
        user_id=claims.user_id,
        session_token=state.gate.tokens.issue(claims),
        experiments=assigned(state, Caller(claims.session_id, visit.user_key), known=True).arms,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _anonymous(state: AppState, authorization: str | None, session_id: str | None) -> str | None:
    """Whose history a visitor without a name has: a guest's, or a session's; None for a user that is known already."""
    if authorization is not None and not state.gate.is_operator(authorization):
        try:
            claims = state.gate.claims(authorization)
        except ProblemError:  # too old, or not ours: a new session is what this call is for
            return None
        if not _GUEST_ID.fullmatch(claims.user_id):
            return None
        return owner_of(state.gate.users.key(claims.user_id), claims.session_id)
    return owner_of(None, session_id)

"""POST /user/session/start: a visit begins."""

import re
import uuid
from datetime import UTC, datetime
from functools import partial

from fastapi import APIRouter

from api.dependencies import STOREFRONT, ApiKeyHeader, Authorization, State
from api.errors import ProblemError, problem_responses
from api.experiments import assigned
from api.schemas.sessions import SessionStartRequest, SessionStartResponse
from api.state import AppState
from api.tokens import SessionClaims
from database.repositories.profiles import merge, owner_of
from database.repositories.sessions import SessionRepository, ShopSession

router = APIRouter(prefix="/user/session", tags=["storefront"])
GUEST = "guest-"
_GUEST_ID = re.compile(GUEST + r"[0-9a-f]{32}")


@router.post("/start", responses=problem_responses(401, 403, 503), openapi_extra=STOREFRONT)
async def start_session(
    body: SessionStartRequest, state: State, authorization: Authorization = None, api_key: ApiKeyHeader = None
) -> SessionStartResponse:
    """A new session with its token. Without a `user_id` the visitor is a guest, known by a random id.

    That a visitor is `user_id` is for the shop's server to say, with a key of the scope storefront, or for that user's
    own token; a key may come beside a guest's token, in the header `X-API-Key`. Who signs in takes along what was done
    before: as the guest of the token that comes with the request, or in the session without a token that `session_id`
    names.
    """
    before = _anonymous(state, authorization, body.session_id)
    if body.user_id is not None:
        state.gate.require_vouched(_vouching(authorization, api_key), body.user_id)
    claims = SessionClaims(
        session_id=uuid.uuid4().hex,
        user_id=f"{GUEST}{uuid.uuid4().hex}" if body.user_id is None else body.user_id,
    )
    caller = state.gate.served(claims)
    visit = ShopSession(
        session_id=caller.session_key,
        started_at=datetime.now(UTC),
        user_key=caller.user_key,
        device=body.device,
        locale=body.locale,
        location=body.location,
        referrer=body.referrer,
    )
    if caller.is_known:
        async with state.database.transaction() as session:
            await SessionRepository(session).add(visit)
        state.shoppers.begin(visit)
    if body.user_id is not None and before is not None and caller.is_known:
        into = owner_of(visit.user_key, visit.session_id) or ""
        merged = await state.database.commit(partial(merge, owner=before, into=into, clock=_now))
        await state.profiles.merged(before)
        if merged is not None:
            await state.profiles.changed([merged])
    return SessionStartResponse(
        session_id=claims.session_id,
        user_id=claims.user_id,
        session_token=state.gate.tokens.issue(claims),
        experiments=assigned(state, caller, known=True).arms,
    )


def _vouching(authorization: str | None, api_key: str | None) -> str | None:
    return authorization if api_key is None else f"Bearer {api_key}"


def _now() -> datetime:
    return datetime.now(UTC)


def _anonymous(state: AppState, authorization: str | None, session_id: str | None) -> str | None:
    """Whose history a visitor without a name has: a guest's, or a session's; None for a user that is known already."""
    if authorization is not None and state.gate.key(authorization) is None:
        try:
            claims = state.gate.claims(authorization)
        except ProblemError:  # too old, or not ours: a new session is what this call is for
            return None
        if not _GUEST_ID.fullmatch(claims.user_id):
            return None
        return owner_of(state.gate.users.key(claims.user_id), None)
    return None if session_id is None else owner_of(None, state.gate.users.session(session_id))

"""One person's numbers, data and choice: for operators, and for oneself."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from api.dependencies import ONESELF, Authorization, RequestId, State
from api.errors import problem_responses
from api.schemas.base import UserIdText
from api.schemas.users import ErasedResponse, PersonalizationBody, UserAnalytics
from api.state import AppState
from api.user_analytics import find_user
from core.access import Scope
from database.repositories.audit import Actor, Audited, AuditRepository
from database.repositories.people import LOGS, export, find_person

router = APIRouter(tags=["users"])
UserId = Annotated[UserIdText, Path()]
_PROBLEMS = problem_responses(401, 403, 503)


@router.get("/analytics/user/{user_id}", responses=problem_responses(401, 403, 404, 503), openapi_extra=ONESELF)
async def analytics(state: State, user_id: UserId, authorization: Authorization = None) -> UserAnalytics:
    """Profile, engagement, preferences and sessions of one user. Needs a key with the scope analytics, or the user's
    session token."""
    state.gate.require_oneself(authorization, user_id, Scope.ANALYTICS)
    key = state.gate.users.key(user_id)
    return await state.database.count(partial(find_user, user_id=user_id, user_key=key, now=datetime.now(UTC)))


@router.get("/users/{user_id}/export", response_class=StreamingResponse, responses=_PROBLEMS, openapi_extra=ONESELF)
async def export_user(
    state: State, user_id: UserId, request_id: RequestId, authorization: Authorization = None
) -> StreamingResponse:
    """All that is stored of one user, as one JSON document: events, imported searches, shown lists, exposures to
    experiments and visits, each as stored. Needs a key with the scope admin, or the user's session token."""
    state.gate.require_oneself(authorization, user_id, Scope.ADMIN)
    await _audit(state, authorization, "export_user", request_id)
    key = state.gate.users.key(user_id)
    parts = await state.database.count(partial(_parts, user_key=key))
    about = {"user_id": user_id, "user_key": key, "opted_out_of_personalization": state.opt_outs.hold(key)}
    disposition = {"Content-Disposition": 'attachment; filename="export.json"', "Cache-Control": "no-store"}
    return StreamingResponse(_document(about, parts), media_type="application/json", headers=disposition)


@router.delete("/users/{user_id}", responses=_PROBLEMS, openapi_extra=ONESELF)
async def erase_user(
    state: State, user_id: UserId, request_id: RequestId, authorization: Authorization = None
) -> ErasedResponse:
    """Erases one user: log, lists, visits, profile, exposures, imported searches; and what was learnt from them, here
    when this answers and in other workers within ACCESS_REFRESH_SECONDS. Needs a key with the scope admin, or the
    user's session token. Published versions hold texts that enough shoppers typed, and nothing of anybody alone; of an
    imported log they hold what it says, until the next training."""
    state.gate.require_oneself(authorization, user_id, Scope.ADMIN)
    await _audit(state, authorization, "erase_user", request_id)
    erased = await state.erasures.erase(state.gate.users.key(user_id))
    return ErasedResponse(
        rows=dict(erased.rows),
        pending=state.erasures.pending,
        retrain=erased.rows["searches_imported"] > 0,
    )


@router.put("/users/{user_id}/personalization", responses=_PROBLEMS, openapi_extra=ONESELF)
async def choose_personalization(
    body: PersonalizationBody,
    state: State,
    user_id: UserId,
    request_id: RequestId,
    authorization: Authorization = None,
) -> PersonalizationBody:
    """Whether somebody wants to be known. Who does not is served as a stranger from now on, and what they do is stored
    under no user and no session; what is stored already stays until it is erased, and nothing reads it meanwhile.
    Needs a key with the scope admin, or the user's session token."""
    state.gate.require_oneself(authorization, user_id, Scope.ADMIN)
    await _audit(state, authorization, "choose_personalization", request_id)
    await state.opt_outs.choose(state.gate.users.key(user_id), opted_out=not body.enabled)
    return body


async def _audit(state: AppState, authorization: str | None, action: str, request_id: str) -> None:
    """Who asked, not about whom: a line that named an erased user would be one more trace."""
    key = state.gate.key(authorization)
    actor = Actor.OPERATOR if key is not None else Actor.SHOPPER
    about = {"request_id": request_id} | ({} if key is None else {"key": key.key_id})
    async with state.database.transaction() as session:
        await AuditRepository(session).add(Audited(datetime.now(UTC), actor, action, "", about))


def _parts(connection: Connection, user_key: str) -> dict[str, list[str]]:
    """Each row as JSON, so that the document needs no second copy of them."""
    found: dict[str, list[str]] = {name: [] for name in LOGS}
    for name, row in export(connection, find_person(connection, user_key)):
        found[name].append(json.dumps(row, default=_plain, ensure_ascii=False))
    return found


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def _document(about: dict[str, Any], parts: dict[str, list[str]]) -> AsyncIterator[str]:
    yield json.dumps(about, ensure_ascii=False)[:-1]
    for name, rows in parts.items():
        yield f', "{name}": ['
        for place, row in enumerate(rows):
            yield f"{', ' if place else ''}{row}"
        yield "]"
    yield "}"

"""What routes ask for by type. All are `async`: FastAPI runs others in a thread, which costs more than a keystroke.

Each costs some 25 µs even so; where requests come with every keystroke, a route takes them from the request itself.
"""

from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, Header, Request

from api.job_processes import JobProcesses
from api.reloading import Reloader
from api.state import AppState
from core.access import Scope
from database.repositories.audit import Actor, Audited, AuditRepository


def state_of(request: Request) -> AppState:
    return cast(AppState, request.state.cadence)


def request_id_of(request: Request) -> str:
    return str(request.state.request_id)


async def _state(request: Request) -> AppState:
    return state_of(request)


async def _reloader(request: Request) -> Reloader:
    return cast(Reloader, request.state.reloader)


async def _jobs(request: Request) -> JobProcesses:
    return cast(JobProcesses, request.state.job_processes)


async def _request_id(request: Request) -> str:
    return request_id_of(request)


State = Annotated[AppState, Depends(_state)]
Reload = Annotated[Reloader, Depends(_reloader)]
Jobs = Annotated[JobProcesses, Depends(_jobs)]
RequestId = Annotated[str, Depends(_request_id)]
Authorization = Annotated[str | None, Header(description="`Bearer <session_token>`, or `Bearer <key>`")]
ApiKeyHeader = Annotated[
    str | None, Header(alias="X-API-Key", description="a key, where `Authorization` carries a token")
]

# Which scope a route is of, for those that no dependency below guards; a test wants one of every route.
STOREFRONT = {"x-scope": "storefront"}  # anybody, for the session named; a token or a key for more
ONESELF = {"x-scope": "oneself"}  # the user's own token, or a key with the scope that the route names
OPEN = {"x-scope": "open"}  # says nothing of anybody


async def require_admin(request: Request, state: State, authorization: Authorization = None) -> None:
    """Lets only keys with the scope admin pass."""
    request.state.acting_key = state.gate.require(authorization, Scope.ADMIN).key_id


async def _acting_key(request: Request) -> str:
    return str(request.state.acting_key)


ActingKey = Annotated[str, Depends(_acting_key)]
"""The id of the admin key with which a request came; after `require_admin`."""


async def audited(request: Request, state: State) -> None:
    """Writes a line of the audit log before anything is changed; after `require_admin`.

    For routes that write no line of their own. What cannot be written down is not done: SQLAlchemyError (503).
    """
    if request.method in ("GET", "HEAD"):
        return
    about = {"key": request.state.acting_key, "request_id": request_id_of(request)}
    action = f"{request.method} {request.scope['route'].path}"
    subject = ", ".join(str(value) for value in request.path_params.values())
    async with state.database.transaction() as session:
        await AuditRepository(session).add(Audited(datetime.now(UTC), Actor.OPERATOR, action, subject, about))


async def require_analytics(state: State, authorization: Authorization = None) -> None:
    """Lets keys with the scope analytics pass."""
    state.gate.require(authorization, Scope.ANALYTICS)

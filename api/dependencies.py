"""What routes ask for by type. All are `async`: FastAPI runs others in a thread, which costs more than a keystroke.

Each costs some 25 µs even so; where requests come with every keystroke, a route takes them from the request itself.
"""

from typing import Annotated, cast

from fastapi import Depends, Header, Request

from api.job_processes import JobProcesses
from api.reloading import Reloader
from api.state import AppState


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
Authorization = Annotated[
    str | None, Header(description="`Bearer <session_token>`, or the admin key where an endpoint needs it")
]


async def require_operator(state: State, authorization: Authorization = None) -> None:
    """Lets only the admin key pass."""
    state.gate.require_operator(authorization)

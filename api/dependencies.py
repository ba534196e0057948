"""What routes ask for by type."""

from typing import Annotated, cast

from fastapi import Depends, Header, Request

from api.reloading import Reloader
from api.retraining import Retraining
from api.state import AppState


def _state(request: Request) -> AppState:
    return cast(AppState, request.state.cadence)


def _reloader(request: Request) -> Reloader:
    return cast(Reloader, request.state.reloader)


def _retraining(request: Request) -> Retraining:
    return cast(Retraining, request.state.retraining)


def _request_id(request: Request) -> str:
    return str(request.state.request_id)


State = Annotated[AppState, Depends(_state)]
Reload = Annotated[Reloader, Depends(_reloader)]
Retrain = Annotated[Retraining, Depends(_retraining)]
RequestId = Annotated[str, Depends(_request_id)]
Authorization = Annotated[
    str | None, Header(description="`Bearer <session_token>`, or the admin key where an endpoint needs it")
]


def require_operator(state: State, authorization: Authorization = None) -> None:
    """Lets only the admin key pass."""
    state.gate.require_operator(authorization)

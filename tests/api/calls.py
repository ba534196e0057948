"""How tests call the service and look behind it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, cast

from fastapi.testclient import TestClient

from api.state import AppState

T = TypeVar("T")
ADMIN_KEY = "an-admin-key-for-tests"


def post(client: TestClient, path: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
    """The response to a JSON request."""
    return client.post(path, json=body, headers=headers)


def raw_post(client: TestClient, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Any:
    """The response to a request whose body says that it is JSON."""
    return client.post(path, content=body, headers={"Content-Type": "application/json", **(headers or {})})


def start_session(client: TestClient, user_id: str | None = None) -> dict[str, str]:
    """The header of a new signed session."""
    vouched = {"Authorization": f"Bearer {ADMIN_KEY}"}
    started = post(client, "/user/session/start", {"user_id": user_id} if user_id else {}, vouched).json()
    return {"Authorization": f"Bearer {started['session_token']}"}


def stored_session(client: TestClient, session_id: str) -> str:
    """How a session stands in the database."""
    return state_of(client).gate.users.session(session_id)


def state_of(client: TestClient) -> AppState:
    return cast(AppState, client.app_state["cadence"])


def in_service(client: TestClient, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """Runs `function` in the event loop of the service."""
    assert client.portal is not None
    return client.portal.call(function, *arguments)


def rows(client: TestClient, statement: str) -> list[Any]:
    """What a SELECT finds in the service's database."""

    async def read() -> list[Any]:
        async with state_of(client).database.reading() as session:
            connection = await session.connection()
            return list(await connection.exec_driver_sql(statement))

    return in_service(client, read)

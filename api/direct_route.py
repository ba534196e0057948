"""The short way into an endpoint whose request is one JSON body: for requests that come with every keystroke and click.

FastAPI looks at a request for all that an endpoint could ask for, which took more than half of the time that an event
took. Here pydantic reads the bytes and writes the reply, and the endpoint gets what it names among `body`, `state`,
`request` and `authorization`. What is not plain, valid JSON goes FastAPI's way, which says exactly what is wrong with
it; OpenAPI, errors and middleware are the same both ways.

    router = APIRouter(route_class=DirectRoute)
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from api.dependencies import state_of

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_FROM_REQUEST: dict[str, Callable[[Request], Any]] = {
    "state": state_of,
    "request": lambda request: request,
    "authorization": lambda request: request.headers.get("authorization"),
}


class DirectRoute(APIRoute):
    """Raises TypeError, when it is declared, for an endpoint that asks for anything else or returns no model."""

    def get_route_handler(self) -> _Handler:
        usual = super().get_route_handler()
        endpoint: Callable[..., Awaitable[BaseModel]] = self.endpoint
        hints = get_type_hints(endpoint)
        wanted = [name for name in inspect.signature(endpoint).parameters if name != "body"]
        if "body" not in hints or not _FROM_REQUEST.keys() >= {*wanted}:
            raise TypeError(f"{endpoint.__name__} must ask for a body, and else for nothing but {[*_FROM_REQUEST]}")
        asked, answered = TypeAdapter(hints["body"]), TypeAdapter(hints["return"])
        unset = self.response_model_exclude_unset
        given = [(name, _FROM_REQUEST[name]) for name in wanted]

        async def handle(request: Request) -> Response:
            if request.headers.get("content-type") != "application/json":
                return await usual(request)
            try:
                body = asked.validate_json(await request.body())  # kept: whoever asks again gets it, too
            except (ValidationError, ClientDisconnect):
                return await usual(request)
            reply = await endpoint(body=body, **{name: of(request) for name, of in given})
            return Response(
                answered.dump_json(reply, by_alias=True, exclude_unset=unset), media_type="application/json"
            )

        return handle

"""What every request passes: an id, a clock, and headers that tell browsers what our pages may do."""

import asyncio
import logging
import re
import secrets
import sys
import time
from collections.abc import Sequence

import structlog
from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from api.json_depth import is_nested_deeper
from api.metrics import Metrics

_log, _plain_log = structlog.get_logger(__name__), logging.getLogger(__name__)

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
DOCS_PATH = "/docs"

# Product pictures come from the hosts that the settings name; everything else that a page uses is ours.
_PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:{image_hosts}; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# FastAPI's page of the docs loads Swagger UI from a CDN and starts it with a line inside the page.
_DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; "
    "style-src 'self' 'unsafe-inline' https://cdn.jsdelivr.net; img-src 'self' data: https:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)


class StartError(Exception):
    """The service cannot start; the message is all that an operator needs."""


class RequestContext:
    """Gives each request its id (`request.state.request_id`), measures it and completes the response's headers."""

    def __init__(self, app: ASGIApp, metrics: Metrics, image_hosts: Sequence[str] = ()) -> None:
        self._app = app
        self._metrics = metrics
        self._page_policy = _PAGE_POLICY.format(image_hosts="".join(f" https://{host}" for host in image_hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, traces = time.perf_counter(), self._metrics.traces
        trace = None if traces is None else traces.begin(Headers(scope=scope))
        offered = Headers(scope=scope).get("x-request-id", "")
        request_id = offered if _SANE_ID.fullmatch(offered) else _new_id()
        scope.setdefault("state", {})["request_id"] = request_id
        policy = _DOCS_POLICY if scope["path"] == DOCS_PATH else self._page_policy
        status = 500  # what the client gets when nothing was sent

        async def complete(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["Content-Security-Policy"] = policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        try:
            await self._app(scope, receive, complete)
        finally:
            milliseconds = (time.perf_counter() - begun) * 1_000
            endpoint = _endpoint(scope)
            self._metrics.request(endpoint, status, milliseconds)
            if traces is not None and trace is not None:
                traces.end(trace, endpoint, status)
            if _plain_log.isEnabledFor(logging.DEBUG):  # asking structlog costs 10 µs, asking this 0.2
                _log.debug("request", endpoint=endpoint, status=status, ms=milliseconds, request_id=request_id)


def _new_id() -> str:
    """32 hexadecimal digits that grow with time: rows named so are written side by side, not all over an index."""
    return f"{time.time_ns() // 1_000:016x}{secrets.token_hex(8)}"


def _endpoint(scope: Scope) -> str:
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        refused: str | None = scope["state"].get("refused")  # before it came to a route
        return refused or "unmatched"
    return f"{scope['method'] if scope['method'] in _METHODS else 'other'} {path}"


class BodyLimit:
    """Refuses with a problem document what is no request of ours, before it is parsed.

    Bodies above `max_bytes`, declared or streamed (413); bodies that are not there within `timeout_seconds` from when
    they are first waited for (408, and the connection is closed); JSON that is nested deeper than `max_depth` (400).
    """

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_seconds: float, max_depth: int) -> None:
        self._app = app
        self._max_bytes, self._timeout_seconds, self._max_depth = max_bytes, timeout_seconds, max_depth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        too_large = f"A body may have {self._max_bytes} bytes."
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > self._max_bytes:
            response = problem(scope["state"]["request_id"], 413, "body_too_large", too_large)
            await response(scope, receive, send)
            return
        received, until, whole = 0, None, False
        chunks: list[bytes] = []

        async def counted() -> Message:
            nonlocal received, until, whole
            if whole:  # what is waited for now is the end of the connection
                return await receive()
            until = until or asyncio.get_running_loop().time() + self._timeout_seconds
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                late = f"The body was not there within {self._timeout_seconds:g} seconds."
                raise HTTPException(408, late, {"Connection": "close"}) from None
            body = message.get("body", b"")
            received += len(body)
            if received > self._max_bytes:
                raise HTTPException(413, too_large)  # passes through the reading of the body to its handler
            chunks.append(body)
            whole = not message.get("more_body", False)
            if whole and is_nested_deeper(chunks[0] if len(chunks) == 1 else b"".join(chunks), self._max_depth):
                raise HTTPException(400, f"Lists and objects may be nested {self._max_depth} deep.")
            return message

        await self._app(scope, counted, send)


class PlainStartFailure:
    """Says in one line why the service cannot start. Other errors than StartError keep their traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return

        async def in_one_line(message: Message) -> None:
            error = sys.exc_info()[1]  # Starlette sends this message while it handles the error
            if message["type"] == "lifespan.startup.failed" and isinstance(error, StartError):
                message = {"type": message["type"], "message": f"cannot start: {error}"}
            await send(message)

        await self._app(scope, receive, in_one_line)

"""Every error leaves as an RFC 9457 problem document with a stable `code`. Only this module knows which status.

Nothing that a client sent is repeated in a problem, save the names of its fields.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from core.errors import CadenceError

_log = structlog.get_logger(__name__)

_STATUS_BY_CODE = {
    "no_catalog": 409,  # the shop's state, not the request, stands in the way
    "unknown_product": 404,
    "unknown_user": 404,
    "conflict": 409,
    "job_running": 409,
    "overloaded": 503,
    "bad_artifact": 503,
    "bad_input_file": 422,
    "bad_experiment_data": 422,
    "internal": 500,
}
_CODE_BY_STATUS = {
    400: "malformed_body",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_too_slow",
    413: "body_too_large",
    503: "overloaded",
}
RETRY_AFTER_SECONDS = 1  # a queue of waiting requests is worked off in less

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable; for programs"},
        "detail": {"type": "string", "description": "for people"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "of a validation: which field, and what is wrong with it",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


_RETRY_AFTER = {"schema": {"type": "integer", "minimum": 1}, "description": "seconds until asking again may help"}
_HEADERS: dict[int, dict[str, Any]] = {status: {"headers": {"Retry-After": _RETRY_AFTER}} for status in (429, 503)}


class ProblemError(Exception):
    """A refusal decided in a route or a dependency."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = [] if field is None else [{"field": field, "message": detail}]
        self.headers = headers


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The problem document as a response."""
    document: dict[str, object] = {
        "type": f"urn:problem:cadence:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": request_id,
    }
    if errors:
        document["errors"] = list(errors)
    return JSONResponse(document, status, dict(headers or {}), media_type="application/problem+json")


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's OpenAPI: the problems it may answer with, besides those of any request."""
    content = {"application/problem+json": {"schema": PROBLEM_SCHEMA}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content, **_HEADERS.get(status, {})}
        for status in sorted({400, 408, 413, 422, 429, 503, *statuses})
    }


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(ProblemError, _refused)
    app.add_exception_handler(CadenceError, _raised_by_core)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(SQLAlchemyError, _storage)
    app.add_exception_handler(Exception, _unexpected)


def _id(request: Request) -> str:
    return str(request.state.request_id)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101  # for the type checker: registered for this class
    return problem(_id(request), error.status, error.code, error.detail, errors=error.errors, headers=error.headers)


async def _raised_by_core(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, CadenceError)  # noqa: S101  # as above
    status = _STATUS_BY_CODE.get(error.code, 500)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None
    if status == 500:
        _log.error("unexpected error of the method", code=error.code, exc_info=error)
    return problem(_id(request), status, error.code, str(error) or error.code, headers=headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        return problem(_id(request), 400, "malformed_json", "The body is not JSON.")
    errors = [
        {"field": _field(one["loc"]), "message": _printable(str(one["msg"]).removeprefix("Value error, "))}
        for one in found
    ]
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors[:5])
    return problem(_id(request), 422, "validation_error", detail, errors=errors)


def _field(location: Sequence[str | int]) -> str:
    """`("body", "filters", "price_min")` → `filters.price_min`."""
    inside = location[1:] if location and location[0] in ("body", "query", "path", "header") else location
    return _printable(".".join(str(part) for part in inside)) or str(location[0] if location else "body")


def _message(said: str) -> str:
    return _printable(said.removeprefix("Value error, "))


def _printable(text: str) -> str:
    """Field names are the client's text: half of a surrogate pair is no UTF-8, and nobody needs the whole of 10 kB."""
    return text.encode("utf-8", "replace").decode("utf-8")[:200]


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    code = _CODE_BY_STATUS.get(error.status_code, "http_error")
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return problem(_id(request), error.status_code, code, str(error.detail), headers=headers)


def _allowed(request: Request) -> str:
    """Every method of this path. The router names those of one route only, and each method is a route of its own.

    A path that is written out, such as `/admin/products/batch`, is not `/admin/products/{product_id}`.
    """
    routes = (context.original_route for context in iter_route_contexts(request.app.routes))
    here = [route for route in routes if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE]
    written_out = [route for route in here if not route.param_convertors]
    return ", ".join(sorted({method for route in written_out or here for method in route.methods or ()}))


async def _storage(request: Request, error: Exception) -> JSONResponse:
    _log.error("the database failed", error=type(error).__name__, request_id=_id(request))
    detail = "The database cannot be used right now; nothing was written."
    return problem(_id(request), 503, "storage_unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    """Logged with its traceback by the server. This answer passes no middleware, so it names its request itself."""
    detail = "Something went wrong here; the request id finds it in the log."
    _log.error("request failed", request_id=_id(request), error=type(error).__name__)
    return problem(_id(request), 500, "internal", detail, headers={"X-Request-ID": _id(request)})

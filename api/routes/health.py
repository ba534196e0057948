"""GET /health (the process lives) and /ready (it can answer)."""

from fastapi import APIRouter, Response
from sqlalchemy.exc import SQLAlchemyError

from api.dependencies import OPEN, State
from api.schemas.operations import CacheState, DatabaseState, HealthResponse, ModelsState, ReadyResponse
from database.connection import Database

router = APIRouter(tags=["operations"])


@router.get("/health", openapi_extra=OPEN)
async def health() -> HealthResponse:
    """Says that the process is alive, whatever else may be wrong."""
    return HealthResponse()


@router.get(
    "/ready",
    responses={503: {"model": ReadyResponse, "description": "Something needed does not answer"}},
    openapi_extra=OPEN,
)
async def ready(state: State, response: Response) -> ReadyResponse:
    """Whether requests can be answered, and the state of each part. A lost cache alone is no reason to say no."""
    database_ready = await _answers(state.database)
    cache_ready = await state.candidates.available()
    if not database_ready:
        response.status_code = 503
    return ReadyResponse(
        ready=database_ready,
        models=ModelsState(state="ready", version=state.models.version, catalog=state.models.has_catalog),
        database=DatabaseState(state="ready" if database_ready else "unavailable"),
        cache=CacheState(state="ready" if cache_ready else "unavailable", kind=state.candidates.kind),
    )


async def _answers(database: Database) -> bool:
    try:
        await database.ping()
    except SQLAlchemyError:
        return False
    return True

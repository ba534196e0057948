"""GET /admin/export/ubi/…: the logs for other tools, as User Behavior Insights 1.3."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse, Response, StreamingResponse
from starlette.background import BackgroundTask

from api.dependencies import State, require_analytics
from api.errors import ProblemError, problem_responses
from api.state import AppState
from api.ubi import UbiTable, lines_of, write_parquet
from database.repositories.insights import Span

router = APIRouter(tags=["operations"], dependencies=[Depends(require_analytics)])
NDJSON, PARQUET = "application/x-ndjson", "application/vnd.apache.parquet"
_FIRST, _LAST = date(2000, 1, 1), date(2999, 12, 31)


class UbiFormat(StrEnum):
    """How rows are written."""

    NDJSON = "ndjson"
    PARQUET = "parquet"


@router.get(
    "/admin/export/ubi/{table}",
    response_class=Response,
    responses={
        200: {
            "description": "a line of JSON, or a row, for each query or event",
            "content": {NDJSON: {"schema": {"type": "string"}}, PARQUET: {"schema": {"type": "string"}}},
        },
        **problem_responses(401, 403, 503),
    },
)
async def export(
    state: State,
    table: UbiTable,
    first: Annotated[date, Query(alias="from", ge=_FIRST, le=_LAST, description="first day (UTC)")],
    last: Annotated[date, Query(alias="to", ge=_FIRST, le=_LAST, description="last day, included")],
    form: Annotated[UbiFormat, Query(alias="format")] = UbiFormat.NDJSON,
) -> Response:
    """Every shown list as a query, or every event but those of demo shoppers, with the fields of UBI 1.3.

    An event's `query_id` is that of the query that it came from. Queries are what shoppers typed, as they typed it.
    """
    if last < first:
        raise ProblemError(422, "validation_error", "`to` must not lie before `from`", field="from")
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    span = Span(start, start + (last - first) + timedelta(days=1))
    name = f"ubi-{table}-{first}-{last}.{form}"
    lines = _lines(state, table, span)
    if form is UbiFormat.NDJSON:
        return StreamingResponse(lines, media_type=NDJSON, headers=_saved_as(name))
    folder = tempfile.TemporaryDirectory(prefix="ubi-")
    try:
        file = await _parquet(lines, Path(folder.name), table)
    except BaseException:
        folder.cleanup()
        raise
    return FileResponse(
        file, media_type=PARQUET, headers=_saved_as(name), background=BackgroundTask(folder.cleanup)
    )  # the folder is gone once it is sent


def _lines(state: AppState, table: UbiTable, span: Span) -> AsyncIterator[bytes]:
    users = state.gate.users
    return lines_of(state.database, table, span, lambda session_id: users.key(f"session {session_id}"))


async def _parquet(lines: AsyncIterator[bytes], folder: Path, table: UbiTable) -> Path:
    """Rows go to the disk first: whoever writes Parquet wants to know them all."""
    plain, file = folder / "rows.ndjson", folder / "rows.parquet"
    with plain.open("wb") as out:
        async for some in lines:
            out.write(some)
    await asyncio.to_thread(write_parquet, plain, file, table)
    return file


def _saved_as(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}

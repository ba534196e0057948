"""GET /dashboard, the operators' page, and GET /admin/dashboard, the figures on it, its tables as CSV, too."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse

from api.csv_response import CsvResponse
from api.dashboard_answers import BUCKETS
from api.dependencies import State, require_analytics
from api.errors import problem_responses
from api.routes.page import STATIC
from api.schemas.dashboard import MAX_HOURS, DashboardResponse

router = APIRouter(tags=["operations"])
Hours = Annotated[int, Query(ge=1, le=MAX_HOURS, description="length of the range")]


class DashboardTable(StrEnum):
    """What comes as rows."""

    TOP_QUERIES = "top_queries"
    TRENDING_QUERIES = "trending_queries"
    ZERO_RESULT_QUERIES = "zero_result_queries"
    TOP_PRODUCTS = "top_products"
    POSITIONS = "positions"
    FUNNEL = "funnel"
    FIGURES = "figures"
    SERIES = "series"


@router.get("/dashboard", include_in_schema=False)
async def page() -> FileResponse:
    """The page alone: it holds no figures and asks for the admin key itself."""
    return FileResponse(STATIC / "dashboard.html", media_type="text/html")


@router.get("/admin/dashboard", responses=problem_responses(401, 403, 503), dependencies=[Depends(require_analytics)])
async def dashboard(state: State, hours: Hours = 24) -> DashboardResponse:
    """What shoppers did in the last `hours`, and the figures of as much time before. Each is defined in the schema."""
    return await state.dashboard.answer(hours)


@router.get(
    "/admin/dashboard/{table}.csv",
    response_class=CsvResponse,
    responses=problem_responses(401, 403, 503),
    dependencies=[Depends(require_analytics)],
)
async def dashboard_table(state: State, table: DashboardTable, hours: Hours = 24) -> CsvResponse:
    """One part of GET /admin/dashboard as a spreadsheet reads it."""
    answer = await state.dashboard.answer(hours)
    columns, rows = _rows(answer, table)
    return CsvResponse.of(f"{table}-{hours}h", columns, rows)


def _rows(answer: DashboardResponse, table: DashboardTable) -> tuple[list[str], list[list[object]]]:
    if table is DashboardTable.FIGURES:
        now, before = answer.figures.model_dump(), answer.before.model_dump()
        return ["figure", "value", "before"], [[name, value, before[name]] for name, value in now.items()]
    if table is DashboardTable.FUNNEL:
        return ["step", "sessions"], [list(step) for step in answer.funnel.model_dump().items()]
    if table is DashboardTable.SERIES:
        series = answer.series.model_dump()
        starts = [answer.start + timedelta(seconds=answer.bucket_seconds * part) for part in range(BUCKETS)]
        parts = zip(starts, *series.values(), strict=True)
        return ["from", *series], [[at.isoformat(), *numbers] for at, *numbers in parts]
    found = getattr(answer, table.value)
    kind = get_args(type(answer).model_fields[table.value].annotation)[0]
    columns = list(kind.model_fields)
    return columns, [[getattr(row, name) for name in columns] for row in found]

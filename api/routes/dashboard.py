"""GET /dashboard, the operators' page, and GET /admin/dashboard, the figures on it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import FileResponse

from api.dependencies import State, require_operator
from api.errors import problem_responses
from api.routes.page import STATIC
from api.schemas.dashboard import MAX_HOURS, DashboardResponse

router = APIRouter(tags=["operations"])


@router.get("/dashboard", include_in_schema=False)
async def page() -> FileResponse:
    """The page alone: it holds no figures and asks for the admin key itself."""
    return FileResponse(STATIC / "dashboard.html", media_type="text/html")


@router.get("/admin/dashboard", responses=problem_responses(401, 403, 503), dependencies=[Depends(require_operator)])
async def dashboard(
    state: State, hours: Annotated[int, Query(ge=1, le=MAX_HOURS, description="length of the range")] = 24
) -> DashboardResponse:
    """What shoppers did in the last `hours`, and the figures of as much time before. Each is defined in the schema."""
    return await state.dashboard.answer(hours)

"""GET /admin/metrics: what suggestions and search are good for."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from api.csv_response import CsvResponse
from api.dependencies import State, require_analytics
from api.errors import ProblemError, problem_responses
from api.outcomes import find_outcomes
from api.schemas.outcomes import MAX_DAYS, MAX_DAYS_BY_HOUR, Breakdown, Outcomes, OutcomesResponse

router = APIRouter(tags=["operations"], dependencies=[Depends(require_analytics)])


_FIRST, _LAST = date(2000, 1, 1), date(2999, 12, 31)


_First = Annotated[
    date | None, Query(alias="from", ge=_FIRST, le=_LAST, description="first day (UTC); unset: six days before `to`")
]
_Last = Annotated[date | None, Query(alias="to", ge=_FIRST, le=_LAST, description="last day, included; unset: today")]
_By = Annotated[Breakdown, Query(description=f"what rows are; `hour` for at most {MAX_DAYS_BY_HOUR} days")]


@router.get("/admin/metrics", responses=problem_responses(401, 403, 503))
async def outcomes(state: State, first: _First = None, last: _Last = None, by: _By = Breakdown.DAY) -> OutcomesResponse:
    """Autosuggest and search by day, hour, device, category, experiment arm or kind of visitor.

    Robots, repeated events and demo shoppers are left out, and counted. Every figure is defined in the schema, and in
    `definitions`. At most 400 days.
    """
    now = datetime.now(UTC)
    until = last or now.date()
    since = first or until - timedelta(days=6)
    most = MAX_DAYS_BY_HOUR if by is Breakdown.HOUR else MAX_DAYS
    if not 0 <= (until - since).days < most:
        raise ProblemError(422, "validation_error", f"a range has 1 to {most} days", field="from")
    return await state.dashboard.count(partial(find_outcomes, first=since, last=until, by=by, now=now))


@router.get("/admin/metrics.csv", response_class=CsvResponse, responses=problem_responses(401, 403, 503))
async def outcomes_csv(state: State, first: _First = None, last: _Last = None, by: _By = Breakdown.DAY) -> CsvResponse:
    """The rows of GET /admin/metrics as a spreadsheet reads them."""
    answer = await outcomes(state, first, last, by)
    rows = [row.model_dump(mode="json") for row in answer.rows]
    columns = ["key", *Outcomes.model_fields]
    return CsvResponse.of(f"metrics-by-{by}", columns, ([row[name] for name in columns] for row in rows))

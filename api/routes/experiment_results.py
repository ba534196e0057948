"""What experiments say: GET /admin/experiments/{name}/results; how large one must be: POST /admin/experiments/plan."""

from fastapi import APIRouter, Depends

from api.csv_response import CsvResponse
from api.dependencies import State, require_analytics
from api.errors import ProblemError, problem_responses
from api.routes.experiments import ExperimentName, unknown_experiment
from api.schemas.experiment_results import ComparisonBody, ExperimentResults, PlanRequest, PlanResponse
from api.state import AppState
from core.experiments.definition import Experiment
from database.repositories.experiments import ExperimentRepository

_COMPARED = (
    "difference", "low", "high", "p_value", "lift", "lift_low", "lift_high", "win_probability", "expected_loss",
    "variance_reduction", "reason",
)  # fmt: skip

router = APIRouter(prefix="/admin/experiments", tags=["operations"], dependencies=[Depends(require_analytics)])


@router.get("/{name}/results", responses=problem_responses(401, 403, 404, 503))
async def experiment_results(name: ExperimentName, state: State) -> ExperimentResults:
    """What every arm's units did, compared, and a verdict in words. Look as often as you like: its numbers allow it."""
    return await _results(state, name)


@router.get("/{name}/results.csv", response_class=CsvResponse, responses=problem_responses(401, 403, 404, 503))
async def experiment_results_csv(name: ExperimentName, state: State) -> CsvResponse:
    """A line for each metric and treatment of GET /admin/experiments/{name}/results."""
    found = await _results(state, name)
    rows = [
        [metric.metric, metric.role, one.treatment, *metric.values.values(), *_fields(one)]
        for metric in found.metrics
        for one in metric.comparisons
    ]
    arms = [f"value of {arm}" for arm in found.units]
    return CsvResponse.of(f"experiment-{found.name}", ["metric", "role", "treatment", *arms, *_COMPARED], rows)


async def _results(state: AppState, name: str) -> ExperimentResults:
    async with state.database.reading() as session:
        rows = await ExperimentRepository(session).history(name)
    if not rows:
        raise unknown_experiment()
    return await state.results.read(Experiment.from_dict(rows[-1].definition), rows[-1].created_at)


def _fields(one: ComparisonBody) -> list[object]:
    return [getattr(one, name) for name in _COMPARED]


@router.post("/plan", responses=problem_responses(401, 403, 503))
async def plan(body: PlanRequest) -> PlanResponse:
    """How many units of each arm find a difference of `minimum_effect` with the power that is asked for."""
    from core.experiments.power import units_for_means, units_for_proportions

    try:
        if body.deviation is None:
            units = units_for_proportions(body.baseline, body.minimum_effect, body.power, body.level)
        else:
            units = units_for_means(body.baseline, body.deviation, body.minimum_effect, body.power, body.level)
    except ValueError as error:
        raise ProblemError(422, "validation_error", str(error), field="minimum_effect") from error
    return PlanResponse(units_per_arm=units)

"""What experiments say: GET /admin/experiments/{name}/results; how large one must be: POST /admin/experiments/plan."""

from fastapi import APIRouter, Depends

from api.dependencies import State, require_operator
from api.errors import ProblemError, problem_responses
from api.routes.experiments import ExperimentName, unknown_experiment
from api.schemas.experiment_results import ExperimentResults, PlanRequest, PlanResponse
from core.experiments.definition import Experiment
from database.repositories.experiments import ExperimentRepository

router = APIRouter(prefix="/admin/experiments", tags=["operations"], dependencies=[Depends(require_operator)])


@router.get("/{name}/results", responses=problem_responses(401, 403, 404, 503))
async def experiment_results(name: ExperimentName, state: State) -> ExperimentResults:
    """What every arm's units did, compared, and a verdict in words. Look as often as you like: its numbers allow it."""
    async with state.database.reading() as session:
        rows = await ExperimentRepository(session).history(name)
    if not rows:
        raise unknown_experiment()
    return await state.results.read(Experiment.from_dict(rows[-1].definition), rows[-1].created_at)


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

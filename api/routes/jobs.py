"""POST /admin/retrain, /admin/reload, /admin/generate-synthetic-data, and GET /admin/jobs/{job_id}."""

from datetime import UTC, datetime

from fastapi import APIRouter, Depends

from api.dependencies import ActingKey, Jobs, Reload, State, require_admin
from api.errors import ProblemError, problem_responses
from api.job_processes import RETRAIN, SYNTHETIC_DATA
from api.schemas.jobs import (
    JobResponse,
    JobStarted,
    ReloadRequest,
    ReloadResponse,
    RetrainRequest,
    SyntheticDataRequest,
)
from core import artifacts
from core.domain import JobState
from core.errors import NoCatalogError
from database.connection import Database
from database.repositories.audit import Actor, Audited, AuditRepository
from database.repositories.jobs import Job, JobRepository

RELOAD = "reload"

router = APIRouter(prefix="/admin", tags=["operations"], dependencies=[Depends(require_admin)])


@router.post("/retrain", status_code=202, responses=problem_responses(401, 403, 409, 503))
async def retrain(state: State, jobs: Jobs, key: ActingKey, body: RetrainRequest | None = None) -> JobStarted:
    """Starts a retraining on the newest data; `rejected` at its end means that what is served is better.

    One at a time: the problem `job_running` (409) while another, or a job of simulated shoppers, is under way.
    """
    if artifacts.current_version(state.settings.storage.artifacts) is None:
        raise ProblemError(409, "bad_artifact", "Nothing is published that a new version could be compared with.")
    job_id = await jobs.start(RETRAIN)
    async with state.database.transaction() as session:
        await AuditRepository(session).add(Audited(datetime.now(UTC), Actor.OPERATOR, "retrain", job_id, {"key": key}))
    return JobStarted(job_id=job_id, state=JobState.QUEUED)


@router.post("/generate-synthetic-data", status_code=202, responses=problem_responses(401, 403, 409, 503))
async def generate_synthetic_data(body: SyntheticDataRequest, state: State, jobs: Jobs, key: ActingKey) -> JobStarted:
    """Starts simulated shoppers in this shop's catalogue, or in `products` made-up ones that are added to it.

    What they searched and did is written as a log of the last three months; every id begins with `synthetic-`. Searches
    find made-up products when the job is `done`, and not before. One at a time, and none beside a retraining: the
    problem `job_running` (409).
    """
    if not state.models.has_catalog:
        raise NoCatalogError("this shop was set up from queries alone: import a catalogue first")
    if body.provider == "gemini" and state.settings.gemini.gemini_api_key is None:
        raise ProblemError(409, "provider_failed", "The provider gemini needs GEMINI_API_KEY in the environment.")
    wish = {"users": body.users, "sessions": body.sessions, "seed": body.seed, "provider": body.provider}
    if body.products is not None:
        wish["products"] = body.products
    arguments = [f"--{name}={value}" for name, value in wish.items()]
    job_id = await jobs.start(SYNTHETIC_DATA, arguments)
    async with state.database.transaction() as session:
        done = Audited(datetime.now(UTC), Actor.OPERATOR, "generate_synthetic_data", job_id, wish | {"key": key})
        await AuditRepository(session).add(done)
    return JobStarted(job_id=job_id, state=JobState.QUEUED)


@router.post("/reload", status_code=202, responses=problem_responses(401, 403, 404, 409, 503))
async def reload(state: State, reloader: Reload, key: ActingKey, body: ReloadRequest | None = None) -> ReloadResponse:
    """Serves the current version, a named one or the `previous` one; it is in place when this answers.

    No request is dropped meanwhile. The other workers follow within RELOAD_CHECK_SECONDS. A version that cannot be
    served is refused with `bad_artifact` (409), and what was served before is served on.
    """
    async with state.database.transaction() as session:
        job_id = await JobRepository(session).begin(RELOAD, datetime.now(UTC))
    try:
        swap = await reloader.reload(body.version if body else None)
    except Exception as error:
        await _finish(state.database, job_id, JobState.FAILED, {}, str(error) or type(error).__name__)
        raise
    await _finish(state.database, job_id, JobState.DONE, {"version": swap.after, "previous_version": swap.before})
    async with state.database.transaction() as session:
        done = Audited(datetime.now(UTC), Actor.OPERATOR, "reload", swap.after, {"before": swap.before, "key": key})
        await AuditRepository(session).add(done)
    return ReloadResponse(job_id=job_id, state=JobState.DONE, version=swap.after, previous_version=swap.before)


@router.get("/jobs/{job_id}", responses=problem_responses(401, 403, 404, 503))
async def job(job_id: str, state: State) -> JobResponse:
    """How far a job is, and how it ended."""
    found = await _job(state.database, job_id)
    if found is not None and found.is_abandoned(datetime.now(UTC)):
        async with state.database.transaction() as session:
            await JobRepository(session).fail_abandoned(datetime.now(UTC))
        found = await _job(state.database, job_id)
    if found is None:
        raise ProblemError(404, "unknown_job", "There is no job with this id.")
    return JobResponse(**{name: getattr(found, name) for name in JobResponse.model_fields})


async def _job(database: Database, job_id: str) -> Job | None:
    async with database.reading() as session:
        return await JobRepository(session).get(job_id)


async def _finish(
    database: Database, job_id: str, state: JobState, result: dict[str, str], error: str | None = None
) -> None:
    async with database.transaction() as session:
        await JobRepository(session).finish(job_id, state, datetime.now(UTC), result=result, error=error)

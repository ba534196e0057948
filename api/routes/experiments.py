"""GET, POST and PATCH /admin/experiments: what is compared, and with whom."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from api.dependencies import ActingKey, State, require_admin, require_analytics
from api.errors import ProblemError, problem_responses
from api.schemas.experiments import (
    ArmBody,
    AudienceBody,
    ChangesBody,
    ExperimentChange,
    ExperimentRequest,
    ExperimentResponse,
    ExperimentsResponse,
    ExperimentVersions,
    GuardrailBody,
    Overrides,
)
from api.state import AppState
from api.variants import MOST
from core import artifacts
from core.experiments.conflicts import conflict
from core.experiments.definition import Arm, Audience, Changes, Experiment, Guardrail, Slice
from core.experiments.unit_metrics import METRICS
from database.repositories.audit import Actor, Audited, AuditRepository
from database.repositories.experiments import ExperimentRepository, ExperimentRow
from database.repositories.profiles import owner_of

router = APIRouter(prefix="/admin/experiments", tags=["operations"], dependencies=[Depends(require_analytics)])
ExperimentName = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]


@router.get("", responses=problem_responses(401, 403, 503))
async def experiments(state: State) -> ExperimentsResponse:
    """Every experiment in its newest version, the oldest first."""
    async with state.database.reading() as session:
        rows = await ExperimentRepository(session).newest()
    return ExperimentsResponse(
        enabled=state.experiments.enabled,
        experiments=[_response(state, row) for row in rows],
        metrics={name: metric.definition for name, metric in METRICS.items()},
    )


@router.post(
    "", status_code=201, responses=problem_responses(401, 403, 404, 409, 503), dependencies=[Depends(require_admin)]
)
async def create_experiment(body: ExperimentRequest, state: State, key: ActingKey) -> ExperimentResponse:
    """Defines an experiment. In force here when this answers, in other workers within EXPERIMENT_REFRESH_SECONDS.

    The problem `conflict` (409) where the name is taken, or where it would touch what another one changes;
    `unknown_version` (404) for a version that is not published.
    """
    experiment = _defined(state, body)
    _check_versions(state, experiment)
    return await _store(state, experiment, "create", key)


@router.get("/{name}", responses=problem_responses(401, 403, 404, 503))
async def experiment_versions(name: ExperimentName, state: State) -> ExperimentVersions:
    """Every version of one experiment, the oldest first."""
    async with state.database.reading() as session:
        rows = await ExperimentRepository(session).history(name)
    if not rows:
        raise unknown_experiment()
    return ExperimentVersions(versions=[_response(state, row) for row in rows])


@router.patch("/{name}", responses=problem_responses(401, 403, 404, 409, 503), dependencies=[Depends(require_admin)])
async def change_experiment(
    name: ExperimentName, body: ExperimentChange, state: State, key: ActingKey
) -> ExperimentResponse:
    """Changes the traffic, the end or the overrides, or stops it: a further version, in force as with creating.

    Arms, weights, unit and metrics stay: with others, units would move and figures would mean something else.
    """
    async with state.database.reading() as session:
        rows = await ExperimentRepository(session).history(name)
    if not rows:
        raise unknown_experiment()
    before = Experiment.from_dict(rows[-1].definition)
    if before.stopped:
        raise ProblemError(409, "conflict", f"{name} is stopped; define another experiment.")
    after = replace(before, version=before.version + 1)
    if body.traffic is not None and body.traffic < before.traffic:
        detail = (
            "traffic: can only grow; who has seen an arm would see it no more, and still be counted. Stop it instead."
        )
        raise ProblemError(422, "validation_error", detail, field="traffic")
    if body.traffic is not None:
        after = replace(after, traffic=body.traffic)
    if body.ends_at is not None:
        after = replace(after, ends_at=body.ends_at)
        if after.starts_at is not None and body.ends_at <= after.starts_at:
            raise ProblemError(422, "validation_error", "ends_at: must be later than starts_at", field="ends_at")
    if body.overrides is not None:
        after = replace(after, overrides=_overrides(state, body.overrides))
        if unknown := {arm for arm in after.overrides.values() if after.arm(arm) is None}:
            raise ProblemError(422, "validation_error", f"no such arm: {', '.join(sorted(unknown))}", field="overrides")
    if body.stopped:
        after = replace(after, stopped=True)
    return await _store(state, after, "stop" if body.stopped else "change", key)


async def _store(state: AppState, experiment: Experiment, action: str, key: str) -> ExperimentResponse:
    """Adds a version, with its line of the audit log, where nothing that runs is in its way."""
    now = datetime.now(UTC)
    row = ExperimentRow(experiment.name, experiment.version, experiment.to_dict(), now)
    async with state.database.transaction() as session:
        repository = ExperimentRepository(session)
        others = [Experiment.from_dict(one.definition) for one in await repository.newest()]
        running = [one for one in others if one.ends_at is None or one.ends_at > now]
        reason = None if experiment.stopped else conflict(experiment, running)
        if reason is not None:
            raise ProblemError(409, "conflict", f"It cannot run beside another experiment: {reason}.")
        await repository.add(row)
        details = {
            "version": experiment.version,
            "traffic": experiment.traffic,
            "stopped": experiment.stopped,
            "key": key,
        }
        await AuditRepository(session).add(Audited(now, Actor.OPERATOR, f"{action}_experiment", row.name, details))
    await state.experiments.refresh()
    return _response(state, row)


def _check_versions(state: AppState, experiment: Experiment) -> None:
    published = artifacts.versions(state.settings.storage.artifacts)
    if unknown := sorted(experiment.versions - set(published) - {state.models.version}):
        raise ProblemError(404, "unknown_version", f"No such version is published: {', '.join(unknown)}.", field="arms")
    now = datetime.now(UTC)
    others = [
        one for one in state.experiments.current if not one.stopped and (one.ends_at is None or one.ends_at > now)
    ]
    beside = experiment.versions.union(*(one.versions for one in others)) - {state.models.version}
    if len(beside) > MOST:
        raise ProblemError(
            409,
            "conflict",
            f"At most {MOST} version is served beside the current one; running experiments would need "
            f"{', '.join(sorted(beside))}.",
        )


def _defined(state: AppState, body: ExperimentRequest) -> Experiment:
    return Experiment(
        name=body.name,
        arms=tuple(Arm(one.name, one.weight, Changes(**one.changes.model_dump())) for one in body.arms),
        primary_metric=body.primary_metric,
        minimum_effect=body.minimum_effect,
        units_per_arm=body.units_per_arm,
        method=body.method,
        unit=body.unit,
        place=Slice(body.layer, *body.slice),
        traffic=body.traffic,
        salt=body.salt,
        audience=Audience(**body.audience.model_dump()),
        guardrails=tuple(Guardrail(one.metric, one.tolerance) for one in body.guardrails),
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        overrides=_overrides(state, body.overrides),
        hypothesis=body.hypothesis,
    )


def _overrides(state: AppState, asked: Overrides) -> dict[str, str]:
    """By unit. Ids of users and sessions are kept as their keyed hashes, as everywhere."""
    users = {owner_of(state.gate.users.key(user), None) or "": arm for user, arm in asked.users.items()}
    return users | {
        owner_of(None, state.gate.users.session(session)) or "": arm for session, arm in asked.sessions.items()
    }


def _response(state: AppState, row: ExperimentRow) -> ExperimentResponse:
    one = Experiment.from_dict(row.definition)
    now = datetime.now(UTC)
    return ExperimentResponse(
        name=one.name,
        version=one.version,
        state=_state_of(one, now),
        hypothesis=one.hypothesis,
        arms=[ArmBody(name=arm.name, weight=arm.weight, changes=_changes(arm.changes)) for arm in one.arms],
        method=one.method,
        unit=one.unit,
        primary_metric=one.primary_metric,
        guardrails=[GuardrailBody(metric=rail.metric, tolerance=rail.tolerance) for rail in one.guardrails],
        minimum_effect=one.minimum_effect,
        units_per_arm=one.units_per_arm,
        layer=one.place.layer,
        slice=(one.place.start, one.place.end),
        traffic=one.traffic,
        salt=one.salt or one.name,
        audience=AudienceBody(
            devices=one.audience.devices, locations=one.audience.locations, referrers=one.audience.referrers
        ),
        overridden=len(one.overrides),
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        changed_at=row.created_at,
        waiting_for=sorted(one.versions - set(state.variants.versions)) if one.runs(now) else [],
    )


def _changes(changes: Changes) -> ChangesBody:
    return ChangesBody(**{name: getattr(changes, name) for name in changes.names})


def _state_of(one: Experiment, now: datetime) -> str:
    if one.stopped:
        return "stopped"
    if one.ends_at is not None and one.ends_at <= now:
        return "ended"
    return "running" if one.runs(now) else "scheduled"


def unknown_experiment() -> ProblemError:
    """The refusal of a name that nobody defined."""
    return ProblemError(404, "unknown_experiment", "There is no experiment of this name.")

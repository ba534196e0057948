"""Models that follow each other by themselves: a retraining when one is due, and the guard of a promotion.

Every worker looks; that one job runs at a time, and that a version of an experiment is added once, is the database's
doing, so it does not matter who comes first.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.errors import ProblemError
from api.job_processes import RETRAIN, JobProcesses
from api.reloading import Reloader
from api.state import AppState
from core.errors import CadenceError, ConflictError, JobRunningError
from core.experiments.definition import Experiment
from core.experiments.promotion import Decision, Step, candidate_of, decide
from database.repositories import jobs
from database.repositories.audit import Actor, Audited, AuditRepository
from database.repositories.experiments import ExperimentRepository, ExperimentRow
from database.repositories.jobs import JobRepository

_REST_TIMES = 20

_log = structlog.get_logger(__name__)


class Continuous:
    """For one worker."""

    def __init__(self, state: AppState, reloader: Reloader, processes: JobProcesses) -> None:
        self._state, self._reloader, self._processes = state, reloader, processes
        self._rest_until = 0.0  # a large log takes seconds to count, and others ask for it, too

    async def keep_going(self, stop: asyncio.Event) -> None:
        """Looks at intervals until told to stop. What fails is tried again at the next look."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._state.settings.experiments.promotion_check_seconds)
                return
            try:
                await self.retrain_when_due()
                await self.guard()
            except (CadenceError, ProblemError, SQLAlchemyError, OSError) as error:
                _log.error("continuous models", error=str(error))

    async def retrain_when_due(self) -> str | None:
        """Starts a retraining where the last one, or else the version that is served, is old enough; its job's id."""
        every = self._state.settings.experiments.retrain_every_hours
        if every is None or self._promoting():
            return None
        now = datetime.now(UTC)
        async with self._state.database.reading() as session:
            last = await JobRepository(session).last_begun(jobs.RETRAIN)
        last = last or _made_at(self._state)
        if last is not None and now - last < timedelta(hours=every):
            return None
        try:
            job_id = await self._processes.start(RETRAIN)
        except JobRunningError:
            return None
        await self._audit(Audited(now, Actor.SCHEDULE, "retrain", job_id, {"every_hours": every}))
        return job_id

    async def guard(self) -> None:
        """Ends each promotion for which there is enough to decide."""
        for experiment in self._promoting():
            if time.monotonic() < self._rest_until:
                return
            begun = time.monotonic()
            decision = await self._decision(experiment)
            self._rest_until = time.monotonic() + _REST_TIMES * (time.monotonic() - begun)
            if decision.step is Step.WAIT:
                continue
            version = candidate_of(experiment) or ""
            if not await self._end(experiment, version, decision):
                continue  # stopped by somebody while it was counted, or decided by another worker
            if decision.step is Step.PROMOTE:
                try:
                    await self._reloader.reload(version)
                except ProblemError as error:
                    details = {"reason": error.detail, "experiment": experiment.name}
                    await self._audit(Audited(datetime.now(UTC), Actor.GUARD, Step.ROLL_BACK.value, version, details))

    def _promoting(self) -> list[Experiment]:
        """Without experiments nobody is shown the candidate, so nothing can be decided."""
        now, experiments = datetime.now(UTC), self._state.experiments
        return [one for one in experiments.current if experiments.enabled and one.runs(now) and candidate_of(one)]

    async def _decision(self, experiment: Experiment) -> Decision:
        version, now = candidate_of(experiment), datetime.now(UTC)
        if version in self._state.variants.refused:
            return Decision(Step.ROLL_BACK, "it cannot be served")
        wish = self._state.settings.experiments
        return decide(
            await self._state.results.report(experiment, now),
            units=wish.promotion_units,
            age=now - (experiment.starts_at or now),
            patience=timedelta(hours=wish.promotion_hours),
        )

    async def _end(self, experiment: Experiment, version: str, decision: Decision) -> bool:
        """Claims the decision by stopping the experiment; False where it has another version meanwhile."""
        now = datetime.now(UTC)
        stopped = replace(experiment, stopped=True, version=experiment.version + 1)
        details = {"reason": decision.reason, "experiment": experiment.name}
        try:
            async with self._state.database.transaction() as session:
                row = ExperimentRow(stopped.name, stopped.version, stopped.to_dict(), now)
                await ExperimentRepository(session).add(row)
                done = Audited(now, Actor.GUARD, decision.step.value, version, details)
                await AuditRepository(session).add(done)
        except ConflictError:
            return False
        self._state.metrics.promotions_ended[decision.step.value] += 1
        await self._state.experiments.refresh()
        _log.info("promotion ended", artifact_version=version, step=decision.step.value)
        return True

    async def _audit(self, done: Audited) -> None:
        async with self._state.database.transaction() as session:
            await AuditRepository(session).add(done)


def _made_at(state: AppState) -> datetime | None:
    made = state.models.manifest.get("created_at")
    return datetime.fromisoformat(made) if isinstance(made, str) else None

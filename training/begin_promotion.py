"""Shows a version that was accepted to a share of shoppers first."""

from datetime import UTC, datetime

from config.settings import Settings
from core.experiments.conflicts import conflict
from core.experiments.definition import Experiment
from core.experiments.promotion import promotion
from database.connection import Database
from database.repositories.audit import Actor, Audited, AuditRepository
from database.repositories.experiments import ExperimentRepository, ExperimentRow


async def begin_promotion(settings: Settings, version: str) -> str:
    """Defines the experiment for a published `version`; returns its name.

    Other experiments that serve a version of their own, and promotions that still run, are stopped for it: shoppers
    can be shown one version beside the current one.
    """
    wish, now = settings.experiments, datetime.now(UTC)
    experiment = promotion(version, wish.promotion_share, wish.promotion_units, now)
    database = Database(settings.storage.url)
    try:
        async with database.transaction() as session:
            repository, audit = ExperimentRepository(session), AuditRepository(session)
            for row in await repository.newest():
                other = Experiment.from_dict(row.definition)
                reason = conflict(experiment, [other])
                if reason is not None:
                    stopped = other.to_dict() | {"stopped": True, "version": other.version + 1}
                    await repository.add(ExperimentRow(other.name, other.version + 1, stopped, now))
                    details = {"for": experiment.name, "reason": reason}
                    await audit.add(Audited(now, Actor.SCHEDULE, "stop_experiment", other.name, details))
            await repository.add(ExperimentRow(experiment.name, 1, experiment.to_dict(), now))
            begun = {"share": wish.promotion_share, "experiment": experiment.name}
            await audit.add(Audited(now, Actor.SCHEDULE, "begin_promotion", version, begun))
    finally:
        await database.dispose()
    return experiment.name


async def served_versions(settings: Settings) -> set[str]:
    """Versions that experiments which are not over serve, or will."""
    database, now = Database(settings.storage.url), datetime.now(UTC)
    try:
        async with database.reading() as session:
            rows = await ExperimentRepository(session).newest()
    finally:
        await database.dispose()
    found = [Experiment.from_dict(row.definition) for row in rows]
    going_on = [one for one in found if not one.stopped and (one.ends_at is None or one.ends_at > now)]
    return set[str]().union(*(one.versions for one in going_on))

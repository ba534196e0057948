"""Experiments in all their versions, and who was exposed to them first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.errors import ConflictError
from database.models import experiments, exposures
from database.repositories.statements import upsert


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """One version. `definition`: `core.experiments.definition.Experiment.to_dict`."""

    name: str
    version: int
    definition: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Exposure:
    """A unit was shown a list that its arm could have changed."""

    experiment: str
    unit: str
    arm: str
    version: int
    request_id: str
    session_id: str
    user_key: str | None
    chosen_by_hand: bool
    exposed_at: datetime


def insert_exposures(connection: Connection, batch: Sequence[Exposure]) -> None:
    """Append those that are the first of their unit. Of the others only a choice by hand counts: it takes them out."""
    if batch:
        rows = [{name: getattr(one, name) for name in Exposure.__slots__} for one in batch]
        statement = upsert(connection.dialect, exposures)
        by_hand = statement.excluded.chosen_by_hand
        first = statement.on_conflict_do_update(
            index_elements=["experiment", "unit"], set_={"chosen_by_hand": by_hand}, where=by_hand
        )
        connection.execute(first, rows)


class ExperimentRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: ExperimentRow) -> None:
        """Raises ConflictError where this version is there: somebody else changed the experiment meanwhile."""
        table = experiments.c
        there = select(func.max(table.version)).where(table.name == row.name)
        newest = (await self._session.execute(there)).scalar_one()
        if (newest or 0) != row.version - 1:
            raise ConflictError(f"the experiment {row.name} is at version {newest or 0}, not {row.version - 1}")
        values = {name: getattr(row, name) for name in ExperimentRow.__slots__}
        await self._session.execute(insert(experiments).values(**values))

    async def newest(self) -> list[ExperimentRow]:
        """The newest version of every experiment, the oldest experiment first."""
        versions = await self._versions(None)
        return list({row.name: row for row in versions}.values())

    async def history(self, name: str) -> list[ExperimentRow]:
        """Every version of one, the oldest first; empty for an unknown name."""
        return await self._versions(name)

    async def _versions(self, name: str | None) -> list[ExperimentRow]:
        table = experiments.c
        first = select(table.name, func.min(table.created_at).label("begun")).group_by(table.name).subquery()
        found = (
            select(experiments)
            .join(first, first.c.name == table.name)
            .order_by(first.c.begun, table.name, table.version)
        )
        if name is not None:
            found = found.where(table.name == name)
        return [ExperimentRow(**row) for row in (await self._session.execute(found)).mappings()]

    async def mark(self) -> int:
        """A number that names the set of versions: none is ever changed or deleted."""
        return (await self._session.execute(select(func.count()).select_from(experiments))).scalar_one()

"""The audit log: what operators, the schedule and the guard did to models and experiments. Rows are only added."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from database.models import audit_log


class Actor(StrEnum):
    OPERATOR = "operator"  # with a key
    SCHEDULE = "schedule"
    GUARD = "guard"  # what watches a promotion
    SHOPPER = "shopper"  # about themselves


@dataclass(frozen=True, slots=True)
class Audited:
    """One thing that was done. `subject`: the experiment or the version."""

    happened_at: datetime
    actor: Actor
    action: str
    subject: str
    details: Mapping[str, Any] = field(default_factory=dict)


class AuditRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, done: Audited) -> None:
        values = {name: getattr(done, name) for name in Audited.__slots__} | {"actor": done.actor.value}
        await self._session.execute(insert(audit_log).values(**values))

    async def newest(self, limit: int) -> list[Audited]:
        """The newest first."""
        found = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
        rows = (await self._session.execute(found)).mappings()
        return [
            Audited(row["happened_at"], Actor(row["actor"]), row["action"], row["subject"], row["details"])
            for row in rows
        ]

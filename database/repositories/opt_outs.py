"""Who does not want to be known."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from database.models import opt_outs
from database.repositories.statements import upsert


def choose(connection: Connection, user_key: str, now: datetime, *, opted_out: bool) -> None:
    """Remember what somebody chose; the last choice holds."""
    values = {"user_key": user_key, "opted_out": opted_out, "changed_at": now}
    statement = upsert(connection.dialect, opt_outs).values(**values)
    connection.execute(statement.on_conflict_do_update(index_elements=["user_key"], set_=values))


class OptOutRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def newest(self) -> datetime | None:
        """When somebody chose last."""
        newest: datetime | None = (await self._session.execute(select(func.max(opt_outs.c.changed_at)))).scalar()
        return newest

    async def chosen_since(self, at: datetime | None) -> Mapping[str, bool]:
        """Whether they opted out, of those who chose at that time or later; None: of all."""
        found = select(opt_outs.c.user_key, opt_outs.c.opted_out)
        if at is not None:
            found = found.where(opt_outs.c.changed_at >= at)
        return {row.user_key: row.opted_out for row in await self._session.execute(found)}

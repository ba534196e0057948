"""Keys of programs. A key is never deleted: one that was revoked stays, to be seen."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from core.access import ApiKey, Scope
from database.models import api_keys


class ApiKeyRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def mark(self) -> int:
        """Another number after every change: microseconds of the last one, and how many keys there are."""
        found = select(func.count(), func.max(api_keys.c.changed_at)).select_from(api_keys)
        count, newest = (await self._session.execute(found)).one()
        return 0 if newest is None else int(newest.timestamp() * 1e6) * 1_000_003 + int(count)

    async def all(self) -> list[ApiKey]:
        """The oldest first."""
        order = (api_keys.c.created_at, api_keys.c.key_id)
        return [_key(row) for row in await self._session.execute(select(api_keys).order_by(*order))]

    async def add(self, key: ApiKey) -> None:
        values = {name: getattr(key, name) for name in ApiKey.__slots__}
        await self._session.execute(insert(api_keys).values(**values | {"scopes": sorted(key.scopes)}))

    async def rotate(self, key_id: str, secret_hash: str, now: datetime, previous_until: datetime) -> bool:
        """Gives the key another secret; False where there is no such key, or none that is still in use."""
        changed = (
            update(api_keys)
            .where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
            .values(
                previous_hash=api_keys.c.secret_hash,
                previous_until=previous_until,
                secret_hash=secret_hash,
                changed_at=now,
            )
        )
        return await self._one_was(changed)

    async def revoke(self, key_id: str, now: datetime) -> bool:
        """False where there is no such key, or it was revoked before."""
        changed = (
            update(api_keys)
            .where(api_keys.c.key_id == key_id, api_keys.c.revoked_at.is_(None))
            .values(revoked_at=now, changed_at=now, previous_hash=None, previous_until=None)
        )
        return await self._one_was(changed)

    async def _one_was(self, statement: Any) -> bool:
        return bool((await self._session.execute(statement.returning(api_keys.c.key_id))).all())


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(**{**row._mapping, "scopes": frozenset(map(Scope, row.scopes))})

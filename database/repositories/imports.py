"""Which files were imported, and how that went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from database.connection import Database
from database.models import events, imports, products, query_log

SYNTHETIC: Mapping[str, str] = {"origin": "simulated"}
"""The mapping of simulated traffic: no file of a shop can have it, whatever its name."""
_ROWS_AT_ONCE = 10_000  # of one transaction: the service's own writes wait for it


@dataclass(frozen=True, slots=True)
class CompletedImport:
    """One file that is wholly in the database."""

    id: int
    kind: str
    file_name: str
    sha256: str
    mapping: Mapping[str, str]
    report: Mapping[str, object]
    finished_at: datetime


class ImportRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, kind: str, file_name: str, sha256: str, mapping: Mapping[str, str]) -> int | None:
        """The id of a new running import, or None when this very file, mapped so, is completely imported already."""
        if await self.is_complete(kind, sha256, mapping):
            return None
        added = await self._session.execute(
            insert(imports)
            .values(
                kind=kind,
                file_name=file_name,
                sha256=sha256,
                mapping=dict(mapping),
                state="running",
                started_at=datetime.now(UTC),
            )
            .returning(imports.c.id)
        )
        return int(added.scalar_one())

    async def is_complete(self, kind: str, sha256: str, mapping: Mapping[str, str]) -> bool:
        """Whether this very file, mapped so, is completely imported."""
        same = await self._session.execute(
            select(imports.c.mapping).where(
                imports.c.kind == kind, imports.c.sha256 == sha256, imports.c.state == "complete"
            )
        )
        return any(known == dict(mapping) for known in same.scalars())

    async def finish(self, import_id: int, report: Mapping[str, object]) -> None:
        """Mark an import as complete. Raises LookupError for an id that is not there."""
        finished = await self._session.execute(
            update(imports)
            .where(imports.c.id == import_id)
            .values(state="complete", report=dict(report), finished_at=datetime.now(UTC))
            .returning(imports.c.id)
        )
        if finished.first() is None:
            raise LookupError(f"no import with id {import_id}")

    async def reopen(self, import_ids: Sequence[int]) -> None:
        """Makes complete imports running ones again, so that whoever takes back interrupted ones finds them."""
        await self._session.execute(
            update(imports).where(imports.c.id.in_(import_ids)).values(state="running", finished_at=None)
        )

    async def completed(self) -> list[CompletedImport]:
        """Every complete import, oldest first."""
        columns = [imports.c[name] for name in CompletedImport.__slots__]
        rows = await self._session.execute(select(*columns).where(imports.c.state == "complete").order_by(imports.c.id))
        return [CompletedImport(*row) for row in rows]

    async def forget_incomplete(self) -> int:
        """Remove imports that were interrupted, with their log rows and events; returns how many imports.

        Products of an interrupted import stay, but they may have replaced products of the catalogue before. So the
        records of the complete imports of that kind go too, and their files will be read again.
        """
        running: Sequence[int] = (
            (await self._session.execute(select(imports.c.id).where(imports.c.state == "running"))).scalars().all()
        )
        if not running:
            return 0
        overwrote = select(products.c.import_id).where(products.c.import_id.in_(running))
        kinds = select(imports.c.kind).where(imports.c.id.in_(overwrote)).scalar_subquery()
        await self._session.execute(delete(imports).where(imports.c.kind.in_(kinds)))
        await self._session.execute(delete(imports).where(imports.c.id.in_(running)))
        return len(running)


async def take_back_interrupted(database: Database, mapping: Mapping[str, str]) -> int:
    """Removes imports with this mapping that were begun and not finished, with their queries and events.

    In small transactions, so that a service that runs beside it is not kept waiting. Returns how many imports.
    """
    unfinished = select(imports.c.id, imports.c.mapping).where(imports.c.state == "running")
    async with database.reading() as session:
        ids = [import_id for import_id, known in await session.execute(unfinished) if known == dict(mapping)]
    await remove_imports(database, ids)
    return len(ids)


async def remove_imports(database: Database, import_ids: Sequence[int]) -> None:
    """Removes these imports with their queries and events."""
    for table, key in ((events, events.c.event_id), (query_log, query_log.c.id)):
        some = select(key).where(table.c.import_id.in_(import_ids)).limit(_ROWS_AT_ONCE)
        removed = 1
        while removed:
            async with database.transaction() as session:
                gone = await session.execute(delete(table).where(key.in_(some)).returning(key))
                removed = len(gone.all())
    async with database.transaction() as session:
        await session.execute(delete(imports).where(imports.c.id.in_(import_ids)))

"""Raw files → database: the shop's own, or a generated shop where there is nothing at all.

A file that is in the database already is not read again. An interrupted import leaves a record that is not complete;
the next start forgets it and reads that file anew.
"""

import asyncio
import shutil
import sys
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeVar

from config.progress import Steps, Update
from core.domain import QueryRow
from core.errors import InputFileError
from core.importing.bytes_in import sha256_of
from core.importing.catalog import products, read_catalog
from core.importing.events import EventRow, engagement_of, event_rows, read_events
from core.importing.queries import query_rows, read_queries
from core.importing.report import ImportReport
from core.text.normalize import normalize
from database.connection import Database
from database.identity import UserKeys
from database.repositories.events import EventRepository
from database.repositories.imports import ImportRepository, remove_imports
from database.repositories.products import ProductRepository
from database.repositories.query_log import QueryLogRepository

_BATCH = 10_000
_DEMO = {"products": 20_000, "users": 6_000, "sessions": 24_000}  # a start reads all of it in seconds
_GENERATORS_MARK = "synthetic_data.txt"  # without it, the generator takes no folder for its own
_GENERATED = "generated "  # file names of what no shop gave us; replaced by the first real file
Row = TypeVar("Row")
LogRow = TypeVar("LogRow", QueryRow, EventRow)


@dataclass(frozen=True, slots=True)
class InputFiles:
    """What the shop gives; each may be absent."""

    catalog: Path | None = None
    queries: Path | None = None
    events: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.catalog or self.queries or self.events)


class Importer:
    """Writes files into one database through its repositories, a transaction per batch."""

    def __init__(
        self, database: Database, user_keys: UserKeys, mapping: Mapping[str, Mapping[str, str]], steps: Steps
    ) -> None:
        """`mapping`: for each kind of file, our field → column (`core.importing.columns.split_mapping`)."""
        self._database, self._keys, self._mapping, self._steps = database, user_keys, mapping, steps

    async def run(self, files: InputFiles, generated: Path) -> None:
        """Imports `files`; without any, and with nothing imported before, a shop generated into the folder `generated`.

        Raises InputFileError for a file that cannot be used; what was imported before it stays.
        """
        async with self._database.transaction() as session:
            await ImportRepository(session).forget_incomplete()
        async with self._database.reading() as session:
            earlier = await ImportRepository(session).completed()
        kinds = {entry.kind for entry in earlier} & {"catalog", "queries"}
        if not files:
            made = {entry.kind for entry in earlier if entry.file_name.startswith(_GENERATED)}
            if not kinds <= made or {"catalog", "queries", "events"} <= made:
                return
            if len(kinds) == 2 and not (generated / "events.parquet").exists():
                return  # a shop that an earlier version generated, without events: it stays as it is
            if await asyncio.to_thread(_of_earlier_version, generated):
                await self._remove_generated()
                await asyncio.to_thread(shutil.rmtree, generated)
            await _generate(generated)
            await self._catalog(generated / "catalog.csv", _GENERATED + "catalogue")
            await self._queries(generated / "queries.parquet", _GENERATED + "queries")
            await self._events(generated / "events.parquet", _GENERATED + "events")
            return
        if not files.catalog and not files.queries and not kinds:
            raise InputFileError("--events alone is not enough: give --catalog or --queries as well")
        # Read before anything is removed: a bad file must not cost the shop that is there.
        if files.catalog:
            await self._catalog(files.catalog, files.catalog.name)
        if files.queries:
            await self._queries(files.queries, files.queries.name)
        if files.events:
            await self._events(files.events, files.events.name)
        if files.catalog or files.queries:
            await self._remove_generated()

    async def _remove_generated(self) -> None:
        """What was made up, and those who never were: their profiles go with the next folding."""
        async with self._database.transaction() as session:
            made = [one for one in await ImportRepository(session).completed() if one.file_name.startswith(_GENERATED)]
            for entry in made:
                if entry.kind == "catalog":
                    await ProductRepository(session).delete_import(entry.id)
        await remove_imports(self._database, [entry.id for entry in made if entry.kind != "catalog"])

    async def _known(self, kind: str, path: Path, name: str) -> bool:
        """Whether this very file is in the database already; a file that is absent is an InputFileError."""
        if not path.is_file():  # noqa: ASYNC240  # a command line has nothing else to do meanwhile
            raise InputFileError(f"there is no file {path}")
        digest = sha256_of(path)
        async with self._database.reading() as session:
            known = await ImportRepository(session).is_complete(kind, digest, self._mapping.get(kind, {}))
        if known:
            self._steps.say(f"{name}: imported before")
        return known

    async def _begin(self, kind: str, path: Path, name: str) -> int | None:
        digest = sha256_of(path)
        async with self._database.transaction() as session:
            return await ImportRepository(session).begin(kind, name, digest, self._mapping.get(kind, {}))

    async def _finish(self, import_id: int, report: ImportReport) -> None:
        async with self._database.transaction() as session:
            await ImportRepository(session).finish(import_id, report.as_dict())
        for line in report.lines():
            self._steps.say(f"{line}")

    async def _catalog(self, path: Path, name: str) -> None:
        if await self._known("catalog", path, name):
            return
        frame, report = read_catalog(path, self._mapping.get("catalog"))
        import_id = await self._begin("catalog", path, name)
        if import_id is None:
            return
        with self._steps.step(f"Importing {name}") as update:
            for position, batch in _batches(products(frame), len(frame), update):
                async with self._database.transaction() as session:
                    await ProductRepository(session).upsert_many(batch, import_id, position)
            # The file is the whole catalogue: what it no longer lists is no longer sold.
            async with self._database.transaction() as session:
                await ProductRepository(session).delete_other_imports(import_id)
        await self._finish(import_id, report)

    async def _queries(self, path: Path, name: str) -> None:
        if await self._known("queries", path, name):
            return
        frame, report = read_queries(path, self._mapping.get("queries"))
        import_id = await self._begin("queries", path, name)
        if import_id is None:
            return
        with self._steps.step(f"Importing {name}") as update:
            for _, batch in _batches(query_rows(frame), len(frame), update):
                rows: list[tuple[QueryRow, str, str | None]] = [
                    (self._unnamed(row), normalize(row.query), self._keys.key(row.user_id) if row.user_id else None)
                    for row in batch
                ]
                async with self._database.transaction() as session:
                    await QueryLogRepository(session).add_many(rows, import_id)
        await self._finish(import_id, report)

    async def _events(self, path: Path, name: str) -> None:
        if await self._known("events", path, name):
            return
        frame, report = read_events(path, self._mapping.get("events"))
        import_id = await self._begin("events", path, name)
        if import_id is None:
            return
        namespace = uuid.uuid5(uuid.NAMESPACE_OID, sha256_of(path))
        with self._steps.step(f"Importing {name}") as update:
            for position, batch in _batches(event_rows(frame), len(frame), update):
                events = [
                    engagement_of(self._unnamed(row), self._keys.key(row.user_id), namespace, position + offset)
                    for offset, row in enumerate(batch)
                ]
                async with self._database.transaction() as session:
                    await EventRepository(session).add_many(events, datetime.now(UTC), import_id)
        await self._finish(import_id, report)

    def _unnamed(self, row: LogRow) -> LogRow:
        """The row with the keyed hash of its session instead of the id."""
        return replace(row, session_id=self._keys.session_or_none(row.session_id))


def _batches(rows: Iterable[Row], total: int, update: Update) -> Iterator[tuple[int, list[Row]]]:
    """Lists of rows with the position of their first one."""
    iterator = iter(rows)
    position = 0
    while batch := list(islice(iterator, _BATCH)):
        yield position, batch
        position += len(batch)
        update(position / max(1, total), f"{position:,} rows")


async def _generate(folder: Path) -> None:
    """Rooms of equal rank do not import each other: the generator is a program of its own.

    The traffic ends on the day before the first try, which is kept: an interrupted start goes on with the same files.
    """
    last_day = await asyncio.to_thread(_last_day, folder)
    wish = [f"--{name}={value}" for name, value in _DEMO.items()]
    command = [sys.executable, "-m", "data_generation.synthetic_data", "--out", str(folder), *wish]
    command += ["--last-day", last_day]
    process = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parent.parent)
    if await process.wait():
        raise InputFileError("the shop generator failed; its message is above")


def _of_earlier_version(folder: Path) -> bool:
    return folder.exists() and not (folder / _GENERATORS_MARK).exists()


def _last_day(folder: Path) -> str:
    kept = folder.with_suffix(".last_day")  # beside the folder, which the generator has for itself
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        kept.write_text((datetime.now(UTC).date() - timedelta(days=1)).isoformat(), encoding="ascii")
    return kept.read_text(encoding="ascii").strip()

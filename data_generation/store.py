"""Simulated traffic → database, through the same repositories as a log that was imported.

Rows go in by small transactions under an import that is not complete; one transaction at the end completes it and adds
the products that were made up, with the changes by which running services take them up. Until then no search finds
anything of it, and what was begun is taken back (`take_back_interrupted`): by the service that watches the job, or by
the next job. A retraining is refused meanwhile; `train_models` on the command line would count what is there.
"""

import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from core.domain import Action, Product, QueryRow
from core.importing.bytes_in import sha256_of
from core.importing.events import EventRow, engagement_of
from core.text.normalize import normalize
from data_generation.synthetic_data import Generated
from database.connection import Database
from database.identity import UserKeys
from database.repositories.events import EventRepository
from database.repositories.imports import SYNTHETIC, ImportRepository, take_back_interrupted
from database.repositories.product_changes import CatalogChanges, apply_changes
from database.repositories.query_log import QueryLogRepository

_AT_ONCE = 2_000  # rows of one transaction: some hundredths of a second
Update = Callable[[float, str], None]
Row = TypeVar("Row")


class TrafficStore:
    """Writes one simulation into one database."""

    def __init__(self, database: Database, keys: UserKeys) -> None:
        self._database, self._keys = database, keys

    async def write(self, generated: Generated, products: Sequence[Product], update: Update) -> dict[str, int]:
        """Everything, or nothing that stays; returns what is new. A simulation that is there adds nothing."""
        await take_back_interrupted(self._database, SYNTHETIC)
        files = {name: generated.folder / f"{name}.parquet" for name in ("queries", "events")}
        begun = {name: await self._begin(name, path) for name, path in files.items()}
        counts = {"queries": 0, "events": 0, "products": 0}
        total = max(1, generated.counts["queries"] + generated.counts["events"])
        if begun["queries"] is not None:
            async for done in self._queries(files["queries"], begun["queries"]):
                counts["queries"] = done
                update(done / total, f"{done:,} searches")
        if begun["events"] is not None:
            async for done in self._events(files["events"], begun["events"]):
                counts["events"] = done
                update((generated.counts["queries"] + done) / total, f"{done:,} events")
        async with self._database.transaction() as session:
            for name, import_id in begun.items():
                if import_id is not None:
                    made = {"products": [product.product_id for product in products]} if name == "events" else {}
                    await ImportRepository(session).finish(import_id, {"rows": counts[name], **made})
            if products:
                change = partial(apply_changes, changes=CatalogChanges(upserts=products), changed_at=datetime.now(UTC))
                applied = await (await session.connection()).run_sync(change)
                counts["products"] = applied.added + applied.replaced
        return counts

    async def _begin(self, kind: str, path: Path) -> int | None:
        async with self._database.transaction() as session:
            return await ImportRepository(session).begin(kind, f"simulated {kind}", sha256_of(path), SYNTHETIC)

    async def _queries(self, path: Path, import_id: int) -> AsyncIterator[int]:
        done = 0
        for batch in _batches(_rows(path)):
            rows = [
                (
                    QueryRow(
                        query=row["query"],
                        occurred_at=row["timestamp"],
                        user_id=row["user_id"],
                        session_id=row["session_id"],
                        product_id=row["product_id"],
                        prefixes=tuple(row["prefixes"]),
                    ),
                    normalize(row["query"]),
                    self._keys.key(row["user_id"]),
                )
                for row in batch
            ]
            async with self._database.transaction() as session:
                await QueryLogRepository(session).add_many(rows, import_id)
            done += len(batch)
            yield done

    async def _events(self, path: Path, import_id: int) -> AsyncIterator[int]:
        namespace = uuid.uuid5(uuid.NAMESPACE_OID, sha256_of(path))
        done = 0
        for batch in _batches(_rows(path)):
            events = [
                engagement_of(
                    EventRow(
                        user_id=row["user_id"],
                        occurred_at=row["timestamp"],
                        action_type=Action(row["action_type"]),
                        item_id=row["item_id"],
                        session_id=row["session_id"],
                        query=row["query"],
                        item_rank=row["item_rank"],
                        duration_seconds=row["duration_seconds"],
                    ),
                    self._keys.key(row["user_id"]),
                    namespace,
                    done + place,
                )
                for place, row in enumerate(batch)
            ]
            async with self._database.transaction() as session:
                await EventRepository(session).add_many(events, datetime.now(UTC), import_id)
            done += len(batch)
            yield done


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file, a slice in memory at a time."""
    frame = pl.scan_parquet(path)
    for start in range(0, int(frame.select(pl.len()).collect().item()), 50_000):
        yield from frame.slice(start, 50_000).collect().iter_rows(named=True)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _AT_ONCE)):
        yield batch


def fold_profiles() -> None:
    """Folds what was written into profiles. Raises ChildProcessError where that failed; its output says why.

    Rooms of equal rank do not import each other, so the fold is a program of its own.
    """
    command = [sys.executable, "-m", "training.rebuild_profiles"]
    status = subprocess.run(command, cwd=Path(__file__).parents[1], check=False).returncode  # noqa: S603  # ours
    if status:
        raise ChildProcessError(f"the profiles could not be folded: status {status}")

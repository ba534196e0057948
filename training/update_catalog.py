"""Changes the catalogue of a shop from files: `python -m training.update_catalog --catalog new.csv --home DIR`.

Unlike a catalogue given to run_demo.py, these files are not the whole catalogue: products that they do not list stay.
Only what differs from what is stored is written. A running service takes everything up by itself, within seconds and
without a training; the next training learns from it.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

from config.progress import Steps
from config.settings import Settings
from core.errors import CadenceError, InputFileError, NoCatalogError
from core.importing.catalog import products, read_catalog
from core.importing.catalog_changes import read_ids, read_values, values
from core.importing.columns import split_mapping
from core.importing.report import ImportReport
from database.connection import Database
from database.repositories.product_changes import Applied, CatalogChanges, apply_changes
from database.repositories.products import ProductRepository

_AT_ONCE = 500  # changes of one transaction: the service's own writes wait for it, a few hundredths of a second
_COUNTS = ("added", "replaced", "updated", "deleted", "unchanged")
_IDS_SHOWN = 5
T = TypeVar("T")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", type=Path, metavar="FILE", help="whole products, to be added or replaced")
    parser.add_argument(
        "--price-and-stock",
        type=Path,
        metavar="FILE",
        help="product_id with price, in_stock, rating or rating_count; an empty cell leaves a value as it is",
    )
    parser.add_argument("--deletes", type=Path, metavar="FILE", help="product_id of what is no longer sold")
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop's home (default ./var)")
    parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="which column holds a field")
    options = parser.parse_args(arguments)
    if not (options.catalog or options.price_and_stock or options.deletes):
        parser.error("give --catalog, --price-and-stock or --deletes")
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    steps = Steps()
    try:
        asyncio.run(_update(options, steps))
    except (CadenceError, SQLAlchemyError, ValueError) as error:
        steps.fail(error)
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: what was written stays; run it again for the rest")
        return 130
    return 0


async def _update(options: argparse.Namespace, steps: Steps) -> None:
    mapping = split_mapping(options.map)
    batches: list[tuple[str, int, Iterable[CatalogChanges]]] = []
    # Every file is read before anything is written: a bad one must not leave half of a change behind.
    if options.catalog:
        frame, report = read_catalog(options.catalog, mapping["catalog"])
        if report.ids_from_content:
            raise InputFileError(f"{report.path}: without a product_id column nobody knows which products change")
        _show(steps, report)
        upserts = (CatalogChanges(upserts=some) for some in _runs(products(frame)))
        batches.append((f"Writing {report.path}", frame.height, upserts))
    if options.price_and_stock:
        frame, report = read_values(options.price_and_stock, mapping["values"])
        _show(steps, report)
        updates = (CatalogChanges(updates=dict(some)) for some in _runs(values(frame)))
        batches.append((f"Writing {report.path}", frame.height, updates))
    if options.deletes:
        ids, report = read_ids(options.deletes, mapping["deletes"])
        _show(steps, report)
        batches.append((f"Deleting {report.path}", len(ids), (CatalogChanges(deletes=some) for some in _runs(ids))))
    database = Database(Settings().storage.url)
    try:
        await database.migrate()
        async with database.reading() as session:
            if not await ProductRepository(session).count():
                raise NoCatalogError("this shop has no catalogue yet: give run_demo.py the whole one with --catalog")
        for name, total, changes in batches:
            await _write(database, steps, name, total, changes)
    finally:
        await database.dispose()


async def _write(database: Database, steps: Steps, name: str, total: int, batches: Iterable[CatalogChanges]) -> None:
    counts, unknown, done = dict.fromkeys(_COUNTS, 0), list[str](), 0
    with steps.step(name) as update:
        for changes in batches:
            work = partial(apply_changes, changes=changes, changed_at=datetime.now(UTC))
            applied: Applied = await database.commit(work)
            for count in _COUNTS:
                counts[count] += getattr(applied, count)
            unknown += applied.unknown
            done += len(changes.upserts) + len(changes.updates or ()) + len(changes.deletes)
            update(done / max(1, total), f"{done:,} of {total:,}")
    steps.say(", ".join(f"{number:,} {count}" for count, number in counts.items() if number) or "nothing to change")
    if unknown:
        more = ", …" if len(unknown) > _IDS_SHOWN else ""
        steps.say(f"{len(unknown):,} product ids are unknown: {', '.join(unknown[:_IDS_SHOWN])}{more}")


def _show(steps: Steps, report: ImportReport) -> None:
    for line in report.lines():
        steps.say(line)


def _runs(things: Iterable[T]) -> Iterable[list[T]]:
    iterator = iter(things)
    while some := list(islice(iterator, _AT_ONCE)):
        yield some


if __name__ == "__main__":
    raise SystemExit(main())

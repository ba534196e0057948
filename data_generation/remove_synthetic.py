"""Takes simulated traffic out of a shop again: `python -m data_generation.remove_synthetic --home DIR`.

Everything that POST /admin/generate-synthetic-data has written: searches, events, profiles, and the products that were
made up, which a running service stops finding within a second; the demo shoppers, too. What real shoppers did stays, as
do files of simulated traffic that were imported like any log, and what `data_generation.closed_loop` did in the
service. Interrupted, it is finished by the next removal.
"""

import argparse
import asyncio
import os
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from config.progress import Steps
from config.settings import Settings, StorageSettings
from core import artifacts
from core.demo_shoppers import FILE
from core.domain import JobState
from core.errors import CadenceError, InputFileError
from data_generation.store import fold_profiles
from database.connection import Database
from database.job_report import JobReport, JobSteps, run_job
from database.repositories.imports import SYNTHETIC, ImportRepository, take_back_interrupted
from database.repositories.jobs import SYNTHETIC_DATA, JobRepository
from database.repositories.product_changes import CatalogChanges, apply_changes
from database.repositories.products import ProductRepository


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop (default ./var)")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    settings = Settings()
    try:
        if not settings.storage.database_url and not (settings.storage.cadence_home / "cadence.sqlite3").is_file():
            raise InputFileError(f"there is no shop in {settings.storage.cadence_home}")
        job_id = asyncio.run(begin(settings.storage.url))
    except KeyboardInterrupt:
        return 130
    except CadenceError as error:
        Steps().fail(error)
        return 1
    return run_job(settings.storage.url, job_id, partial(_run, settings.storage))


def _run(storage: StorageSettings, report: JobReport) -> int:
    steps = JobSteps(report, {"Removing": 0.5, "Folding": 0.5})
    with steps.step("Removing simulated traffic"):
        (storage.cadence_home / FILE).unlink(missing_ok=True)
        imports, products = asyncio.run(remove(storage.url))
    steps.say(f"{imports} imports and {products:,} made-up products are gone")
    if artifacts.current_version(storage.artifacts):  # without one nothing has been folded
        with steps.step("Folding profiles"):
            fold_profiles()  # in any case: an earlier removal may have been interrupted here
    report.finish(JobState.DONE, counts={"imports": imports, "products": products})
    return 0


async def begin(url: str) -> str:
    """A job that keeps others away. Raises JobRunningError while simulated traffic is written, or learnt from."""
    database = Database(url)
    try:
        await database.migrate()
        async with database.transaction() as session:
            return await JobRepository(session).begin(SYNTHETIC_DATA, datetime.now(UTC))
    finally:
        await database.dispose()


async def remove(url: str) -> tuple[int, int]:
    """Removes them from a database; returns how many imports, begun ones included, and how many products."""
    database = Database(url)
    try:
        async with database.reading() as session:
            complete = [one for one in await ImportRepository(session).completed() if one.mapping == SYNTHETIC]
            added = [product for one in complete for product in cast(list[str], one.report.get("products", []))]
            ids = sorted(await ProductRepository(session).by_ids(added))
        if ids:
            change = partial(apply_changes, changes=CatalogChanges(deletes=ids), changed_at=datetime.now(UTC))
            await database.commit(change)
        async with database.transaction() as session:  # from here on they are as if never finished
            await ImportRepository(session).reopen([one.id for one in complete])
        return await take_back_interrupted(database, SYNTHETIC), len(ids)
    finally:
        await database.dispose()


if __name__ == "__main__":
    sys.exit(main())

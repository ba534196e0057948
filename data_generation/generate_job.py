"""Simulated shoppers for a running service: `python -m data_generation.generate_job --job ID --users N --sessions N`.

Started by POST /admin/generate-synthetic-data. The shop's catalogue, or made-up products → simulation below
`<home>/data/synthetic` → database → profiles. The last three months until yesterday; killed anywhere, the next one with
the same wish on the same day goes on with the blocks that were simulated, and what was half written is taken back.
"""

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from config.keys import user_hash_key
from config.settings import Settings
from core.domain import JobState, Product
from core.errors import NoCatalogError
from core.importing.catalog import products as products_of
from core.importing.catalog import read_catalog
from data_generation.providers.choose import NAMES
from data_generation.store import TrafficStore, fold_profiles
from data_generation.synthetic_data import MARKER, Generated, Wish, generate
from database.connection import Database
from database.identity import UserKeys
from database.job_report import JobReport, JobSteps, run_job
from database.repositories.products import ProductRepository

PRODUCT_PREFIX = "synthetic-"  # of made-up ids: hardly that of a product which the shop has
PROCESSES = 1  # and the service keeps the other core
SHARES = {
    "Words": 0.02,
    "Making the world": 0.08,
    "Simulating": 0.15,
    "Writing": 0.6,
    "Folding profiles": 0.15,
}  # of the time, roughly


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--job", required=True, metavar="ID", help="a queued job of the jobs table")
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop (default ./var)")
    parser.add_argument("--users", type=int, required=True)
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--products", type=int, help="so many are made up; without: the shop's own")
    parser.add_argument("--provider", choices=NAMES, default="offline")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    settings = Settings()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)  # a whole day: nothing lies in the future
    wish = Wish(
        options.users,
        options.sessions,
        options.seed,
        options.products,
        options.provider,
        last_day=yesterday,
        # Another number, or another provider, makes up other products.
        product_prefix=f"{PRODUCT_PREFIX}{options.seed}-{options.products}-{options.provider[0]}",
    )
    return run_job(settings.storage.url, options.job, partial(_run, settings, wish))


def _run(settings: Settings, wish: Wish, report: JobReport) -> int:
    steps = JobSteps(report, SHARES)
    folder = settings.storage.cadence_home / "data" / "synthetic"
    if not (folder / MARKER).exists():
        shutil.rmtree(folder, ignore_errors=True)  # of an earlier version
    catalog = None if wish.products else asyncio.run(_catalog(settings))
    generated = generate(folder, wish, catalog, settings, PROCESSES, steps)
    with steps.step("Writing to the database") as update:
        counts = asyncio.run(_write(settings, generated, update))
    with steps.step("Folding profiles"):
        fold_profiles()
    shutil.rmtree(folder)
    notes = list(generated.notes)
    if not any(counts.values()):
        notes.append("this very simulation is in the database already: another seed gives other shoppers")
    report.finish(JobState.DONE, counts=counts, result={"notes": notes} if notes else {})
    return 0


async def _catalog(settings: Settings) -> list[Product]:
    """The shop's products. Raises NoCatalogError where there are none."""
    database = Database(settings.storage.url)
    try:
        async with database.reading() as session:
            found = [product async for batch in ProductRepository(session).stream() for product in batch]
    finally:
        await database.dispose()
    if not found:
        raise NoCatalogError("this shop has no catalogue: give a number of products to make up")
    return found


async def _write(settings: Settings, generated: Generated, update: Callable[[float, str], None]) -> dict[str, int]:
    made = list(products_of(read_catalog(generated.folder / "catalog.csv")[0])) if generated.products else []
    database = Database(settings.storage.url)
    try:
        keys = UserKeys(user_hash_key(settings.storage.cadence_home))
        return await TrafficStore(database, keys).write(generated, made, update)
    finally:
        await database.dispose()


if __name__ == "__main__":
    sys.exit(main())

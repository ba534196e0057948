"""A shop with its traffic, or traffic for a shop that has none: `python -m data_generation.synthetic_data --out DIR`.

    --products 20000                a made-up catalogue (catalog.csv) and shoppers in it
    --catalog products.csv          shoppers in your own catalogue: a log to start with, until there is a real one

Writes queries.parquet and events.parquet, which the importer reads like any log, and visits.parquet: who the shoppers
were, which no real log knows (what they bought on a later day has a session of its own, which is not in there). The
folder is this command's own: it marks it, replaces what it has written there before, and takes no other. The same
options give the same bytes, on any number of processes; interrupted, the same command goes on. The way: provider →
products → world → blocks of shoppers → files.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import perf_counter

import numpy as np

from config.progress import Steps
from config.settings import Settings
from core.domain import Product
from core.errors import CadenceError, InputFileError
from core.importing.catalog import products as products_of
from core.importing.catalog import read_catalog
from core.importing.columns import split_mapping
from data_generation.arguments import at_least
from data_generation.build_world import world_of_catalog, world_of_shop
from data_generation.calibration import load_calibration
from data_generation.catalog import LAST_DAY, ShopProduct, make_products
from data_generation.providers.choose import NAMES, provider_of
from data_generation.providers.port import Material
from data_generation.shop import write_catalog
from data_generation.simulation import FILES, Plan, simulate

MARKER = "synthetic_data.txt"  # in a folder that is filled by this command, and by nobody else
_MARK = "Made by data_generation.synthetic_data, which replaces what it has written here.\n"
_LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}  # of file managers
_MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be generated. `products`: how many are made up; None: a catalogue is given."""

    users: int
    sessions: int
    seed: int = 7
    products: int | None = 20_000
    provider: str = "offline"
    days: int = 92
    last_day: date = LAST_DAY
    product_prefix: str = "P"  # of the ids of made-up products

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError("a seed is a whole number from 0 on")
        if self.products is not None and self.products < 1:
            raise ValueError("at least one product is needed")
        self.plan()

    def plan(self) -> Plan:
        """Raises ValueError for nobody, nothing or no time."""
        if self.days < 1:
            raise ValueError("at least one day is needed")
        try:
            end = datetime.combine(self.last_day, time(), UTC) + timedelta(days=1)
            start = end - timedelta(days=self.days)
        except OverflowError:
            raise ValueError("the calendar does not go that far") from None
        return Plan(self.users, self.sessions, self.seed, start.timestamp(), end.timestamp())


@dataclass(frozen=True, slots=True)
class Generated:
    """Where the files are, how many rows they have, and what a person should know of how they came about."""

    folder: Path
    products: list[ShopProduct] | None  # those that were made up
    counts: dict[str, int]
    notes: tuple[str, ...]


def generate(
    out: Path, wish: Wish, catalog: Sequence[Product] | None, settings: Settings, processes: int, steps: Steps
) -> Generated:
    """Everything in order. `catalog`: the products to shop in; None: they are made up, and written to `catalog.csv`.

    Raises ProviderError, InputFileError for a folder with other things in it, ValueError for a wish that cannot be
    fulfilled, OSError.
    """
    plan, calibration = wish.plan(), load_calibration()
    _take(out)
    with steps.step(f"Words from the {wish.provider} provider") as update:
        cache = settings.storage.cadence_home / "cache" / "gemini"
        material: Material = provider_of(wish.provider, settings.gemini, cache).material(update)
    made = None
    if catalog is None and wish.products is None:
        raise ValueError("give a catalogue, or how many products are made up")
    with steps.step("Making the world") as update:
        if catalog is None and wish.products:
            made = make_products(material.types, wish.products, wish.seed, wish.last_day, wish.product_prefix)
            write_catalog(out / "catalog.csv", made)
            world = world_of_shop(made, material.phrases, wish.seed, calibration)
        elif catalog is not None:
            (out / "catalog.csv").unlink(missing_ok=True)  # of another wish
            world = world_of_catalog(catalog, wish.seed, calibration, update)
        world.save(out / "world")
    with steps.step("Simulating shoppers") as update:
        counts = simulate(out, out / "world", material.personas, calibration, plan, processes, update)
    notes = material.notes
    if float(np.mean(np.asarray(world.arrived) >= plan.end)) > _MOSTLY:
        notes += ("most of these products come on sale after the last day: choose a later one, or nobody clicks",)
    return Generated(out, made, counts, notes)


def _take(out: Path) -> None:
    """Makes the folder this command's own. Raises InputFileError where somebody else has put something there."""
    if out.exists() and not out.is_dir():
        raise InputFileError(f"{out} is a file: name a folder")
    if out.exists() and not (out / MARKER).exists() and any(path.name not in _LITTER for path in out.iterdir()):
        raise InputFileError(f"{out} holds other files: name an empty folder, or one that is not there yet")
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).write_text(_MARK, encoding="ascii")


def _last_day(text: str) -> date:
    """Of the command line. Raises ArgumentTypeError for what is no day, or a day that is not over."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no day, as 2026-10-31 is") from None
    if day >= datetime.now(UTC).date():
        raise argparse.ArgumentTypeError(f"{text} is not over yet")
    return day


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the files, made if absent")
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--sessions", type=int, default=60_000, help="visits of all users together")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--products", type=int, default=20_000, help="how many are made up")
    source.add_argument("--catalog", type=Path, metavar="FILE", help="shop in these products instead")
    parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="which column holds a field")
    parser.add_argument("--provider", choices=NAMES, default="offline", help="who writes the words")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same files")
    parser.add_argument("--days", type=int, default=92, help="how long the traffic lasts")
    parser.add_argument("--last-day", type=_last_day, default=LAST_DAY, metavar="YYYY-MM-DD", help="in UTC")
    parser.add_argument("--processes", type=at_least(1), default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    steps, started = Steps(), perf_counter()
    try:
        wish = Wish(
            options.users,
            options.sessions,
            options.seed,
            options.products,
            options.provider,
            options.days,
            options.last_day,
        )
        catalog = None
        if options.catalog:
            if options.out.resolve() in options.catalog.resolve().parents:
                raise InputFileError(f"{options.catalog} lies in {options.out}, which is written anew")
            frame, report = read_catalog(options.catalog, split_mapping(options.map)["catalog"])
            for line in report.lines():
                steps.say(line)
            catalog = list(products_of(frame))
        done = generate(options.out, wish, catalog, Settings(), options.processes, steps)
    except (CadenceError, OSError, ValueError) as error:
        steps.fail(error)
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: the same command goes on from here")
        return 130
    seconds = perf_counter() - started
    for note in done.notes:
        steps.say(note)
    searches, events, visits = (done.counts[name] for name in FILES)
    rate = (searches + events) / seconds
    steps.say(f"{searches:,} searches and {events:,} events in {visits:,} visits: {rate:,.0f} a second")
    for name in FILES:
        steps.say(str(options.out / f"{name}.parquet"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

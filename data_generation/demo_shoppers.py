"""A shopper with a history for each persona, for a page to shop as: `python -m data_generation.demo_shoppers`.

`run_demo.py` runs it after training. Each is simulated in this shop's products until last midnight, written as an
import of events that trends, statistics and training leave out (`database.repositories.demo_traffic`), and folded into
a profile as live events are; `<home>/demo_shoppers.json` says who they are. Made once, and anew where another version
is served, the catalogue or the personas changed, or the histories grew old. All in one transaction: interrupted,
nothing is half there, and the next start makes them. `--remove` takes them out again, as
`data_generation.remove_synthetic` does.
"""

import argparse
import asyncio
import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from sqlalchemy import Connection

from config.keys import user_hash_key
from config.progress import Steps
from config.settings import Settings
from core import artifacts
from core.demo_shoppers import FILE, DemoShopper, demo_shopper_of, load_demo_shoppers, save_demo_shoppers
from core.domain import Engagement
from core.errors import CadenceError, InputFileError
from data_generation.personas import Persona, load_personas
from data_generation.tables import TABLES
from database.connection import Database
from database.identity import UserKeys
from database.profile_cache import ProfileCache, marks_of, shared_profiles
from database.repositories.demo_traffic import DEMO_SHOPPERS, remove_demo_traffic
from database.repositories.events import insert_new
from database.repositories.imports import SYNTHETIC, CompletedImport, ImportRepository
from database.repositories.product_changes import newest_change
from database.repositories.profiles import StoredProfile, owner_of, refold

SEED = 16  # of ten, the one whose shoppers differ most in the generated shop
STALE = timedelta(days=28)  # after the end of the histories: they have faded by then, and new ones are made
_VERSION = 1  # of what a history means; another one is made anew


async def make(settings: Settings, steps: Steps, now: datetime, seed: int = SEED) -> tuple[DemoShopper, ...]:
    """The demo shoppers of this home with histories until the midnight (UTC) before `now`.

    Where those that are there still hold, nothing is made; nor is it without a published version. Raises CadenceError.
    """
    home = settings.storage.cadence_home
    database = Database(settings.storage.url)
    try:
        await database.migrate()
        personas = load_personas()
        signature = await _signature(database, settings, personas, seed)
        if signature is None:
            steps.say("no version is published: nobody can shop yet")
            return ()
        known = await _known(database, signature)
        if known is None or now - datetime.fromisoformat(str(known.report["until"])) > STALE:
            known = await _made(database, settings, personas, signature, now, seed, steps)
        shoppers = tuple(demo_shopper_of(row) for row in cast(list[object], known.report["shoppers"]))
        if not _is_written(home, shoppers):
            save_demo_shoppers(home, shoppers)
        return shoppers
    finally:
        await database.dispose()


async def remove(settings: Settings) -> int:
    """Takes the demo shoppers out; returns how many there were. What visitors did as them stays, and is theirs."""
    (settings.storage.cadence_home / FILE).unlink(missing_ok=True)
    database = Database(settings.storage.url)
    try:
        await database.migrate()
        return await _replace(database, settings, datetime.now(UTC))
    finally:
        await database.dispose()


async def _signature(database: Database, settings: Settings, personas: Sequence[Persona], seed: int) -> str | None:
    """Names everything that the histories depend on, in 64 hexadecimal digits; None without a published version."""
    version = artifacts.current_version(settings.storage.artifacts)
    if version is None:
        return None
    manifest = artifacts.read_manifest(settings.storage.artifacts, version)
    tables = sorted((TABLES / "personas").glob("*.toml"))
    facts = {
        "version": [version, manifest.get("fingerprint")],
        "catalogue": await database.read(newest_change),
        "personas": [asdict(one) for one in personas],
        "tables": [hashlib.sha256(path.read_bytes()).hexdigest() for path in tables],
        "seed": seed,
        "format": _VERSION,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


async def _known(database: Database, signature: str) -> CompletedImport | None:
    async with database.reading() as session:
        complete = await ImportRepository(session).completed()
    return next((one for one in complete if one.kind == DEMO_SHOPPERS and one.sha256 == signature), None)


async def _made(
    database: Database,
    settings: Settings,
    personas: Sequence[Persona],
    signature: str,
    now: datetime,
    seed: int,
    steps: Steps,
) -> CompletedImport:
    """Makes all of them, and stores them instead of those that are there."""
    until = now.replace(hour=0, minute=0, second=0, microsecond=0)  # whole days: shoppers have their hours
    # Imported only now: a start with nothing to do need not spend the time.
    from data_generation.demo_history import history
    from data_generation.demo_shop import open_shop

    with steps.step("Demo shoppers") as update:
        shop = await open_shop(database, settings, seed)
        users, histories = UserKeys(user_hash_key(settings.storage.cadence_home)), []
        for number, persona in enumerate(personas):
            update(number / len(personas), persona.name)
            if shop.world is not None:
                histories.append(history(shop.world, persona, until, seed, users.key, shop.facts))
        events = [event for one in histories for event in one.events]
        report = {
            "rows": len(events),
            "until": until.isoformat(),
            "shoppers": [asdict(one.shopper) for one in histories],
        }
        await _replace(database, settings, now, signature, events, report)
    steps.say(f"{len(histories)} demo shoppers with {len(events):,} events until {until:%Y-%m-%d}")
    known = await _known(database, signature)
    assert known is not None  # noqa: S101  # committed a moment ago
    return known


async def _replace(
    database: Database,
    settings: Settings,
    now: datetime,
    signature: str | None = None,
    events: Sequence[Engagement] = (),
    report: Mapping[str, object] | None = None,
) -> int:
    """Stores these events instead of those of the demo shoppers that are there, in one transaction with the profiles.

    Without a signature nothing takes their place. Returns of how many shoppers something was there.
    """
    async with database.transaction() as session:
        connection = await session.connection()
        before = await connection.run_sync(remove_demo_traffic)
        if signature is not None:
            imports = ImportRepository(session)
            import_id = await imports.begin(DEMO_SHOPPERS, "demo shoppers", signature, SYNTHETIC)
            assert import_id is not None  # noqa: S101  # the complete ones were removed above
            await connection.run_sync(insert_new, events, now, import_id)
            await imports.finish(import_id, report or {})
        whose = sorted({*before, *(event.user_key for event in events if event.user_key)})
        profiles = await connection.run_sync(_refolded, whose, now)
    cache = ProfileCache(database, marks_of(settings), shared_profiles(settings))
    try:  # a service that runs beside this sees them at once
        for key in before:
            await cache.merged(owner_of(key, None) or "")
        await cache.changed(profiles)
    finally:
        await cache.close()
    return len(before)


def _refolded(connection: Connection, whose: Sequence[str], now: datetime) -> list[StoredProfile]:
    found = (refold(connection, owner_of(key, None) or "", now) for key in whose)
    return [stored for stored in found if stored is not None]


def _is_written(home: Path, shoppers: tuple[DemoShopper, ...]) -> bool:
    """Whether the file says this; a broken one is written anew."""
    try:
        return (home / FILE).exists() and load_demo_shoppers(home) == shoppers
    except InputFileError:
        return False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop (default ./var)")
    parser.add_argument("--seed", type=int, default=SEED, help="the same seed gives the same people")
    parser.add_argument("--remove", action="store_true", help="take them out again, and make none")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    settings, steps = Settings(), Steps()
    try:
        if not settings.storage.database_url and not (settings.storage.cadence_home / "cadence.sqlite3").is_file():
            raise InputFileError(f"there is no shop in {settings.storage.cadence_home}")
        if options.remove:
            steps.say(f"{asyncio.run(remove(settings))} demo shoppers are gone")
            return 0
        asyncio.run(make(settings, steps, datetime.now(UTC).replace(microsecond=0), options.seed))
    except CadenceError as error:
        steps.fail(error)
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: the next start carries on from here")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

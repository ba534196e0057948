"""Profiles anew from the log: `python -m training.rebuild_profiles --home DIR`.

Events that came from a file get what the served version knows of their products, once: from then on it is part of the
log. Then every profile is folded from its log. What comes out is, byte for byte, what serving has folded event by
event; the command is for events that were imported, for profiles of an older format, and for whoever wants it proved
(`--check` only compares). A running service on the same home sees them at once.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

from sqlalchemy import Connection

from config.progress import Steps, Update
from config.settings import Settings
from core.domain import EventFacts
from core.errors import CadenceError
from database.connection import Database
from database.profile_cache import ProfileCache, marks_of, shared_profiles
from database.repositories.events import events_without_facts, set_facts
from database.repositories.profiles import StoredProfile, compare, has_unfolded, owners, refold

_OWNERS_AT_ONCE = 200  # a transaction of some 0.1 s: a service that runs beside it waits no longer
FactsOf = Callable[[str], EventFacts]
"""What is known of a product id."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop (default ./var)")
    parser.add_argument("--check", action="store_true", help="compare stored profiles with their log; change nothing")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    steps = Steps()
    try:
        return asyncio.run(_run(Settings(), steps, check=options.check))
    except CadenceError as error:
        steps.fail(error)
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: start it again, and it begins anew")
        return 130


async def _run(settings: Settings, steps: Steps, *, check: bool) -> int:
    database = Database(settings.storage.url)
    try:
        await database.migrate()
        if check:
            wrong = await check_profiles(database, steps)
            steps.say("every profile is the fold of its log" if not wrong else f"{wrong:,} profiles are not")
            return int(wrong > 0)
        await rebuild(database, _facts_of(settings), steps, _cache(database, settings))
        return 0
    finally:
        await database.dispose()


async def with_imported_events(settings: Settings, steps: Steps) -> None:
    """Folds the profiles anew where events came from a file since."""
    database = Database(settings.storage.url)
    try:
        if await database.read(_is_due):
            await rebuild(database, _facts_of(settings), steps, _cache(database, settings))
    finally:
        await database.dispose()


def _is_due(connection: Connection) -> bool:
    return bool(events_without_facts(connection, 1)) or has_unfolded(connection)


def _facts_of(settings: Settings) -> FactsOf:
    """What the current version knows; nothing where none was published."""
    from core.services.bundle import load_bundle
    from core.services.search import SearchService

    bundle = load_bundle(settings.storage.artifacts, settings.models.embedding_model)
    return SearchService(bundle).event_facts


async def rebuild(database: Database, facts_of: FactsOf, steps: Steps, cache: ProfileCache) -> int:
    """Fills in the facts that are missing, and folds every profile; returns how many there are."""
    with steps.step("Facts of imported events") as update:
        filled = await _fill(database, facts_of, update)
    everybody, now, kept = await database.read(owners), datetime.now(UTC), 0

    with steps.step("Folding profiles") as update:
        for start in range(0, len(everybody), _OWNERS_AT_ONCE):
            some = everybody[start : start + _OWNERS_AT_ONCE]
            stored = await database.commit(partial(_refold, some, now))
            await cache.changed(stored)
            kept += len(stored)
            update((start + len(some)) / len(everybody), f"{start + len(some):,} of {len(everybody):,}")
    steps.say(f"{kept:,} profiles, {filled:,} events with new facts")
    return kept


def _refold(some: Sequence[str], now: datetime, connection: Connection) -> list[StoredProfile]:
    return [stored for owner in some if (stored := refold(connection, owner, now)) is not None]


def _cache(database: Database, settings: Settings) -> ProfileCache:
    """That tells running services."""
    return ProfileCache(database, marks_of(settings), shared_profiles(settings))


async def check_profiles(database: Database, steps: Steps) -> int:
    """How many stored profiles are not the fold of their log."""
    everybody = await database.read(owners)
    wrong = 0
    with steps.step("Comparing profiles") as update:
        for number, owner in enumerate(everybody, 1):
            wrong += not await database.read(partial(compare, owner=owner))
            update(number / len(everybody), f"{number:,} of {len(everybody):,}")
    return wrong


async def _fill(database: Database, facts_of: FactsOf, update: Update) -> int:
    filled = 0
    while some := await database.read(partial(events_without_facts, limit=5_000)):
        known = {event_id: facts_of(item_id) for event_id, item_id in some}
        await database.commit(partial(set_facts, known=known))
        filled += len(some)
        update(0.5, f"{filled:,} events")
    return filled


if __name__ == "__main__":
    raise SystemExit(main())

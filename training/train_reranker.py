"""Teaches search what each shopper prefers: `python -m training.train_reranker --home DIR`.

The lists that were shown to known shoppers, with the values they were ranked by then, and what was clicked, with the
bias of positions taken out → LambdaMART → a new version, published only if it orders the lists of held-out shoppers
better than they were shown, beyond chance. `--force` publishes whatever the figures say.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

from sqlalchemy import Connection

from config.progress import Steps
from config.settings import Settings
from core import artifacts
from core.errors import ArtifactError, CadenceError
from core.personalization.features import FEATURES
from core.personalization.reranker import has_reranker, load_reranker
from core.personalization.score import Formula
from core.services.bundle import RERANKING
from database.connection import Database
from database.repositories.taste_lists import TasteLog
from training.reranking.learn import LEAST_LISTS, Final, learn
from training.reranking.lists import TasteTable, packed
from training.reranking.publish import publish_reranker

LATEST = 60_000  # lists; 20 products each are 180 MB of values


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop (default ./var)")
    parser.add_argument("--force", action="store_true", help="publish even if held-out lists are not ordered better")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--min-lists", type=int, default=LEAST_LISTS, metavar="N", help="with a click (default 500)")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    steps = Steps()
    try:
        return _train(options, steps)
    except (CadenceError, ValueError) as error:
        steps.fail(error)
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: nothing was changed")
        return 130


def _train(options: argparse.Namespace, steps: Steps) -> int:
    settings = Settings()
    version = artifacts.open_current(settings.storage.artifacts)
    with steps.step("Reading the lists"):
        table, skipped = asyncio.run(_from_database(settings))
    steps.say(f"{len(table):,} searches of known shoppers")
    if skipped:
        steps.say(f"{skipped:,} more were ranked by other features than this program computes: left out")
    chosen = settings.personalization
    formula = Formula(chosen.personalization_weights, chosen.personalization_reach, chosen.personalization_depth)
    with steps.step("Learning") as update:
        learnt = learn(table, formula, options.seed, update, options.min_lists, _previous(version))
    for name, figure in learnt.figures.items():
        steps.say(f"{name}: {figure:.4f}" if figure != int(figure) else f"{name}: {figure:,.0f}")
    if not learnt.pays and not options.force:
        steps.say("not published: held-out lists are not ordered better, beyond chance")
        return 1
    if artifacts.current_version(settings.storage.artifacts) != version.version:
        steps.say("not published: another version was published meanwhile; start again to learn beside that one")
        return 1
    with steps.step("Publishing"):
        facts = {"lists": len(table), "seed": options.seed}
        name = publish_reranker(settings.storage.cadence_home, version, learnt, facts)
    steps.say(f"version {name}; a running service follows by itself")
    return 0


def _previous(version: artifacts.ArtifactFolder) -> Final | None:
    """What the reranker that is served says; None without one that this program can use."""
    folder = version.path / RERANKING
    try:
        return load_reranker(folder, FEATURES).final if has_reranker(folder) else None
    except ArtifactError:
        return None


async def _from_database(settings: Settings) -> tuple[TasteTable, int]:
    """The lists, and how many were left out for their layout."""
    database = Database(settings.storage.url)
    try:
        await database.migrate()
        return await database.read(_read)
    finally:
        await database.dispose()


def _read(connection: Connection) -> tuple[TasteTable, int]:
    log = TasteLog(connection, LATEST)
    return packed(log), log.other_layout


if __name__ == "__main__":
    raise SystemExit(main())

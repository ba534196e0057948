"""What another ranking for shoppers would have been worth, from the log alone, before anybody sees it.

    python -m training.replay --reach 0.3                       # how far taste may move a product
    python -m training.replay --weights 0.2,0.5,0.2,0.1         # of the four components
    python -m training.replay --reranker VERSION                # the learnt model of a published version

Needs searches logged with `EXPLORATION_SWAPS`: chance then swaps two of the first ten places in a share of lists, and
each place's probability is logged. The target ranks the ten products that were shown anew; how far down shoppers look
is harvested from the swaps. Values are clicks per list with 95 % intervals; what decides is the last line, the
difference to the ranker that made the log (`core.experiments.replay` has the estimators and their sources).
"""

import argparse
import asyncio
import json
import os
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.table import Table
from sqlalchemy import Connection

from config.progress import Steps
from config.settings import Settings
from core import artifacts
from core.errors import ArtifactError, CadenceError
from core.experiments.replay import Replay
from core.personalization.features import FEATURES
from core.personalization.product_taste import product_components
from core.personalization.reranker import has_reranker, load_reranker
from core.personalization.score import Formula
from core.services.bundle import RERANKING
from database.connection import Database
from database.repositories.taste_lists import TasteLog
from training.replay_lists import Ranker, ReplayLog, replay_log, valued
from training.reranking.learn import LEARNED_ARM

LATEST = 60_000  # lists


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop (default ./var)")
    parser.add_argument("--reach", type=float, help="of the target (default: the setting)")
    parser.add_argument("--weights", type=_weights, metavar="A,B,C,D", help="of the target (default: the setting)")
    parser.add_argument("--reranker", metavar="VERSION", help="rank by the learnt model of this version")
    parser.add_argument("--lists", type=int, default=LATEST, metavar="N", help=f"the latest N (default {LATEST:,})")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    steps = Steps()
    try:
        return _replay(options, steps)
    except (CadenceError, ValueError) as error:
        steps.fail(error)
        return 1


def _replay(options: argparse.Namespace, steps: Steps) -> int:
    settings = Settings()
    chosen = settings.personalization
    fixed = _formula(Formula(chosen.personalization_weights, chosen.personalization_reach))
    reach = fixed.reach if options.reach is None else options.reach
    target = _formula(Formula(options.weights or chosen.personalization_weights, reach))
    if options.reranker is not None:
        target = _learnt(settings, options.reranker, reach)
    ordered_by = {"formula": fixed}
    served = artifacts.current_version(settings.storage.artifacts)
    if served is not None and has_reranker(settings.storage.artifacts / served / RERANKING):
        ordered_by[LEARNED_ARM] = _learnt(settings, served, chosen.personalization_reach)
    with steps.step("Reading the lists"):
        replayed = asyncio.run(_from_database(settings, options.lists, ordered_by))
    places = replayed.target(target)
    moved = float((places != replayed.natural).mean())
    steps.say(f"{replayed.log.lists:,} searches; the target has {moved:.1%} of their products at another place")
    with steps.step("Valuing"):
        found = valued(replayed, places)
    table = Table("clicks per list", "value", "95 %", "effective products")
    for name, one in found.items():
        table.add_row(name, f"{one.value:+.4f}", f"{one.low:+.4f} to {one.high:+.4f}", f"{one.effective_size:,.0f}")
    steps.console.print(table)
    steps.say(said(found["difference (SNIPS, by examination)"]))
    if options.json:
        values = {f"{name}, {part}": value for name, one in found.items() for part, value in asdict(one).items()}
        measured = {"lists": replayed.log.lists, "share of lists swapped": replayed.share}
        options.json.write_text(json.dumps({"metrics": values, "measured_on": measured}, indent=1), encoding="utf-8")
    return 0


def said(difference: Replay) -> str:
    """The last line, for people."""
    if difference.low > 0:
        return "the target would have been clicked more"
    if difference.high < 0:
        return "the target would have been clicked less"
    return "the log cannot tell which is better"


def _formula(formula: Formula) -> Ranker:
    return Ranker(lambda table: formula.final(product_components(table)), formula.reach)


def _learnt(settings: Settings, version: str, reach: float) -> Ranker:
    folder = settings.storage.artifacts / version / RERANKING
    if not has_reranker(folder):
        raise ArtifactError(f"version {version} has no reranker")
    return Ranker(load_reranker(folder, FEATURES).final, reach)


def _weights(text: str) -> tuple[float, float, float, float]:
    parts = tuple(float(part) for part in text.split(","))
    if len(parts) != 4 or min(parts) < 0 or abs(sum(parts) - 1) > 1e-6:
        raise argparse.ArgumentTypeError("four numbers that add up to 1, none negative")
    return parts[0], parts[1], parts[2], parts[3]


async def _from_database(settings: Settings, latest: int, ordered_by: dict[str, Ranker]) -> ReplayLog:
    database = Database(settings.storage.url)
    try:
        await database.migrate()
        return await database.read(partial(_read, latest=latest, ordered_by=ordered_by))
    finally:
        await database.dispose()


def _read(connection: Connection, latest: int, ordered_by: dict[str, Ranker]) -> ReplayLog:
    return replay_log(TasteLog(connection, latest), ordered_by)


if __name__ == "__main__":
    raise SystemExit(main())

"""What the safety list withholds, as a file for people to look through.

    python -m training.safety_review --home var          writes var/safety-review.csv

Of the published version: every query of the log that would be suggested, had the list not withheld it, with the phrase
that is the reason, the most frequent first. What should be suggested after all goes into `<home>/safety.txt` with a `!`
before it, what is missing goes there without: the service follows within SUGGESTION_REFRESH_SECONDS. What is withheld
when a version is trained is not learnt either, so what is allowed later comes back with the next training.
"""

import argparse
import asyncio
import csv
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

from config.progress import Steps
from config.settings import Settings
from core.errors import CadenceError
from core.text.safety import read_safety_list
from database.connection import Database
from database.repositories.training_queries import TrainingQueryRepository


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop's home (default ./var)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default <home>/safety-review.csv")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    settings, steps = Settings(), Steps()
    out = options.out or settings.storage.cadence_home / "safety-review.csv"
    try:
        rows = asyncio.run(withheld(settings))
    except CadenceError as error:
        steps.fail(error)
        return 1
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "phrase", "weight"])
        writer.writerows(rows)
    steps.say(f"{len(rows):,} queries are withheld: {out}")
    return 0


async def withheld(settings: Settings) -> list[tuple[str, str, float]]:
    """`(query, phrase, weight)` of what enough shoppers searched, or an imported log holds, and nobody is suggested."""
    own = settings.storage.safety
    safety = read_safety_list(own if own.is_file() else None)
    database = Database(settings.storage.url)
    try:
        await database.migrate()
        async with database.reading() as session:
            queries = await TrainingQueryRepository(session, settings.suggest.suggestion_min_shoppers).weighted()
    finally:
        await database.dispose()
    found = [(one.text, reason, one.weight) for one in queries if (reason := safety.reason(one.text)) is not None]
    return sorted(found, key=lambda row: (-row[2], row[0]))


if __name__ == "__main__":
    raise SystemExit(main())

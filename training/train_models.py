"""Raw files → published artifacts: `python training/train_models.py --catalog FILE --queries FILE --home DIR`.

The whole way in order: import into the database → train → publish below `<home>/artifacts`. Running it again skips what
is done; interrupted anywhere, the next run carries on. What enough shoppers have searched since counts as queries too,
and live changes of the catalogue are learnt from; but these alone are no reason to train again, or every start of a
busy shop would: `--searches` makes them one.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

from config.keys import user_hash_key
from config.progress import Steps
from config.settings import Settings
from core.errors import CadenceError
from core.importing.columns import split_mapping
from core.language_model.config import PRESETS
from database.connection import Database
from database.identity import UserKeys
from training.import_data import Importer, InputFiles
from training.rebuild_profiles import with_imported_events
from training.shop_data import FILES, read_shop, wanted_version
from training.versions import other_preset, published


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """The options that name a shop's data, its home and the size of its models."""
    parser.add_argument("--catalog", type=Path, metavar="FILE", help="products: CSV, TSV, JSON Lines or Parquet")
    parser.add_argument("--queries", type=Path, metavar="FILE", help="query log or judged list")
    parser.add_argument("--events", type=Path, metavar="FILE", help="engagement events")
    parser.add_argument("--home", type=Path, metavar="DIR", help="everything is written below it (default ./var)")
    parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="which column holds a field")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="small", help="size of the language models")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--min-shoppers",
        type=int,
        metavar="N",
        help="learn only queries of an imported log that N shoppers searched (default IMPORTED_MIN_SHOPPERS, or 1)",
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_options(parser)
    parser.add_argument(
        "--searches",
        action="store_true",
        help="train again where only searches of shoppers and live changes of the catalogue are new, no file",
    )
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    if options.min_shoppers is not None:
        os.environ["IMPORTED_MIN_SHOPPERS"] = str(options.min_shoppers)
    steps = Steps()
    try:
        asyncio.run(_train(options, steps))
        asyncio.run(with_imported_events(Settings(), steps))
    except (CadenceError, ValueError) as error:
        steps.fail(error)
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: the next start carries on from here")
        return 130
    return 0


async def _train(options: argparse.Namespace, steps: Steps) -> None:
    settings = Settings()
    home = settings.storage.cadence_home
    home.mkdir(parents=True, exist_ok=True, mode=0o700)  # what is stored there is the shoppers'
    database = Database(settings.storage.url)
    try:
        await database.migrate()
        importer = Importer(database, UserKeys(user_hash_key(home)), split_mapping(options.map), steps)
        files = InputFiles(options.catalog, options.queries, options.events)
        await importer.run(files, home / "data" / "generated")
        wanted = await wanted_version(database, settings, options.preset, options.seed)
        exact = published(home, wanted.fingerprint)
        version = exact or (None if options.searches else published(home, wanted.files, FILES))
        if version:
            steps.say(f"version {version} is up to date")
            if not exact:
                steps.say(
                    "shoppers have searched since, or the catalogue was changed: POST /admin/retrain or --searches "
                    "learns from that"
                )
            return
        if other := other_preset(home, options.preset):
            steps.say(f"the current version was trained with --preset {other}: training one with {options.preset}")
        # Imported only now: torch and its companions take seconds that a start with nothing to do need not spend.
        from training.pipeline import Pipeline

        data = await read_shop(database, settings)
        for reason, count in sorted(data.left_out.items()):
            steps.say(f"{count:,} queries are not learnt: {reason}")
    finally:
        await database.dispose()
    pipeline = Pipeline(home, options.preset, settings.models.embedding_model, steps, options.seed)
    pipeline.run(data, wanted.fingerprint, wanted.facts)


if __name__ == "__main__":
    raise SystemExit(main())

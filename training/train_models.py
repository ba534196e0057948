"""Raw files → published artifacts: `python training/train_models.py --catalog FILE --queries FILE --home DIR`.

The whole way in order: import into the database → train → publish below `<home>/artifacts`. Running it again skips what
is done; interrupted anywhere, the next run carries on.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

from config.keys import user_hash_key
from config.settings import Settings
from core.errors import CadenceError
from core.importing.columns import split_mapping
from core.language_model.config import PRESETS
from database.connection import Database
from database.identity import UserKeys
from database.repositories.imports import ImportRepository
from database.repositories.products import ProductRepository
from database.repositories.query_log import QueryLogRepository
from training.import_data import Importer, InputFiles
from training.progress import Steps
from training.versions import fingerprint, published


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """The options that name a shop's data, its home and the size of its models."""
    parser.add_argument("--catalog", type=Path, metavar="FILE", help="products: CSV, TSV, JSON Lines or Parquet")
    parser.add_argument("--queries", type=Path, metavar="FILE", help="query log or judged list")
    parser.add_argument("--events", type=Path, metavar="FILE", help="engagement events")
    parser.add_argument("--home", type=Path, metavar="DIR", help="everything is written below it (default ./var)")
    parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="which column holds a field")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="small", help="size of the language models")
    parser.add_argument("--seed", type=int, default=0)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_options(parser)
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    steps = Steps()
    try:
        asyncio.run(_train(options, steps))
    except (CadenceError, ValueError) as error:
        steps.console.print(f"✗ {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        steps.say("interrupted: the next start carries on from here")
        return 130
    return 0


async def _train(options: argparse.Namespace, steps: Steps) -> None:
    settings = Settings()
    home = settings.storage.cadence_home
    home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.storage.url)
    try:
        await database.migrate()
        importer = Importer(database, UserKeys(user_hash_key(home)), split_mapping(options.map), steps)
        files = InputFiles(options.catalog, options.queries, options.events)
        await importer.run(files, home / "data" / "generated")
        async with database.reading() as session:
            imports = await ImportRepository(session).completed()
            counts = await ProductRepository(session).count(), await QueryLogRepository(session).count()
        sources = [
            f"{entry.kind} {entry.sha256} {sorted(entry.mapping.items())}"
            for entry in imports
            if entry.kind != "events"
        ]
        embedding_model = settings.models.embedding_model
        wanted = fingerprint(sources, *counts, options.preset, embedding_model, options.seed)
        version = published(home, wanted)
        if version:
            steps.say(f"version {version} is up to date")
            return
        # Imported only now: torch and its companions take seconds that a start with nothing to do need not spend.
        from training.pipeline import Pipeline, ShopData

        async with database.reading() as session:
            products = [product async for batch in ProductRepository(session).stream() for product in batch]
            queries = await QueryLogRepository(session).weighted()
    finally:
        await database.dispose()
    pipeline = Pipeline(home, options.preset, embedding_model, steps, options.seed)
    pipeline.run(ShopData(products, queries), wanted)


if __name__ == "__main__":
    raise SystemExit(main())

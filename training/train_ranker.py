"""Teaches search what shoppers mean: `python -m training.train_ranker --judgments FILE --home DIR`.

Judged searches (query, product_id, relevance) or, without a file, the clicks of the shop's own log with the bias of
positions taken out → an adapter of the vectors and a network that ranks → a new version, published only if it answers
held-out queries better than search without it, beyond chance. `--force` publishes whatever the figures say.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

import numpy as np

from config.progress import Steps
from config.settings import Settings
from core import artifacts
from core.errors import CadenceError, NoCatalogError
from core.importing.columns import split_mapping
from core.retrieval.storage import load_products
from core.services.bundle import PRODUCTS, load_bundle
from core.text.embedding import embed_cached
from database.connection import Database
from database.repositories.products import ProductRepository
from training.ranking.clicks import logged_clicks
from training.ranking.judged import Grades, in_catalogue, read_judgments
from training.ranking.learn import Learner, Learnt
from training.ranking.publish import publish_ranker


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judgments", type=Path, metavar="FILE", help="judged list; without: the clicks of the log")
    parser.add_argument("--map", action="append", default=[], metavar="FIELD=COLUMN", help="which column holds a field")
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop (default ./var)")
    parser.add_argument("--force", action="store_true", help="publish even if held-out queries are not answered better")
    parser.add_argument("--seed", type=int, default=0)
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
    home = settings.storage.cadence_home
    version = artifacts.open_current(settings.storage.artifacts)
    with steps.step("Reading the shop"):
        bundle = load_bundle(settings.storage.artifacts, settings.models.embedding_model, version.version)
        encoder = bundle.encoder
        if encoder is None:
            raise NoCatalogError("this shop was set up from queries alone: there are no products to rank")
        index = load_products(version.path / PRODUCTS, np.load(version.path / "product_categories.npy"))
        titles, clicks = asyncio.run(_from_database(settings, options.judgments is None))
        mapping = split_mapping(options.map)["queries"]
        grades = read_judgments(options.judgments, mapping) if options.judgments else clicks
    judged = in_catalogue(grades, {product_id: row for row, product_id in enumerate(index.ids)})
    steps.say(f"{len(judged):,} judged queries with products of the catalogue")
    with steps.step("Learning") as update:
        learner = Learner(
            index,
            [titles.get(product_id, "") for product_id in index.ids],
            bundle.known_words.counts,
            lambda texts: embed_cached(encoder, texts, home / "cache" / "embeddings"),
            options.seed,
        )
        learnt = learner.learn(judged, update)
    return _publish(options, steps, home, version, learnt)


def _publish(
    options: argparse.Namespace, steps: Steps, home: Path, version: artifacts.ArtifactFolder, learnt: Learnt
) -> int:
    for name, figure in learnt.figures.items():
        steps.say(f"{name}: {figure:.4f}" if figure != int(figure) else f"{name}: {figure:,.0f}")
    if not learnt.pays and not options.force:
        steps.say("not published: held-out queries are not answered better, beyond chance")
        return 1
    source = options.judgments.name if options.judgments else "clicks"
    with steps.step("Publishing"):
        name = publish_ranker(home, version, learnt, {"learnt_from": source, "seed": options.seed})
    steps.say(f"version {name}; a running service follows by itself")
    return 0


async def _from_database(settings: Settings, with_clicks: bool) -> tuple[dict[str, str], Grades]:
    """The titles by product id, and what the log says of clicks."""
    database = Database(settings.storage.url)
    try:
        await database.migrate()
        async with database.reading() as session:
            titles = {one.product_id: one.title async for batch in ProductRepository(session).stream() for one in batch}
        return titles, await logged_clicks(database) if with_clicks else {}
    finally:
        await database.dispose()


if __name__ == "__main__":
    raise SystemExit(main())

"""The shop that demo shoppers shop in: its world, and what the served version knows of its products."""

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from core.domain import EventFacts, Product
from core.services.bundle import load_bundle
from core.services.search import SearchService
from data_generation.build_world import world_of_catalog
from data_generation.calibration import load_calibration
from data_generation.world import World, load_world
from database.connection import Database
from database.repositories.products import ProductRepository
from database.repositories.training_queries import TrainingQueryRepository

PRODUCTS = 12_000  # of a larger catalogue so many are looked at: a world of them takes some seconds
_MOSTLY = 0.9  # of a generated world's products that are still sold: then it is this shop's


@dataclass(frozen=True, slots=True)
class DemoShop:
    """`world` is None where the shop has nothing to look for."""

    world: World | None
    search: SearchService
    sold: frozenset[str]

    def facts(self, product_id: str) -> EventFacts | None:
        """What the served version knows of a product, as of a live event; None for one that is not sold."""
        return self.search.event_facts(product_id) if product_id in self.sold else None


async def open_shop(database: Database, settings: Settings, seed: int) -> DemoShop:
    """The shop as it is served. Raises ArtifactError where no version can be loaded.

    The shop that was generated for the demonstration brings its world with it. Any other one's is made of its
    catalogue, and without a catalogue of what is searched most: then queries stand in for products.
    """
    bundle = load_bundle(settings.storage.artifacts, settings.models.embedding_model)
    async with database.reading() as session:
        products = [product async for batch in ProductRepository(session).stream() for product in batch]
        if not products:
            training = TrainingQueryRepository(session, settings.suggest.suggestion_min_shoppers)
            products = [
                Product(f"query {number}", query.text, rating_count=round(query.weight))
                for number, query in enumerate(await training.weighted())
            ]
    index = bundle.current.index
    sold = frozenset(one.product_id for one in products if index and index.row_of(one.product_id) is not None)
    world = _generated(settings.storage.cadence_home / "data" / "generated" / "world", sold)
    return DemoShop(world or _world(products, seed), SearchService(bundle), sold)


def _generated(folder: Path, sold: frozenset[str]) -> World | None:
    if not (folder / "texts.json").is_file():
        return None
    world = load_world(folder)
    there = sum(product_id in sold for product_id in world.product_ids)
    return world if there >= _MOSTLY * len(world.product_ids) else None


def _world(products: Sequence[Product], seed: int) -> World | None:
    """Of a large catalogue's products some are drawn, always the same ones, whatever else is sold."""
    some = heapq.nsmallest(PRODUCTS, products, key=lambda one: hashlib.sha256(one.product_id.encode()).digest())
    try:
        return world_of_catalog(some, seed, load_calibration(), lambda _share, _note: None)
    except ValueError:  # no product has a title that could be searched for
        return None

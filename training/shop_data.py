"""What a shop's database holds to learn from, and the names under which a version of it is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.settings import Settings
from core.domain import Product, WeightedQuery
from core.language_model.config import Preset
from database.connection import Database
from database.repositories.imports import ImportRepository
from database.repositories.products import ProductRepository
from database.repositories.query_log import QueryLogRepository
from database.repositories.training_queries import TrainingQueryRepository
from training.versions import fingerprint

FILES = "shop"  # the fact under which a manifest names what its version was made from, live searches aside
LEARNT_BEFORE = "learnt_before"  # the fact that says up to when completed searches were learnt


@dataclass(frozen=True, slots=True)
class WantedVersion:
    """The names of a version: `files` says what the shop gave, `fingerprint` what is learnt from, live searches too.

    `facts` belong into its manifest.
    """

    files: str
    fingerprint: str
    facts: Mapping[str, object]


async def wanted_version(
    database: Database, settings: Settings, preset: Preset, seed: int, before: datetime | None = None
) -> WantedVersion:
    """The version that the database calls for. `before`: what has a time is learnt only where it is earlier."""
    async with database.reading() as session:
        imports = await ImportRepository(session).completed()
        products, queries = await ProductRepository(session).count(), await QueryLogRepository(session).count()
        training = TrainingQueryRepository(session, settings.suggest.suggestion_min_shoppers)
        searches = await training.searches_digest(before)
        newest = await training.newest(1)
    half_life = settings.suggest.suggestion_half_life_days
    sources = [f"half-life {half_life}"]
    sources += [
        f"{entry.kind} {entry.sha256} {sorted(entry.mapping.items())}" for entry in imports if entry.kind != "events"
    ]
    model = settings.models.embedding_model
    files = fingerprint(sources, products, queries, preset, model, seed)
    # A time as a limit also leaves out rows of the log, which no digest of searches names.
    limit = f"{searches} before {before.isoformat()}" if before else searches
    learnt_before = before or (newest[0][1] + timedelta(microseconds=1) if newest else None)
    facts = {FILES: files, "seed": seed, LEARNT_BEFORE: learnt_before.isoformat() if learnt_before else None}
    return WantedVersion(files, fingerprint(sources, products, queries, preset, model, seed, limit), facts)


@dataclass(frozen=True, slots=True)
class ShopData:
    """Everything that is learnt from, in a fixed order. `forms`: normalised query → as shoppers mostly write it."""

    products: Sequence[Product]
    queries: Sequence[WeightedQuery]
    forms: Mapping[str, str] = field(default_factory=dict)


async def read_shop(database: Database, settings: Settings, before: datetime | None = None) -> ShopData:
    """What the database holds. `before` as in `wanted_version`."""
    suggest = settings.suggest
    async with database.reading() as session:
        products = [product async for batch in ProductRepository(session).stream() for product in batch]
        training = TrainingQueryRepository(session, suggest.suggestion_min_shoppers)
        queries = await training.weighted(before, suggest.suggestion_half_life_days)
        return ShopData(products, queries, await QueryLogRepository(session).forms())

"""What a shop's database holds to learn from, and the names under which a version of it is published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.settings import Settings
from core.domain import Product, WeightedQuery
from core.language_model.config import Preset
from core.services.bundle import CATALOG_SEQ
from database.connection import Database
from database.repositories.demo_traffic import DEMO_SHOPPERS
from database.repositories.imports import CompletedImport, ImportRepository
from database.repositories.product_changes import newest_change
from database.repositories.products import ProductRepository
from database.repositories.query_log import QueryLogRepository
from database.repositories.training_queries import TrainingQueryRepository
from training.versions import fingerprint

FILES = "shop"  # the fact under which a manifest names what its version was made from, live searches aside
LEARNT_BEFORE = "learnt_before"  # the fact that says up to when completed searches were learnt


@dataclass(frozen=True, slots=True)
class WantedVersion:
    """The names of a version: `files` says which files the shop gave, `fingerprint` what is learnt from: what was
    searched and changed in the catalogue since, too.

    `facts` belong into its manifest.
    """

    files: str
    fingerprint: str
    facts: Mapping[str, object]


async def wanted_version(
    database: Database, settings: Settings, preset: Preset, seed: int, before: datetime | None = None
) -> WantedVersion:
    """The version that the database calls for. `before`: what has a time is learnt only where it is earlier.

    Ask for it before `read_shop`: a change of the catalogue in between is then made once more on top of the version,
    which alters nothing; the other way round it would be missing.
    """
    async with database.reading() as session:
        imports = await ImportRepository(session).completed()
        queries = await QueryLogRepository(session).count()
        catalog_seq = await (await session.connection()).run_sync(newest_change)
        training = TrainingQueryRepository(session, settings.suggest.suggestion_min_shoppers)
        searches = await training.searches_digest(before)
        newest = await training.newest(1)
    half_life = settings.suggest.suggestion_half_life_days
    sources = [f"half-life {half_life}"]
    sources += [
        f"{entry.kind} {entry.sha256} {sorted(entry.mapping.items())}"
        for entry in imports
        if entry.kind not in ("events", DEMO_SHOPPERS)  # demo shoppers teach nothing, and come after the training
    ]
    model = settings.models.embedding_model
    products = _imported_products(imports)
    files = fingerprint(sources, products, queries, preset, model, seed)
    # A time as a limit also leaves out rows of the log, which no digest of searches names.
    since = f"{searches} before {before.isoformat()}" if before else searches
    if catalog_seq:
        since += f" catalogue change {catalog_seq}"
    learnt_before = before or (newest[0][1] + timedelta(microseconds=1) if newest else None)
    facts = {
        FILES: files,
        "seed": seed,
        LEARNT_BEFORE: learnt_before.isoformat() if learnt_before else None,
        CATALOG_SEQ: catalog_seq,
    }
    return WantedVersion(files, fingerprint(sources, products, queries, preset, model, seed, since), facts)


def _imported_products(imports: Sequence[CompletedImport]) -> int:
    """How many products the files gave. What is in the table may be more or fewer: live changes are no new files."""
    return sum(int(str(entry.report["rows_kept"])) for entry in imports if entry.kind == "catalog")


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

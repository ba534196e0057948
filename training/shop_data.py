"""What a shop's database holds to learn from, and the names under which a version of it is published."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.settings import Settings
from core.domain import Product, WeightedQuery
from core.language_model.config import Preset
from core.services.bundle import CATALOG_SEQ
from core.text.personal import looks_personal
from core.text.safety import SafetyList, read_safety_list
from database.connection import Database
from database.repositories.demo_traffic import DEMO_SHOPPERS
from database.repositories.events import EventRepository
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
    least = settings.suggest.imported_min_shoppers
    sources += [f"imported min shoppers {least}"] if least > 1 else []
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
    """Everything that is learnt from, in a fixed order. `forms`: normalised query → as shoppers mostly write
    it. `left_out`: how many queries are not learnt, by the reason."""

    products: Sequence[Product]
    queries: Sequence[WeightedQuery]
    forms: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


async def read_shop(database: Database, settings: Settings, before: datetime | None = None) -> ShopData:
    """What the database holds. `before` as in `wanted_version`."""
    suggest = settings.suggest
    async with database.reading() as session:
        products = [product async for batch in ProductRepository(session).stream() for product in batch]
        training = TrainingQueryRepository(session, suggest.suggestion_min_shoppers)
        logged = QueryLogRepository(session)
        queries = await training.weighted(before, suggest.suggestion_half_life_days)
        private = await logged.of_few(suggest.imported_min_shoppers) if suggest.imported_min_shoppers > 1 else set()
        forms = await logged.forms()
    if private:  # searches that enough shoppers made here are public, whatever the imported log says
        async with database.reading() as session:
            live = await EventRepository(session).searches(suggest.suggestion_min_shoppers, before)
        private -= {text for text, _ in live}
    safety = read_safety_list(own if (own := settings.storage.safety).is_file() else None)
    left_out = Counter[str]()
    public: list[WeightedQuery] = []
    for query in queries:
        reason = "of few shoppers" if query.text in private else reason_against(query.text, safety)
        if reason is None:
            public.append(query)
        else:
            left_out[reason] += 1
    kept = {one.text for one in public}
    return ShopData(products, public, {text: form for text, form in forms.items() if text in kept}, left_out)


def reason_against(text: str, safety: SafetyList) -> str | None:
    """Why a normalised query must not be learnt; None: it may."""
    if looks_personal(text):
        return "personal"
    return None if safety.reason(text) is None else "on the safety list"

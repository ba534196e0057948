"""From published artifacts to the two flows that serve them."""

import asyncio
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog

from api.model_messages import Setup
from api.model_process import ModelProcess
from api.state import Load, Models, Spawn
from config.settings import Settings
from core import artifacts

_log = structlog.get_logger(__name__)


def load_models(settings: Settings, version: str | None = None) -> Models:
    """The named artifact version, or else the current one. Raises ArtifactError when it cannot be served."""
    # Imported here: these bring numerical libraries along, which creating the app (and its OpenAPI) does not need.
    from core.services.bundle import CATALOG_SEQ, load_bundle
    from core.services.drift_traffic import DriftTraffic
    from core.services.live_catalog import LiveCatalog
    from core.services.search import SearchService
    from core.services.suggest import SuggestService

    storage = settings.storage
    bundle = load_bundle(storage.artifacts, settings.models.embedding_model, version, storage.synonyms)
    if bundle.reranker_problem is not None:
        _log.warning("lists are ranked by the formula", version=bundle.version, reason=bundle.reranker_problem)
    suggest = SuggestService(bundle, settings.suggest.suggestion_diversity)
    search = SearchService(bundle, settings.personalization.exploration_swaps)

    cut = bundle.manifest.get("learnt_before")
    catalog = None
    if bundle.products is not None and bundle.encoder is not None:
        seq = int(bundle.manifest.get(CATALOG_SEQ, 0))
        catalog = LiveCatalog(bundle.current, seq, bundle.encoder.encode)

    def warm_up() -> None:
        suggest.warm_up()
        search.warm_up()

    return Models(
        version=bundle.version,
        manifest=bundle.manifest,
        has_catalog=bundle.has_catalog,
        gather=suggest.gather,
        finish=suggest.finish,
        search=search.search,
        recommend=search.recommend,
        warm_up=warm_up,
        is_known=suggest.is_known,
        head=suggest.head,
        finds=suggest.finds,
        serves=search.serves,
        event_facts=search.event_facts,
        has_reranker=bundle.reranker is not None,
        learnt_before=datetime.fromisoformat(cut) if cut else None,
        catalog=catalog,
        drift=DriftTraffic(bundle),
    )


def model_process(settings: Settings, version: str) -> ModelProcess:
    """A process for the models of `version`, not started yet."""
    model = settings.models.embedding_model
    setup = Setup(
        artifacts=str(settings.storage.artifacts.resolve()),
        version=version,
        # A folder may be named from here; the process starts elsewhere.
        embedding_model=str(Path(model).resolve()) if model and Path(model).exists() else model,
        diversity=settings.suggest.suggestion_diversity,
    )
    return ModelProcess(setup, settings.serving.max_waiting_requests)


async def load_warm(settings: Settings, version: str | None, load: Load, spawn: Spawn | None) -> Models:
    """Verified, loaded and warmed up in a thread of its own, and at the same time in a process with `spawn`.

    Raises CadenceError when either cannot be.
    """

    def work() -> Models:
        models = load(settings, version)
        models.warm_up()  # the first keystroke must not pay for lazy initialisation
        return models

    version = version or artifacts.current_version(settings.storage.artifacts)
    if spawn is None or version is None:
        return await asyncio.to_thread(work)
    process = spawn(settings, version)
    starting = asyncio.create_task(process.start())
    try:
        models = await asyncio.to_thread(work)
        await starting
    except BaseException:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await process.close()
        raise
    return replace(models, process=process)

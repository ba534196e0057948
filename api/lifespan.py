"""From settings to a running service and back. Each step that fails says so in one line and stops the start."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import TypedDict

import structlog
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from api.candidates import Candidates
from api.catalog import CatalogFollower
from api.continuous import Continuous
from api.crowd import CrowdFollower
from api.dashboard import Dashboard
from api.drift import DriftFollower
from api.embedded_search import EmbeddedSearch
from api.erasures import Erasures
from api.experiment_results import ExperimentResultsReader
from api.experiments import Experiments
from api.finished import FinishedReplies
from api.inference import InferenceThreads
from api.job_processes import JobProcesses
from api.keys import Keys
from api.live_queries import LiveQueries
from api.metrics import Metrics
from api.middleware import StartError
from api.models import load_warm
from api.opt_outs import OptOuts
from api.rate_limits import warn_of_believing_everybody
from api.reloading import Reloader
from api.rollups import RollupFollower
from api.rules import RulesFollower, SearchRulesFollower
from api.security import Gate
from api.session_context import SessionContext
from api.shoppers import Shoppers
from api.state import AppState, Load, Spawn
from api.steady import run_steadily
from api.tokens import SessionTokens
from api.trending import Trending
from api.variants import Variants
from api.warming import Warming
from config.keys import session_signing_key, user_hash_key
from config.logging import configure_logging
from config.settings import Settings
from core.errors import CadenceError
from database.cache import MemoryCache, shared_cache
from database.connection import Database
from database.identity import UserKeys
from database.limit_counts import limit_counts
from database.profile_cache import ProfileCache, marks_of, shared_profiles
from database.writer import EventWriter

_log = structlog.get_logger(__name__)


class LifespanState(TypedDict):
    """What a request's `state` holds."""

    cadence: AppState
    reloader: Reloader
    job_processes: JobProcesses


def lifespan_of(
    settings: Settings, load: Load, spawn: Spawn | None, metrics: Metrics, *, write_apart: bool
) -> Callable[[FastAPI], AbstractAsyncContextManager[LifespanState]]:
    """The lifespan of an app with these settings."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[LifespanState]:
        configure_logging(settings.log.log_level)
        async with AsyncExitStack() as stack:
            try:
                state = await _start(settings, load, spawn, metrics, stack, write_apart=write_apart)
            except (CadenceError, SQLAlchemyError, OSError, EOFError, ValueError, ImportError) as error:
                _log.debug("start failed", exc_info=error)
                raise StartError(" ".join(str(error).split())) from error
            cadence = state["cadence"]
            _log.info("ready", artifact_version=cadence.models.version, cache=cadence.candidates.kind)
            yield state

    return lifespan


async def _start(
    settings: Settings,
    load: Load,
    spawn: Spawn | None,
    metrics: Metrics,
    stack: AsyncExitStack,
    *,
    write_apart: bool,
) -> LifespanState:
    home = settings.storage.cadence_home
    database = Database(settings.storage.url)
    stack.push_async_callback(database.dispose)
    await database.migrate()

    access = settings.security
    keys = Keys(database, access.access_refresh_seconds, access.admin_api_key)
    opt_outs = OptOuts(database, access.access_refresh_seconds)
    gate = Gate(
        tokens=SessionTokens(session_signing_key(home), access.session_ttl_seconds),
        users=UserKeys(user_hash_key(home)),
        ring=lambda: keys.current,
        allow_unsigned_users=access.allow_unsigned_users,
        opted_out=opt_outs.hold,
    )
    suggest = settings.suggest
    candidates = Candidates(
        MemoryCache(suggest.suggest_cache_entries), shared_cache(settings), suggest.suggest_cache_ttl_seconds
    )
    stack.push_async_callback(candidates.close)
    limits = limit_counts(settings)
    stack.push_async_callback(limits.close)
    warn_of_believing_everybody()

    threads = InferenceThreads(settings.serving.inference_threads, settings.serving.max_waiting_requests)
    stack.callback(threads.close)
    writing = asyncio.create_task(database.write_apart() if write_apart else asyncio.sleep(0))
    stack.push_async_callback(_stopped, writing)
    models = await load_warm(settings, None, load, spawn)
    if models.process is not None:
        stack.push_async_callback(models.process.close)  # closed before, where another version was swapped in
    await writing
    run_steadily()

    profiles = ProfileCache(database, marks_of(settings), shared_profiles(settings))
    stack.push_async_callback(profiles.close)
    writer = EventWriter(database, folded=profiles.changed)
    writer.start()
    stack.push_async_callback(writer.close)

    catalog = CatalogFollower(database, settings.serving.catalog_refresh_seconds, models.catalog)
    rules = RulesFollower(database, settings.suggest.suggestion_refresh_seconds, settings.storage.safety)
    search_rules = SearchRulesFollower(database, settings.suggest.suggestion_refresh_seconds)
    live = LiveQueries(database, settings.suggest, rules, models)
    trending = Trending(database, settings.suggest, rules)
    crowd = CrowdFollower(database, settings.personalization)
    variants = Variants(lambda: state.models.version)
    asked = settings.experiments
    experiments = Experiments(database, asked.experiment_refresh_seconds, variants, enabled=asked.enable_ab_testing)
    following = (
        keys,
        opt_outs,
        catalog,
        rules,
        search_rules,
        live,
        trending,
        crowd,
        experiments,
    )  # in this order: the later ones ask the earlier ones
    for followed in following:
        await followed.refresh()
    erasures = Erasures(lambda: state, access.access_refresh_seconds)
    sessions = SessionContext(database, settings.suggest.session_context_ttl_seconds)
    stack.push_async_callback(sessions.close)
    state = AppState(
        settings=settings,
        models=models,
        database=database,
        writer=writer,
        candidates=candidates,
        replies=FinishedReplies(),
        gate=gate,
        keys=keys,
        opt_outs=opt_outs,
        erasures=erasures,
        limits=limits,
        threads=threads,
        product_search=EmbeddedSearch(lambda: state.models.search, threads),
        rules=rules,
        search_rules=search_rules,
        catalog=catalog,
        live=live,
        sessions=sessions,
        profiles=profiles,
        shoppers=Shoppers(database, profiles, crowd, settings.personalization),
        trending=trending,
        experiments=experiments,
        variants=variants,
        results=ExperimentResultsReader(database),
        dashboard=Dashboard(database),
        drift=DriftFollower(database, settings.monitoring.drift_check_seconds, lambda: state.models),
        metrics=metrics,
        started_at=datetime.now(UTC),
    )
    await erasures.refresh()
    reloader, job_processes = Reloader(state, load, spawn), JobProcesses(settings, database)
    stack.push_async_callback(reloader.close)
    stack.push_async_callback(job_processes.close)
    if settings.monitoring.otel_exporter_otlp_endpoint:
        from api.tracing import Traces  # costs an import only where traces are made

        metrics.traces = Traces(settings.monitoring.otel_exporter_otlp_endpoint)
        stack.push_async_callback(metrics.traces.close)
    stop = asyncio.Event()
    warming = Warming(state)
    background = [asyncio.create_task(followed.keep_fresh(stop)) for followed in following]
    background.append(asyncio.create_task(catalog.keep_embedding(stop)))
    background.append(asyncio.create_task(reloader.keep_following(stop)))
    background.append(asyncio.create_task(variants.keep_following(state, load, spawn, stop)))
    continuous = Continuous(state, reloader, job_processes)
    background.append(asyncio.create_task(continuous.keep_going(stop)))
    background.append(asyncio.create_task(warming.keep_warm(stop)))
    rollups = RollupFollower(database, settings.serving.rollup_refresh_seconds)
    background.append(asyncio.create_task(rollups.keep_fresh(stop)))
    background.append(asyncio.create_task(state.drift.keep_fresh(stop)))
    background.append(asyncio.create_task(erasures.keep_fresh(stop)))

    async def stop_background() -> None:
        stop.set()
        await asyncio.gather(*background)

    stack.push_async_callback(stop_background)
    return {"cadence": state, "reloader": reloader, "job_processes": job_processes}


async def _stopped(task: "asyncio.Task[None]") -> None:
    """Where the start fails before it is done."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

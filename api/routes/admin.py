"""GET /admin/stats: what this worker did and what it serves from."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from fastapi import APIRouter, Depends

from api.candidates import Candidates
from api.dependencies import State, require_analytics
from api.drift import DriftReport
from api.errors import problem_responses
from api.schemas.operations import (
    CacheStats,
    DataStats,
    DriftMeasureStats,
    DriftStats,
    LiveCatalogStats,
    LiveStats,
    ModelProcessStats,
    ModelStats,
    PersonalizationStats,
    StatsResponse,
    TrafficStats,
    WritingProcessStats,
)
from api.state import AppState, Models
from core import artifacts
from database.connection import Database
from database.repositories.events import EventRepository
from database.repositories.lists import ListRepository
from database.repositories.products import ProductRepository
from database.repositories.query_log import QueryLogRepository

router = APIRouter(prefix="/admin", tags=["operations"], dependencies=[Depends(require_analytics)])


@router.get("/stats", responses=problem_responses(401, 403, 503))
async def stats(state: State) -> StatsResponse:
    """Requests, latencies, cache, models and data. Requests and latencies are those of the worker that answers."""
    metrics, models = state.metrics, state.models
    return StatsResponse(
        uptime_seconds=(datetime.now(UTC) - state.started_at).total_seconds(),
        requests_total=metrics.statuses.total(),
        requests_by_status=dict(metrics.statuses),
        endpoints=metrics.endpoints(),
        stages=metrics.stage_summaries(),
        pending_inference=state.threads.pending,
        model_process=_process(models),
        writing_process=_writing(state.database),
        cache=_cache(state.candidates),
        models=ModelStats(
            version=models.version,
            catalog=models.has_catalog,
            published=artifacts.versions(state.settings.storage.artifacts),
            previous=artifacts.previous_version(state.settings.storage.artifacts),
            manifest={name: fact for name, fact in models.manifest.items() if name != "files"},
        ),
        data=await _data(state.database),
        trending_queries=len(state.trending.queries),
        lists_dropped=state.writer.lists_dropped,
        degraded={
            **metrics.counts,
            "search_events_lost": state.writer.events_lost,
            "unreadable_cache_entries": state.candidates.unreadable,
            "sessions_not_read": state.sessions.failures,
            "sessions_read_late": state.sessions.late,
            "profiles_read_late": state.shoppers.late,
            "limits_counted_alone": state.limits.failures,
            "limits_forgotten": state.limits.local.forgotten,
        },
        live_queries=LiveStats(learnt=state.live.learnt, refused=dict(state.live.refused)),
        live_catalog=_live_catalog(models),
        personalization=_personalization(state),
        drift=_drift(state.drift.report),
        traffic=_traffic(state),
    )


def _personalization(state: AppState) -> PersonalizationStats:
    counts, shared = state.profiles.counts, state.profiles.is_shared
    lookups = counts.hits + counts.misses
    learned = state.models.has_reranker and state.settings.personalization.learned_reranker
    return PersonalizationStats(
        profiles=CacheStats(
            kind="redis" if shared else "memory",
            hits=counts.hits,
            misses=counts.misses,
            failures=counts.failures,
            hit_rate=counts.hits / lookups if lookups else None,
        ),
        profiles_kept=len(state.profiles),
        crowd_events=state.shoppers.crowd_events,
        reranker="learned" if learned else "formula",
    )


def _drift(report: DriftReport | None) -> DriftStats | None:
    if report is None:
        return None
    return DriftStats(
        version=report.version,
        state=report.state,
        since=report.since,
        checked_at=report.checked_at,
        measures=[DriftMeasureStats(**asdict(one)) for one in report.measures],
    )


def _live_catalog(models: Models) -> LiveCatalogStats | None:
    live = models.catalog
    if live is None:
        return None
    return LiveCatalogStats(seq=live.seq, changed=live.changed, without_vector=live.without_vector)


def _traffic(state: AppState) -> TrafficStats:
    shared = state.limits.shared
    return TrafficStats(
        limited=_by_kind(state.metrics.limited),
        shed=_by_kind(state.metrics.shed),
        in_flight=dict(state.metrics.in_flight),
        in_flight_limit=dict(state.metrics.room),
        loop_lag=state.metrics.loop_lag.summary(),
        limits_counted_in="redis" if shared is not None and shared.available else "memory",
    )


def _by_kind(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (kind, why), count in sorted(counts.items()):
        nested.setdefault(kind, {})[why] = count
    return nested


def _process(models: Models) -> ModelProcessStats | None:
    if models.process is None:
        return None
    asked = models.process
    return ModelProcessStats(state=asked.state, pid=asked.pid, pending=asked.pending, restarts=asked.restarts)


def _writing(database: Database) -> WritingProcessStats | None:
    apart = database.apart
    if apart is None:
        return None
    return WritingProcessStats(state="ready" if apart.ready else "away", pid=apart.pid, restarts=apart.restarts)


def _cache(candidates: Candidates) -> CacheStats:
    counts = candidates.counts
    lookups = counts.hits + counts.misses
    return CacheStats(
        kind=candidates.kind,
        hits=counts.hits,
        misses=counts.misses,
        failures=candidates.failures,
        hit_rate=counts.hits / lookups if lookups else None,
    )


async def _data(database: Database) -> DataStats:
    async with database.reading() as session:
        by_action = await EventRepository(session).counts_by_action()
        return DataStats(
            products=await ProductRepository(session).count(),
            logged_queries=await QueryLogRepository(session).count(),
            events=sum(by_action.values()),
            events_by_action=by_action,
            shown_lists=await ListRepository(session).count(),
        )

"""GET /health, /ready and /admin/stats."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from api.schemas.base import ResponseBody


class HealthResponse(ResponseBody):
    status: Literal["ok"] = "ok"


class ModelsState(ResponseBody):
    state: Literal["ready"]
    version: str
    catalog: bool = Field(description="whether products can be searched")


class DatabaseState(ResponseBody):
    state: Literal["ready", "unavailable"]


class CacheState(ResponseBody):
    state: Literal["ready", "unavailable"] = Field(description="unavailable slows keystrokes down but loses nothing")
    kind: str


class ReadyResponse(ResponseBody):
    ready: bool
    models: ModelsState
    database: DatabaseState
    cache: CacheState


class CacheStats(ResponseBody):
    kind: str
    hits: int
    misses: int
    failures: int
    hit_rate: float | None = Field(description="in [0, 1]; null before the first lookup")


class ModelStats(ResponseBody):
    version: str
    catalog: bool
    published: list[str] = Field(description="versions that POST /admin/reload can serve, the oldest first")
    previous: str | None = Field(description="what `previous` stands for there")
    manifest: Mapping[str, object] = Field(description="without its list of files")


class DataStats(ResponseBody):
    products: int
    logged_queries: int
    events: int
    events_by_action: Mapping[str, int]
    shown_lists: int


class LiveStats(ResponseBody):
    learnt: int = Field(description="queries learnt since the served version was made")
    refused: dict[str, int] = Field(description="queries of enough shoppers that are not learnt, by reason")


class LiveCatalogStats(ResponseBody):
    seq: int = Field(description="number of the newest change of the catalogue that is searched here")
    changed: int = Field(description="products changed since the served version was made")
    without_vector: int = Field(description="of these, new titles that are found by their words only, for a moment")


class PersonalizationStats(ResponseBody):
    profiles: CacheStats = Field(description="lookups of profiles; `kind` is where workers share them")
    profiles_kept: int = Field(description="in this worker")
    crowd_events: int = Field(description="events that what is popular, and what goes with what, is learnt from")
    reranker: Literal["formula", "learned"]


class ModelProcessStats(ResponseBody):
    state: Literal["ready", "away"] = Field(description="away: lists come from the index until another one is ready")
    pid: int | None
    pending: int = Field(description="lists that it computes or that wait for it")
    restarts: int = Field(description="since this version is served")


class WritingProcessStats(ResponseBody):
    state: Literal["ready", "away"] = Field(description="away: a thread writes events until another one is ready")
    pid: int | None
    restarts: int = Field(description="since the service was started")


class DriftMeasureStats(ResponseBody):
    name: str
    value: float | None = Field(description="null: unknown")
    threshold_warning: float
    threshold_alarm: float
    state: Literal["ok", "warning", "alarm", "unknown"]
    samples: int
    explanation: str


class DriftStats(ResponseBody):
    version: str = Field(description="whose training the traffic is compared with")
    state: Literal["ok", "warning", "alarm", "unknown"] = Field(description="the worst of the measures")
    since: datetime = Field(description="traffic from then on is compared, the newest of each kind")
    checked_at: datetime
    measures: list[DriftMeasureStats]


class TrafficStats(ResponseBody):
    limited: Mapping[str, Mapping[str, int]] = Field(
        description="requests over a rate limit, by what they asked for and by whose budget: session, address or key"
    )
    shed: Mapping[str, Mapping[str, int]] = Field(
        description="requests refused under load, by what they asked for and why: `in_flight` or `lag`"
    )
    in_flight: Mapping[str, int] = Field(description="requests being answered now: keystrokes, events and others")
    in_flight_limit: Mapping[str, float] = Field(description="how many of each may be; falls under load")
    loop_lag: Mapping[str, float] = Field(description="milliseconds that the event loop was behind, latest ticks")
    limits_counted_in: Literal["redis", "memory"] = Field(
        description="memory: of this worker alone, because there is no Redis or it does not answer now"
    )


class StatsResponse(ResponseBody):
    uptime_seconds: float
    requests_total: int
    requests_by_status: Mapping[str, int]
    endpoints: Mapping[str, Mapping[str, float]] = Field(description="milliseconds of the latest requests")
    stages: Mapping[str, Mapping[str, Mapping[str, float]]] = Field(description="milliseconds, by flow and stage")
    pending_inference: int
    model_process: ModelProcessStats | None = Field(description="null: the models are asked in threads")
    writing_process: WritingProcessStats | None = Field(description="null: events are written in a thread")
    cache: CacheStats
    models: ModelStats
    data: DataStats
    trending_queries: int
    lists_dropped: int
    live_queries: LiveStats
    live_catalog: LiveCatalogStats | None = Field(description="null: there is no catalogue")
    personalization: PersonalizationStats
    drift: DriftStats | None = Field(description="null: not looked yet")
    traffic: TrafficStats
    degraded: Mapping[str, int] = Field(description="what was left out of answers, by name")

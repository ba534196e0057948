"""What the lifespan builds and every request reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from api.inference import InferenceThreads
from api.metrics import Metrics
from api.security import Gate
from api.trending import Trending
from config.settings import Settings
from core.domain import SearchQuery, SearchReply, SuggestQuery, SuggestReply
from database.cache import Cache
from database.connection import Database
from database.writer import EventWriter


@dataclass(frozen=True, slots=True)
class Models:
    """One published version and the two flows on it. Both are synchronous, CPU-bound and thread-safe."""

    version: str
    manifest: Mapping[str, object]
    has_catalog: bool
    suggest: Callable[[SuggestQuery, float], SuggestReply]  # (query, deadline in time.perf_counter() seconds)
    search: Callable[[SearchQuery], SearchReply]
    warm_up: Callable[[], None]


Load = Callable[[Settings, str | None], Models]
"""Loads the named version, or (None) the current one. Raises CadenceError where it cannot be served."""


@dataclass(slots=True)
class AppState:
    """The running service. `models` may be replaced while it runs; read it once per request."""

    settings: Settings
    models: Models
    database: Database
    writer: EventWriter
    cache: Cache
    gate: Gate
    threads: InferenceThreads
    trending: Trending
    metrics: Metrics
    started_at: datetime

"""Every setting, with its unit, default and reason stated once: here.

An environment variable is named as its field, in capitals (`DATABASE_URL` → `settings.storage.database_url`).
A `.env` file in the working directory is read too; the environment wins. A blank value counts as unset.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import NoDecode

from config.experiment_settings import ExperimentSettings
from config.gemini_settings import GeminiSettings
from config.limit_settings import LimitSettings
from config.monitoring_settings import MonitoringSettings
from config.overload_settings import OverloadSettings
from config.retention_settings import RetentionSettings
from config.security_settings import SecuritySettings
from config.setting_group import Group

_ASYNC_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}


class StorageSettings(Group):
    """Where things are kept."""

    cadence_home: Path = Field(
        default=Path("var"),
        description="folder below which everything is written (database, artifacts, keys): one place to back up",
    )
    database_url: str = Field(
        default="",
        description="default `sqlite:///<home>/cadence.sqlite3`: needs no server; `postgresql://…` is meant for later",
    )
    redis_url: str | None = Field(
        default=None,
        description="suggestion lists and profiles shared by all workers; unset: each worker caches its own",
    )
    redis_timeout_ms: float = Field(
        default=20.0,
        gt=0,
        description="milliseconds; a slower answer is a miss, since computing the list anew takes about as long",
    )
    synonyms_file: Path | None = Field(
        default=None,
        description="words that stand for each other, in Solr's format; unset: `<home>/synonyms.txt`, if it is there",
    )

    safety_file: Path | None = Field(
        default=None,
        description="phrases that are never suggested, `!` before those that are; unset: `<home>/safety.txt`",
    )

    @property
    def safety(self) -> Path:
        """The file of the shop's own lines of the safety list, whether it exists or not."""
        return self.safety_file or self.cadence_home / "safety.txt"

    @property
    def url(self) -> str:
        """The database with its async driver named."""
        if not self.database_url:
            return f"sqlite+aiosqlite:///{(self.cadence_home.resolve() / 'cadence.sqlite3').as_posix()}"
        scheme, separator, rest = self.database_url.partition("://")
        return _ASYNC_DRIVERS.get(scheme, scheme) + separator + rest

    @property
    def artifacts(self) -> Path:
        """Published models and indexes, with the file `current` that names the version served."""
        return self.cadence_home / "artifacts"

    @property
    def synonyms(self) -> Path | None:
        """The file of synonyms: the one that is named, else the home's own if it is there."""
        own = self.cadence_home / "synonyms.txt"
        return self.synonyms_file or (own if own.is_file() else None)


class ModelSettings(Group):
    """Models that are not made here."""

    embedding_model: str | None = Field(
        default=None,
        description="folder of a sentence-transformers model; unset: the MiniLM that is installed as a package",
    )


class SuggestSettings(Group):
    """The suggestion list."""

    max_latency_ms: float = Field(
        default=40.0,
        gt=0,
        le=10_000,
        description="milliseconds until a list must be ready; the beam search stops there and gives what it has",
    )
    model_wait_ms: float = Field(
        default=8.0,
        gt=0,
        le=10_000,
        description="milliseconds that a list waits for the models while they are at work for another; what they find "
        "later is for who types this next",
    )
    suggest_cache_ttl_seconds: float = Field(
        default=86_400.0,
        gt=0,
        description="seconds a list is kept; keys carry the artifact version, so it does not go stale",
    )
    suggest_cache_entries: int = Field(
        default=5_000,
        gt=0,
        description="gathered lists kept in one worker, about 15 KB each; the least recently used goes first",
    )
    suggest_warm_prefixes: int = Field(
        default=1_000,
        ge=0,
        description="prefixes of the log's head whose lists are made ready after a start; ten milliseconds each, idle",
    )
    suggestion_min_shoppers: int = Field(
        default=5,
        ge=1,
        description="different shoppers that must have searched a query before others see it: protects a lone one",
    )
    imported_min_shoppers: int = Field(
        default=1,
        ge=1,
        description="the same of an imported log, at the next training; 1: the shop vouches for all that is in it",
    )
    suggestion_refresh_seconds: float = Field(
        default=1.0,
        gt=0,
        description="seconds between two looks for new searches and rules, a millisecond each: so all see them at once",
    )
    suggestion_half_life_days: float = Field(
        default=14.0,
        gt=0,
        description="days after which a live search counts half: a fashion passes in weeks, a season stays",
    )
    suggestion_diversity: float = Field(
        default=0.15,
        ge=0,
        lt=1,
        description="what a further line of one kind loses on short prefixes; 0 ranks by probability alone",
    )
    session_context_ttl_seconds: float = Field(
        default=5.0,
        gt=0,
        description="seconds until a session's own searches are read anew: other workers took some of them",
    )
    trending_window_seconds: float = Field(
        default=7 * 86_400.0,
        gt=0,
        description="seconds back that count as trending; a week evens out weekdays",
    )
    trending_refresh_seconds: float = Field(
        default=60.0,
        gt=0,
        description="seconds between two countings in the background, never on a keystroke",
    )


class PersonalizationSettings(Group):
    """Lists for this shopper."""

    personalization_reach: float = Field(
        default=0.15,
        ge=0,
        le=1,
        description="what taste may add to a product's score in [0, 1]: none passes one that is more relevant by this",
    )
    personalization_weights: Annotated[tuple[float, float, float, float], NoDecode] = Field(
        default=(0.4, 0.3, 0.2, 0.1),
        description="of the personal, contextual, collaborative and temporal component, separated by commas",
    )
    personalization_depth: int = Field(
        default=200,
        ge=0,
        le=2_000,
        description="products of a list that are ranked by taste; the ones behind them are on page ten or later",
    )
    learned_reranker: bool = Field(
        default=True,
        description="rank by the model of `training.train_reranker`, where the version has one; false: by the formula",
    )
    cohort_priors: bool = Field(
        default=True,
        description="rank for shoppers of one device, location or referrer by what others of these like; false: never",
    )
    exploration_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="share of lists that show one product nobody knows yet higher than it has earned: its only chance",
    )
    exploration_swaps: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="share of searches in which chance swaps two of the first ten: so `training.replay` can learn",
    )
    crowd_events: int = Field(
        default=200_000,
        ge=0,
        description="latest events of products that a start reads, about 10 seconds: what is older has faded",
    )
    crowd_refresh_seconds: float = Field(
        default=1.0,
        gt=0,
        description="seconds between two looks for what all shoppers did, a millisecond each",
    )

    @field_validator("personalization_weights", mode="before")
    @classmethod
    def _numbers(cls, value: object) -> object:
        return tuple(float(part) for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("personalization_weights")
    @classmethod
    def _shares(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if min(value) < 0 or abs(sum(value) - 1) > 1e-6:
            raise ValueError("must not be negative, and must add up to 1")
        return value


class ServingSettings(Group):
    """What one worker takes on."""

    inference_threads: int = Field(
        default=2,
        ge=1,
        description="threads that compute searches, and suggestions without a model process; more than cores only wait",
    )
    model_processes: int = Field(
        default=1,
        ge=0,
        le=1,
        description="processes in which a worker asks the models; 0: in its threads, which then delay other replies",
    )
    writing_process: bool = Field(
        default=True,
        description="whether a worker writes events to SQLite in its own process; 0: in a thread, delaying replies",
    )
    max_waiting_requests: int = Field(
        default=64,
        ge=1,
        description="requests that may wait for a thread; the next one gets 503 at once instead of a late answer",
    )
    reload_check_seconds: float = Field(
        default=2.0,
        gt=0,
        description="seconds between two looks for a newly published version, one file's time each: so workers follow",
    )
    catalog_refresh_seconds: float = Field(
        default=0.5,
        gt=0,
        description="seconds between two looks for changed products, a millisecond each: all workers show them at once",
    )
    rollup_refresh_seconds: float = Field(
        default=30.0,
        gt=0,
        description="seconds between two looks for hours of the log to count for the dashboard, milliseconds each",
    )
    max_body_bytes: int = Field(
        default=2_000_000,
        ge=1_000,
        description="bytes of a request body; a batch of 1,000 events of usual size fits",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="origins, separated by commas, whose pages may call from a browser; unset: only our own",
    )

    image_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="hosts, separated by commas, of product pictures that our pages may show; others are drawn",
    )

    @field_validator("cors_origins", "image_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("image_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:  # becomes part of a header
            if not re.fullmatch(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*(:\d+)?", host):
                raise ValueError("are names of hosts, such as images.example.com or *.example.com")
        return value


class LogSettings(Group):
    """What is logged. Never queries, ids of users or addresses."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO",
        description="least severe level that is logged; DEBUG adds a line per request",
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


class Settings(BaseModel):
    """All groups. `Settings()` reads the environment; raises pydantic.ValidationError for a value that cannot be."""

    model_config = ConfigDict(frozen=True)

    storage: StorageSettings = Field(default_factory=StorageSettings)
    models: ModelSettings = Field(default_factory=ModelSettings)
    suggest: SuggestSettings = Field(default_factory=SuggestSettings)
    personalization: PersonalizationSettings = Field(default_factory=PersonalizationSettings)
    experiments: ExperimentSettings = Field(default_factory=ExperimentSettings)
    serving: ServingSettings = Field(default_factory=ServingSettings)
    security: SecuritySettings = Field(default_factory=SecuritySettings)
    gemini: GeminiSettings = Field(default_factory=GeminiSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    monitoring: MonitoringSettings = Field(default_factory=MonitoringSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    overload: OverloadSettings = Field(default_factory=OverloadSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)


def documented_names() -> list[str]:
    """The environment variables that are read, in the order of the groups above."""
    return list(_names())


def _names() -> Iterator[str]:
    for group in Settings.model_fields.values():
        if isinstance(group.annotation, type) and issubclass(group.annotation, Group):  # all of them are
            yield from (name.upper() for name in group.annotation.model_fields)

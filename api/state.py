"""What the lifespan builds and every request reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from api.candidates import Candidates
from api.catalog import CatalogFollower
from api.dashboard import Dashboard
from api.drift import DriftFollower
from api.erasures import Erasures
from api.experiments import Experiments
from api.finished import FinishedReplies
from api.inference import InferenceThreads
from api.keys import Keys
from api.known_items import KnownItems
from api.live_queries import LiveQueries
from api.metrics import Metrics
from api.model_process import ModelProcess
from api.opt_outs import OptOuts
from api.rules import RulesFollower, SearchRulesFollower
from api.schemas.storefront import Department
from api.security import Gate
from api.session_context import SessionContext
from api.shoppers import Shoppers
from api.trending import Trending
from config.settings import Settings
from core.domain import EventFacts, SearchQuery, SearchReply, SuggestQuery, SuggestReply
from core.experiments.definition import Changes
from core.ports import ProductSearch
from core.services.gathered import Gathered, Now
from core.services.recommendation import Reason, Recommendation
from database.connection import Database
from database.limit_counts import LimitCounts
from database.profile_cache import ProfileCache
from database.writer import EventWriter

if TYPE_CHECKING:  # these bring numerical libraries along, which creating the app does not need
    from api.experiment_results import ExperimentResultsReader
    from api.variants import Variants
    from core.personalization.shopper import Shopper
    from core.services.drift_traffic import DriftTraffic
    from core.services.live_catalog import LiveCatalog


class Recommend(Protocol):
    """`core.services.recommend.RecommendService.recommend`."""

    def __call__(
        self, shopper: "Shopper", limit: int, product_id: str | None, reasons: Sequence[Reason], *, explain: bool
    ) -> list[Recommendation]: ...


@dataclass(frozen=True, slots=True)
class Models:
    """One published version and the two flows on it. Both are synchronous, CPU-bound and thread-safe."""

    version: str
    manifest: Mapping[str, object]
    has_catalog: bool
    gather: Callable[[SuggestQuery, float, bool], Gathered]  # (query, deadline of time.perf_counter(), ask the models)
    finish: Callable[[Gathered, SuggestQuery, Now], SuggestReply]
    search: Callable[[SearchQuery, "Shopper | None"], SearchReply]
    recommend: Recommend
    warm_up: Callable[[], None]
    is_known: Callable[[str], bool]  # whether a normalised query was completed before the version was made
    head: Callable[[int], Sequence[str]]  # that many prefixes which are typed most, the most frequent first
    finds: Callable[[str], int | None]  # products that a normalised query finds; None without a catalogue
    serves: Callable[[str], bool]  # whether a product id is in the index; what is not may be about to be
    event_facts: Callable[[str | None, Sequence[str]], EventFacts]  # of a product id, and of products above it
    has_reranker: bool  # whether lists can be ranked by what was learnt from shown ones
    learnt_before: datetime | None  # searches that are earlier are part of the version
    catalog: "LiveCatalog | None" = None  # how products that change get into the index; None: there are none
    drift: "DriftTraffic | None" = None  # how traffic is compared with what the version was trained on
    process: ModelProcess | None = None  # where the models are asked; None: in threads of this one

    @property
    def catalog_number(self) -> int:
        """Another one for each state of the catalogue that is served; 0: the one that the version was made from."""
        return self.catalog.current.number if self.catalog else 0


Load = Callable[[Settings, str | None], Models]
"""Loads the named version, or (None) the current one. Raises CadenceError where it cannot be served."""

Spawn = Callable[[Settings, str], ModelProcess]
"""A process for the models of the named version, not started yet."""


@dataclass(frozen=True, slots=True)
class Served:
    """A version with what is followed for it: the current one, or one that an arm of an experiment names."""

    models: Models
    live: LiveQueries
    search: ProductSearch


@dataclass(slots=True)
class AppState:
    """The running service. `models` may be replaced while it runs; read it once per request."""

    settings: Settings
    models: Models
    database: Database
    writer: EventWriter
    candidates: Candidates
    replies: FinishedReplies
    gate: Gate
    keys: Keys
    opt_outs: OptOuts
    erasures: Erasures
    limits: LimitCounts
    threads: InferenceThreads
    product_search: ProductSearch
    rules: RulesFollower
    search_rules: SearchRulesFollower
    catalog: CatalogFollower
    live: LiveQueries
    sessions: SessionContext
    profiles: ProfileCache
    shoppers: Shoppers
    trending: Trending
    experiments: Experiments
    variants: "Variants"
    results: "ExperimentResultsReader"
    dashboard: Dashboard
    drift: DriftFollower
    metrics: Metrics
    started_at: datetime
    departments: tuple[tuple[str, int], list[Department]] | None = None  # of a version and the state of its catalogue
    known_items: KnownItems = field(init=False)

    def __post_init__(self) -> None:
        self.known_items = KnownItems(self.database)

    def serving(self, changes: Changes) -> Served:
        """What answers a request whose arms say `changes`."""
        if changes.artifact_version is not None and changes.artifact_version != self.models.version:
            found = self.variants.find(changes.artifact_version)
            if found is not None:
                return found
        return Served(self.models, self.live, self.product_search)

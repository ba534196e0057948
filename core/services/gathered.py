"""What passes between the two halves of suggesting: what the sources found, and what holds at this moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from core.personalization.shopper import Shopper
from core.retrieval.live import LiveIndex
from core.services.rules import SuggestionRules
from core.services.sources.contract import Pool
from core.services.typed import Typed


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the sources found for what was typed; shared by all shoppers, and never changed."""

    typed: Typed | None  # None: nothing was typed that is a word, or the category does not exist
    pool: Pool
    scores: tuple[float, ...]  # log scores of the pool's candidates, in their order, best first
    stage_ms: dict[str, float]  # by source
    complete: bool  # every source that was wanted had its say in time
    asks_models: bool = False  # the models were wanted, whether or not they were in time


@dataclass(frozen=True, slots=True)
class Now:
    """What may change from one second to the next."""

    rules: SuggestionRules = field(default_factory=SuggestionRules)
    live: LiveIndex | None = None
    live_forms: Mapping[str, str] = field(default_factory=dict)  # as `Bundle.forms`, of queries learnt since
    shopper: Shopper | None = None  # None: the list is for nobody in particular
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

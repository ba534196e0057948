"""The values that pass between the rooms: frozen dataclasses without behaviour of their own.

Times are timezone-aware UTC. Prices are in the catalogue's own currency.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Product:
    """One row of a catalogue. Only the id and the title are always known."""

    product_id: str
    title: str
    description: str | None = None
    brand: str | None = None
    category: str | None = None
    price: float | None = None
    currency: str | None = None  # symbol or code as the shop wrote it: "₹", "$", "EUR"
    rating: float | None = None  # 0–5
    rating_count: int | None = None
    image_url: str | None = None
    in_stock: bool | None = None
    created_at: datetime | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueryRow:
    """One row of a query log or of a judged list, as imported."""

    query: str
    count: int = 1
    relevance: float | None = None  # set: a judged pair, no click and no popularity
    occurred_at: datetime | None = None
    user_id: str | None = None
    session_id: str | None = None
    product_id: str | None = None  # clicked, or judged where `relevance` is set
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightedQuery:
    """A distinct query with how often shoppers completed it.

    `recent`: the same with older completions counting less, as of the newest one; None where no time is known.
    """

    text: str
    weight: float
    recent: float | None = None


class Action(StrEnum):
    """What a shopper did (contract, POST /engagement)."""

    VIEW = "view"
    CLICK = "click"
    ADD_TO_CART = "add_to_cart"
    WISHLIST = "wishlist"
    PURCHASE = "purchase"
    REVIEW_VIEW = "review_view"
    SUGGESTION_CLICK = "suggestion_click"
    REMOVE_FROM_CART = "remove_from_cart"
    IMPRESSION = "impression"
    SEARCH = "search"


ACTION_WEIGHTS: Mapping[Action, float] = {
    Action.VIEW: 1.0,
    Action.CLICK: 2.0,
    Action.ADD_TO_CART: 5.0,
    Action.WISHLIST: 3.0,
    Action.PURCHASE: 10.0,
    Action.REVIEW_VIEW: 1.5,
    Action.SUGGESTION_CLICK: 2.0,
    Action.REMOVE_FROM_CART: -3.0,
    Action.IMPRESSION: 0.0,
    Action.SEARCH: 0.0,
}


@dataclass(frozen=True, slots=True)
class EventFacts:
    """What the shop knew of an event's product, and of its list, when the event came: what a profile learns from it.

    Stored with the event, so that the log alone gives the same profile again, whatever has become of the catalogue.
    """

    category: str | None = None  # the shop's
    kind: str | None = None  # name of the pseudo-category
    brand: str | None = None
    price_level: int | None = None  # 0 (cheapest fifth of its category) … 4
    attributes: tuple[str, ...] = ()  # `name=value`
    skipped: tuple[str, ...] = ()  # products that stood above the clicked one in its list, and were left alone


@dataclass(frozen=True, slots=True)
class Engagement:
    """One event of a shopper. `user_key` is the keyed hash of the user id, never the id itself."""

    event_id: str
    action: Action
    occurred_at: datetime
    session_id: str | None = None
    user_key: str | None = None
    item_id: str | None = None
    query: str | None = None
    item_rank: int | None = None  # 1-based, absolute across pages
    duration_seconds: float | None = None
    request_id: str | None = None
    additional_data: Mapping[str, object] | None = None
    facts: EventFacts | None = None  # None: nobody has looked


class JobState(StrEnum):
    """How far a job is. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"  # it ran to its end, and what it made is not good enough


class Source(StrEnum):
    """Where a suggestion comes from."""

    HISTORY = "history"
    QUERY_MODEL = "query_model"
    CATALOG_MODEL = "catalog_model"
    RECENT = "recent"
    TRENDING = "trending"


@dataclass(frozen=True, slots=True)
class PreviousQuery:
    """A query that this session, or its user, completed before."""

    text: str  # normalised
    at: datetime


@dataclass(frozen=True, slots=True)
class SuggestQuery:
    """What one keystroke asks for."""

    prefix: str
    limit: int = 10
    category: str | None = None  # display name of a (pseudo-)category; None: no constraint
    recent: tuple[str, ...] = ()  # own completed queries, newest first, for an empty box
    previous: tuple[PreviousQuery, ...] = ()  # the same with their times, as context of what is typed
    trending: tuple[str, ...] = ()  # best first
    include_products: int = 0
    explain: bool = False
    beam_width: int | None = None  # hypotheses of the models' search; None: as the source has it
    diversity: float | None = None  # in [0, 1): see `core.services.selection`; None: as the service has it


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line of the suggestion list."""

    text: str
    source: Source
    score: float  # in [0, 1], descending down the list
    category: str | None = None
    product_count: int | None = None  # None where no catalogue is loaded
    highlights: tuple[tuple[int, int], ...] = ()  # half-open, UTF-16 units: what was typed
    corrected: bool = False  # does not literally extend what was typed
    explain: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the shop that the best suggestion may be narrowed to: "nintendo in Video Games"."""

    category: str  # the shop's own
    product_count: int


@dataclass(frozen=True, slots=True)
class SuggestReply:
    suggestions: tuple[Suggestion, ...]
    product_ids: tuple[str, ...]  # cards for the best suggestion, best first
    stage_ms: Mapping[str, float]  # wall time of each stage
    personalized: bool = False  # the shopper's earlier queries had a say
    scopes: tuple[Scope, ...] = ()  # of the best suggestion, the largest first; none where it is all in one category
    late: tuple[str, ...] = ()  # sources left out because the time was up
    asks_models: bool = False  # the models were wanted, in time or not


class SortOrder(StrEnum):
    RELEVANCE = "relevance"
    PRICE_ASC = "price_asc"
    PRICE_DESC = "price_desc"
    RATING = "rating"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """Values inside a field are alternatives, fields must all hold."""

    category: tuple[str, ...] = ()
    brand: tuple[str, ...] = ()
    price_min: float | None = None
    price_max: float | None = None
    rating_min: float | None = None
    in_stock: bool | None = None
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class PartKind(StrEnum):
    """What a part of a query speaks of."""

    PRICE = "price"
    RATING = "rating"
    STOCK = "stock"
    BRAND = "brand"
    COLOR = "color"
    SIZE = "size"
    ATTRIBUTE = "attribute"
    CATEGORY = "category"


class PartUse(StrEnum):
    """What an understood part does: it leaves out the other products, puts those it means first, or nothing."""

    FILTER = "filter"
    PREFERENCE = "preference"
    IGNORED = "ignored"  # understood, and not to be had: the catalogue does not know it, or no product is within


@dataclass(frozen=True, slots=True)
class UnderstoodPart:
    """Words of a query that were understood, for the shopper to see: `under $50` as "≤ 50"."""

    kind: PartKind
    text: str  # as typed
    value: str  # for people
    applied: PartUse


class RuleMatch(StrEnum):
    """Which queries a search rule is for."""

    EXACT = "exact"
    CONTAINS = "contains"  # all words of the rule in a row
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What a rule moves: one product, or all with a value in a field (`category`, `brand`, `attributes.NAME`)."""

    strength: float  # added to scores: in [−1, 1], negative to bury
    product_id: str | None = None
    field: str | None = None
    value: str | None = None  # compared without case


@dataclass(frozen=True, slots=True)
class AppliedRules:
    """What the shop's operators ruled for one query."""

    pins: tuple[tuple[str, int], ...] = ()  # (product id, 1-based position), the one that goes first at its place first
    adjustments: tuple[Adjustment, ...] = ()
    redirect: str | None = None  # http(s) address, or a path of the shop's own site


@dataclass(frozen=True, slots=True)
class SearchQuery:
    text: str
    limit: int = 20
    offset: int = 0
    filters: SearchFilters = field(default_factory=SearchFilters)
    sort: SortOrder = SortOrder.RELEVANCE
    explain: bool = False
    interpret: bool = True  # read prices, brands and the like out of the text
    rules: Callable[[str], AppliedRules] | None = None  # what holds now for a normalised text; None: no rules
    request_id: str | None = None  # under which the order of this list is kept for its later pages
    page_of: str | None = None  # request id of the list's first page: its order goes on
    explore: bool = True  # chance may change the order a little (`core.services.exploration`)


@dataclass(frozen=True, slots=True)
class SearchHit:
    product_id: str
    score: float  # in [0, 1]
    explain: Mapping[str, float] | None = None
    taste: tuple[float, ...] | None = None  # what it was ranked by for its shopper, for the log
    raw: float | None = None  # the score as it is before it is clipped, where there is `taste`
    propensity: float | None = None  # probability of its place, where chance had a say; None: it had none
    natural_rank: int | None = None  # 1-based, before chance had it


@dataclass(frozen=True, slots=True)
class FacetValue:
    value: str
    count: int


@dataclass(frozen=True, slots=True)
class FacetRange:
    low: float
    high: float | None  # exclusive; None: open
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    category: tuple[FacetValue, ...] = ()
    brand: tuple[FacetValue, ...] = ()
    price: tuple[FacetRange, ...] = ()
    rating: tuple[FacetRange, ...] = ()
    in_stock: int = 0  # products that can be bought
    attributes: Mapping[str, tuple[FacetValue, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchReply:
    hits: tuple[SearchHit, ...]
    total_results: int
    facets: Facets
    stage_ms: Mapping[str, float]
    corrected_query: str | None = None
    relaxed: str | None = None  # what was loosened to find these, in words
    understood: tuple[UnderstoodPart, ...] = ()
    redirect: str | None = None  # where the shop would rather send who searches for this
    personalized: bool = False  # taste had a say in the order
    arm: str = "default"  # what ranked it: `formula` or `learned` where it is personalized
    did_you_mean: str | None = None  # another spelling that finds more, not searched by itself

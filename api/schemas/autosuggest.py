"""POST /autosuggest."""

from collections.abc import Mapping

from pydantic import Field

from api.schemas.base import (
    PREVIEW,
    CategoryText,
    Count,
    Flag,
    PrefixText,
    RequestBody,
    ResponseBody,
    SessionIdText,
    UserIdText,
)
from api.schemas.products import ProductCard
from core.domain import Source


class AutosuggestRequest(RequestBody):
    query_prefix: PrefixText = Field(description="as typed; empty: recent and trending queries")
    user_id: UserIdText | None = None
    session_id: SessionIdText | None = Field(default=None, description="absent: a new session starts")
    max_suggestions: Count = Field(default=10, ge=1, le=20)
    include_personalization: Flag = True
    category: CategoryText | None = Field(default=None, description="only suggestions of this category")
    include_products: Count = Field(default=0, ge=0, le=6, description="product cards for the best suggestion")
    explain: Flag = False
    preview: Flag = Field(default=False, description=PREVIEW)


class SuggestionItem(ResponseBody):
    text: str
    category: str | None
    product_count: int | None = Field(description="products found for it; null without a catalogue")
    source: Source
    highlights: list[tuple[int, int]] = Field(description="half-open ranges of `text` that were typed, in UTF-16 units")
    score: float = Field(description="in [0, 1], descending")
    corrected: bool = Field(description="it corrects what was typed instead of extending it")
    explain: Mapping[str, object] | None = None


class ScopeItem(ResponseBody):
    category: str = Field(description="one of the shop's, to filter the search by")
    product_count: int


class AutosuggestResponse(ResponseBody):
    suggestions: list[str]
    personalized: bool
    response_time_ms: float
    session_id: str
    request_id: str
    items: list[SuggestionItem] = Field(description="the suggestions in the same order, with details")
    scopes: list[ScopeItem] = Field(
        default_factory=list, description="where the first suggestion may be looked for: `nintendo` in Video Games"
    )
    products: list[ProductCard] | None = None
    stage_ms: Mapping[str, float] | None = Field(default=None, description="milliseconds per stage, with `explain`")

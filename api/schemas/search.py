"""POST /search and /browse."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from api.schemas.base import (
    PREVIEW,
    CategoryText,
    Count,
    Finite,
    Flag,
    QueryText,
    RequestBody,
    RequestIdText,
    ResponseBody,
    SessionIdText,
    UserIdText,
)
from api.schemas.products import ProductCard
from core.domain import PartKind, PartUse, SearchFilters, SortOrder

_MAX_VALUES = 100  # alternatives inside one field; a facet list shows fewer

Alternatives = Annotated[list[CategoryText], Field(max_length=_MAX_VALUES)]
AttributeName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class Filters(RequestBody):
    """Values inside a list are alternatives; all given fields must hold."""

    category: CategoryText | Alternatives | None = None
    brand: CategoryText | Alternatives | None = None
    price_min: Finite | None = Field(default=None, ge=0)
    price_max: Finite | None = Field(default=None, ge=0)
    rating_min: Finite | None = Field(default=None, ge=0, le=5)
    in_stock: Flag | None = None
    attributes: Annotated[dict[AttributeName, Alternatives], Field(max_length=20)] | None = None

    @field_validator("price_max")
    @classmethod
    def _range(cls, value: float | None, info: ValidationInfo) -> float | None:
        low = info.data.get("price_min")
        if value is not None and low is not None and low > value:
            raise ValueError("is below price_min")
        return value

    def to_domain(self) -> SearchFilters:
        return SearchFilters(
            category=_several(self.category),
            brand=_several(self.brand),
            price_min=self.price_min,
            price_max=self.price_max,
            rating_min=self.rating_min,
            in_stock=self.in_stock,
            attributes={name: tuple(values) for name, values in (self.attributes or {}).items()},
        )


def _several(value: str | list[str] | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


class BrowseRequest(RequestBody):
    user_id: UserIdText | None = None
    session_id: SessionIdText | None = Field(default=None, description="absent: a new session starts")
    max_results: Count = Field(default=20, ge=1, le=100)
    offset: Count = Field(default=0, ge=0, le=1_000_000)
    include_personalization: Flag = True
    filters: Filters | None = None
    sort: SortOrder = SortOrder.RELEVANCE
    request_id: RequestIdText | None = Field(default=None, description="of the first page; later pages keep its order")
    explain: Flag = False
    preview: Flag = Field(default=False, description=PREVIEW)


class SearchRequest(BrowseRequest):
    query: QueryText
    completed: Flag = Field(
        default=True,
        description="false: a search that was counted before, with other filters or another order: its list is logged, "
        "but the query is not remembered once more",
    )
    interpret: Flag = Field(
        default=True, description="read prices, ratings, stock, brands, colours, … out of the query; false: words only"
    )


class FacetValueBody(ResponseBody):
    value: str
    count: int


class FacetRangeBody(ResponseBody):
    low: float
    high: float | None = Field(description="exclusive; null: open")
    count: int


class FacetsBody(ResponseBody):
    category: list[FacetValueBody]
    brand: list[FacetValueBody]
    price: list[FacetRangeBody]
    rating: list[FacetRangeBody]
    in_stock: int = Field(description="products that are known to be in stock")
    attributes: dict[str, list[FacetValueBody]] = Field(description="of the attributes that tell the products apart")


class UnderstoodBody(ResponseBody):
    kind: PartKind
    text: str = Field(description="as typed")
    value: str = Field(description="for people")
    applied: PartUse = Field(
        description="`filter`: others are left out; `preference`: these come first; `ignored`: left out of the search"
    )


class SearchResponse(ResponseBody):
    products: list[ProductCard]
    total_results: int
    personalized: bool
    response_time_ms: float
    session_id: str
    request_id: str
    facets: FacetsBody
    stage_ms: Mapping[str, float] | None = Field(default=None, description="milliseconds per stage, with `explain`")
    corrected_query: str | None = None
    understood: list[UnderstoodBody] = Field(
        default_factory=list, description="what was read out of the query; absent where nothing was"
    )
    redirect: str | None = Field(
        default=None, description="where the shop would rather send who searches for this: http(s), or a path"
    )
    did_you_mean: str | None = Field(
        default=None, description="another spelling that finds more, for the shopper to take"
    )
    relaxed: str | None = Field(default=None, description="what was loosened to find these, in words")

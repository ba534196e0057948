"""POST /recommendations."""

from typing import Annotated

from pydantic import Field

from api.schemas.base import Count, Flag, ItemIdText, RequestBody, ResponseBody, SessionIdText, UserIdText
from api.schemas.products import ProductCard
from core.services.recommendation import Reason


class RecommendationsRequest(RequestBody):
    user_id: UserIdText | None = None
    session_id: SessionIdText | None = Field(default=None, description="absent: a new session starts")
    product_id: ItemIdText | None = Field(default=None, description="the product that is looked at, if one is")
    max_results: Count = Field(default=12, ge=1, le=100)
    reasons: Annotated[list[Reason], Field(max_length=5)] = Field(
        default_factory=list, description="only these; none: all that apply, taking turns"
    )
    include_personalization: Flag = True
    explain: Flag = False


class RecommendedProduct(ProductCard):
    reason: Reason


class RecommendationsResponse(ResponseBody):
    products: list[RecommendedProduct]
    personalized: bool
    response_time_ms: float
    session_id: str
    request_id: str

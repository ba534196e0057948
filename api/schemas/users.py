"""GET /analytics/user/{user_id}: what the shop knows of one person."""

from collections.abc import Mapping
from datetime import datetime

from pydantic import Field

from api.schemas.base import Flag, RequestBody, ResponseBody


class StoredProfileBody(ResponseBody):
    version: int = Field(description="grows with every change")
    size_bytes: int
    events: int = Field(description="that it is folded from")
    products: int = Field(description="products it remembers")
    words: int = Field(description="words of searches it remembers")


class Preference(ResponseBody):
    name: str
    weight: float = Field(description="sum of the weights of what was done with its products")
    strength: float = Field(description="what the profile holds of it now: halved every 84 days; 0: no longer kept")


class PricePreference(ResponseBody):
    level: int = Field(description="0: the cheapest fifth of a category, … 4: the dearest")
    weight: float = Field(description="as of a preference")
    strength: float = Field(description="as of a preference")


class PastSession(ResponseBody):
    session_id: str
    first_event_at: datetime
    last_event_at: datetime
    device: str | None = Field(description="null: not said")
    actions: Mapping[str, int]


class UserAnalytics(ResponseBody):
    """Shares lie in [0, 1]; a share of nothing is null."""

    user_id: str
    profile: StoredProfileBody | None = Field(description="null: nothing was learnt")
    events: int = Field(description="that are this user's, those from before signing in included")
    actions: Mapping[str, int] = Field(description="events by what was done")
    engagement_score: float = Field(description="sum of the weights of POST /engagement")
    sessions: int = Field(description="sessions with an event")
    searches: int = Field(description="searches, those that found nothing included")
    search_ctr: float | None = Field(
        description="share of the searches with a click on a product of their list, by the same session within half an "
        "hour; searches without a request id do not count"
    )
    conversion: float | None = Field(description="share of the sessions with a purchase")
    preferred_categories: list[Preference] = Field(description="the strongest first, at most ten")
    preferred_brands: list[Preference] = Field(description="the strongest first, at most ten")
    preferred_prices: list[PricePreference] = Field(description="by level")
    session_history: list[PastSession] = Field(description="the latest twenty, the newest first")


class ErasedResponse(ResponseBody):
    rows: dict[str, int] = Field(description="how many went, by what they were")
    pending: int = Field(
        description="places that are asked again in the background: lists under way, Redis, the write-ahead log"
    )
    retrain: bool = Field(description="published versions learnt from imported searches of theirs: train anew")


class PersonalizationBody(RequestBody):
    enabled: Flag

"""POST /engagement and /engagement/batch."""

import json
from typing import Annotated
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from api.schemas.base import (
    Count,
    Finite,
    ItemIdText,
    QueryText,
    RequestBody,
    RequestIdText,
    ResponseBody,
    SessionIdText,
    UserIdText,
    UtcTime,
)
from core.domain import Action

MAX_BATCH = 1_000
MAX_ADDITIONAL_BYTES = 8_192  # of the JSON text: notes about an event, not documents
_to_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode  # `dumps` makes an encoder for every call
_QUERY_ACTIONS = {Action.SEARCH, Action.SUGGESTION_CLICK}
_EITHER = {Action.IMPRESSION}  # a product or a suggestion was shown


class EngagementRequest(RequestBody):
    user_id: UserIdText
    session_id: SessionIdText
    action_type: Action
    item_id: ItemIdText | None = Field(
        default=None, validate_default=True, description="product; for every action about a product"
    )
    query: QueryText | None = Field(
        default=None, validate_default=True, description="completed query; for `search` and `suggestion_click`"
    )
    item_rank: Count | None = Field(default=None, ge=1, le=1_000_000, description="1-based, absolute across pages")
    duration_seconds: Finite | None = Field(default=None, ge=0, le=86_400)
    request_id: RequestIdText | None = Field(default=None, description="of the list that the item was shown in")
    event_id: UUID | None = Field(default=None, description="makes a repeated request harmless")
    timestamp: UtcTime | None = Field(
        default=None, description="when it happened, if not now; without a zone it is UTC"
    )
    additional_data: dict[str, object] | None = Field(default=None, description="anything else, at most 8 KB of JSON")

    @field_validator("additional_data")
    @classmethod
    def _storable(cls, value: dict[str, object] | None) -> dict[str, object] | None:
        if value is None:
            return None
        try:
            text = _to_json(value)
            size = len(text.encode())  # raises for half of a surrogate pair
        except (ValueError, RecursionError):
            raise ValueError("holds a number or text that JSON cannot carry, or is nested too deeply") from None
        if size > MAX_ADDITIONAL_BYTES:
            raise ValueError(f"is larger than {MAX_ADDITIONAL_BYTES} bytes")
        if "\\u0000" in text:
            raise ValueError("holds a NUL character")
        return value

    @field_validator("item_id")
    @classmethod
    def _product_named(cls, value: str | None, info: ValidationInfo) -> str | None:
        action = info.data.get("action_type")
        if value is None and action is not None and action not in _QUERY_ACTIONS | _EITHER:
            raise ValueError(f"is required for {action.value}")
        return value

    @field_validator("query")
    @classmethod
    def _query_named(cls, value: str | None, info: ValidationInfo) -> str | None:
        action = info.data.get("action_type")
        if value is None and action in _QUERY_ACTIONS:
            raise ValueError(f"is required for {action.value}")
        if value is None and action in _EITHER and info.data.get("item_id") is None:
            raise ValueError(f"or item_id is required for {action.value}")
        return value


class EngagementBatchRequest(RequestBody):
    events: Annotated[list[EngagementRequest], Field(min_length=1, max_length=MAX_BATCH)]


class EngagementResponse(ResponseBody):
    success: bool
    message: str
    event_id: str


class EngagementBatchResponse(ResponseBody):
    success: bool = Field(description="whether every event is stored")
    results: list[EngagementResponse] = Field(description="one per event, in the order given")

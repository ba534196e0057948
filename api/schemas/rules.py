"""GET, POST and DELETE /admin/suggestion-rules."""

from datetime import datetime

from pydantic import Field, ValidationInfo, field_validator

from api.schemas.base import Count, PrefixText, QueryText, RequestBody, ResponseBody
from core.text.normalize import normalize
from database.repositories.suggestion_rules import Match, RuleKind


class RuleRequest(RequestBody):
    kind: RuleKind = Field(description="`block` keeps a query out of every list, `pin` puts one first")
    text: QueryText = Field(description="the query; of a block that matches `contains`, words that must all occur")
    match: Match | None = Field(default=None, description="of a block; absent: `exact`")
    prefix: PrefixText | None = Field(
        default=None, description="of a pin: typing must begin with it; absent: wherever the text completes it"
    )
    position: Count | None = Field(default=None, ge=1, le=20, description="of a pin: place among the pins; absent: 1")

    @field_validator("text", "prefix")
    @classmethod
    def _normalized(cls, value: str | None) -> str | None:
        if value is None:
            return None
        normal = normalize(value)
        if not normal:
            raise ValueError("holds no word")
        return normal

    @field_validator("match", "prefix", "position")
    @classmethod
    def _fits_its_kind(cls, value: object, info: ValidationInfo) -> object:
        kind = info.data.get("kind")
        of_a_block = info.field_name == "match"
        if value is not None and kind is not None and of_a_block != (kind is RuleKind.BLOCK):
            raise ValueError(f"is for a {'block' if of_a_block else 'pin'} only")
        return value


class RuleResponse(ResponseBody):
    id: int
    kind: RuleKind
    text: str = Field(description="normalised")
    match: Match | None
    prefix: str | None = Field(description="normalised")
    position: int | None
    created_at: datetime


class RulesResponse(ResponseBody):
    rules: list[RuleResponse] = Field(description="the oldest first")

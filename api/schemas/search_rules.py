"""GET, POST and DELETE /admin/search-rules."""

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from api.schemas.base import Count, Finite, ItemIdText, QueryText, RequestBody, ResponseBody, UtcTime
from core.domain import RuleMatch
from core.text.normalize import normalize
from database.repositories.search_rules import SearchRuleKind

_MOVING = (SearchRuleKind.BOOST, SearchRuleKind.BURY)
_KINDS_OF = {
    "position": (SearchRuleKind.PIN,),
    "product_id": (SearchRuleKind.PIN, *_MOVING),
    "field": _MOVING,
    "value": _MOVING,
    "strength": _MOVING,
    "url": (SearchRuleKind.REDIRECT,),
}

FieldName = Annotated[str, StringConstraints(max_length=120, pattern=r"^(category|brand|attributes\.[^\x00]+)$")]
ValueText = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2_000, pattern=r"^(https?://|/)[^\x00]*$")]


class SearchRuleRequest(RequestBody):
    kind: SearchRuleKind = Field(
        description="`pin` puts a product at a place, `boost` and `bury` move products up and down, `redirect` names "
        "the page that shoppers are sent to"
    )
    match: RuleMatch = Field(
        default=RuleMatch.EXACT,
        description="`contains`: queries that hold all words of `query` in a row; `any` (of `boost` and `bury`): all",
    )
    query: QueryText | None = Field(default=None, validate_default=True, description="required unless `match` is `any`")
    product_id: ItemIdText | None = Field(
        default=None, validate_default=True, description="of a pin; of a boost or bury instead of `field` and `value`"
    )
    position: Count | None = Field(default=None, ge=1, le=100, description="of a pin, 1-based; absent: 1")
    field: FieldName | None = Field(
        default=None, validate_default=True, description="`category`, `brand` or `attributes.NAME`"
    )
    value: ValueText | None = Field(default=None, validate_default=True, description="of the field, in any case")
    strength: Finite | None = Field(
        default=None,
        gt=0,
        le=1,
        description="of a boost or bury: the share of the score scale that products move by; absent: 0.2",
    )
    url: Url | None = Field(
        default=None, validate_default=True, description="of a redirect: http(s), or a path of this site: `/sale`"
    )
    starts_at: UtcTime | None = Field(default=None, description="absent: at once; without a zone it is UTC")
    ends_at: UtcTime | None = Field(default=None, description="exclusive; absent: never")

    @field_validator("position", "product_id", "field", "value", "strength", "url")
    @classmethod
    def _fits_its_kind(cls, value: object, info: ValidationInfo) -> object:
        kinds = _KINDS_OF[info.field_name or ""]
        if value is not None and info.data.get("kind", kinds[0]) not in kinds:
            raise ValueError(f"is for {' and '.join(kinds)} only")
        return value

    @field_validator("match")
    @classmethod
    def _any_moves_only(cls, value: RuleMatch, info: ValidationInfo) -> RuleMatch:
        if value is RuleMatch.ANY and info.data.get("kind", _MOVING[0]) not in _MOVING:
            raise ValueError("any is for boost and bury only")
        return value

    @field_validator("query")
    @classmethod
    def _normalized(cls, value: str | None, info: ValidationInfo) -> str | None:
        is_any = info.data.get("match") is RuleMatch.ANY
        if value is None:
            if "match" in info.data and not is_any:
                raise ValueError("is required unless match is any")
            return None
        if is_any:
            raise ValueError("is not for match any")
        normal = normalize(value)
        if not normal:
            raise ValueError("holds no word")
        return normal

    @field_validator("product_id")
    @classmethod
    def _product_named(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("kind") is SearchRuleKind.PIN:
            raise ValueError("is required for pin")
        return value

    @field_validator("field")
    @classmethod
    def _one_or_the_other(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("kind") in _MOVING and "product_id" in info.data:
            if value is None and info.data["product_id"] is None:
                raise ValueError("or product_id is required for boost and bury")
            if value is not None and info.data["product_id"] is not None:
                raise ValueError("and product_id exclude each other")
        return value

    @field_validator("value")
    @classmethod
    def _value_of_the_field(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "field" in info.data and (value is None) != (info.data["field"] is None):
            raise ValueError("is required with field" if value is None else "needs a field")
        return value

    @field_validator("url")
    @classmethod
    def _leads_to_a_page(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            if info.data.get("kind") is SearchRuleKind.REDIRECT:
                raise ValueError("is required for redirect")
            return None
        if not is_safe_url(value):
            raise ValueError("is neither http(s) with a host nor a path of this site")
        return value

    @field_validator("ends_at")
    @classmethod
    def _after_its_start(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        starts_at = info.data.get("starts_at")
        if value is not None and starts_at is not None and value <= starts_at:
            raise ValueError("is not after starts_at")
        return value


def is_safe_url(url: str) -> bool:
    """Whether a storefront may send a shopper to `url`: http(s) with a host, or a path on its own site.

    Browsers drop tabs and line ends and read a backslash as a slash (WHATWG URL), so `/\\evil.test` would be another
    host: such characters are refused.
    """
    if not url.isprintable() or " " in url or "\\" in url:
        return False
    if url.startswith("/"):
        return not url.startswith("//")
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:  # no address at all, as `http://[`
        return False


class SearchRuleResponse(ResponseBody):
    id: int
    kind: SearchRuleKind
    match: RuleMatch
    query: str | None = Field(description="normalised")
    product_id: str | None
    position: int | None
    field: str | None
    value: str | None
    strength: float | None
    url: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    created_at: datetime
    products: int | None = Field(
        default=None, description="that it moves, of the catalogue as it is now: 0 is worth a look; null for a redirect"
    )


class SearchRulesResponse(ResponseBody):
    rules: list[SearchRuleResponse] = Field(description="the oldest first")

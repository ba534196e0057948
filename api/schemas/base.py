"""What all requests share: unknown fields are refused, and no text that a database or a log could stumble over."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

# pydantic itself refuses halves of surrogate pairs; PostgreSQL and C libraries stumble over NUL.
_NO_NUL = r"^[^\x00]*$"

Word = Annotated[str, StringConstraints(max_length=100, pattern=_NO_NUL)]
SessionIdText = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=_NO_NUL)]
UserIdText = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_NO_NUL)]
ItemIdText = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_NO_NUL)]
QueryText = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=_NO_NUL)]
PrefixText = Annotated[str, StringConstraints(max_length=200, pattern=_NO_NUL)]
CategoryText = Annotated[str, StringConstraints(max_length=300, pattern=_NO_NUL)]
RequestIdText = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_NO_NUL)]
FreeText = Annotated[str, StringConstraints(max_length=2_000, pattern=_NO_NUL)]

# Strict: `"5"` and `true` are no numbers. NaN and infinities are no JSON.
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]


def _is_text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("give the time as text, such as 2025-01-31T12:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("no such time in UTC") from None


UtcTime = Annotated[datetime, BeforeValidator(_is_text), AfterValidator(_in_utc)]
"""A time; without a zone it is UTC."""


PREVIEW = "a second look, which no shopper is shown: it is not logged, and nothing is learnt from it"


class RequestBody(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseBody(BaseModel):
    model_config = ConfigDict(frozen=True)

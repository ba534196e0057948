"""GET, POST and DELETE /admin/keys."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.schemas.base import Count, RequestBody, ResponseBody, UtcTime
from core.access import Scope

KeyName = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


class KeyRequest(RequestBody):
    name: KeyName = Field(description="for people: which program it is for")
    scopes: list[Scope] = Field(min_length=1, max_length=4, description="what it opens; `admin` opens everything")
    expires_at: UtcTime | None = Field(default=None, description="absent: until it is revoked")


class RotateRequest(RequestBody):
    grace_seconds: Count | None = Field(
        default=None,
        ge=0,
        le=30 * 86_400,
        description="how long the secret before still opens; absent: KEY_GRACE_SECONDS. 0 where it has leaked",
    )


class KeyResponse(ResponseBody):
    key_id: str
    name: str
    scopes: list[Scope]
    state: Literal["active", "expired", "revoked"]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    previous_until: datetime | None = Field(description="until when the secret before the last rotation still opens")


class MadeKey(ResponseBody):
    key_id: str
    key: str = Field(description="to be sent as `Authorization: Bearer <key>`; it is shown here, and never again")


class KeysResponse(ResponseBody):
    keys: list[KeyResponse]

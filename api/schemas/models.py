"""GET /admin/models: which versions there are, and what was done with them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from api.schemas.base import ResponseBody


class VersionBody(ResponseBody):
    version: str
    state: Literal["current", "promoted", "previous", "published"] = Field(
        description="`promoted`: served to a share of shoppers, until a guard decides"
    )
    resident: bool = Field(description="loaded in the worker that answers")
    made_at: str | None
    facts: dict[str, Any] = Field(description="what its manifest says of it, files aside")


class AuditBody(ResponseBody):
    happened_at: datetime
    actor: Literal["operator", "schedule", "guard", "shopper"]
    action: str = Field(
        description="`retrain`, `reload`, `promote`, `roll_back`, …, or the method and route of a request"
    )
    subject: str = Field(description="a version, a job, an experiment, or what the route names")
    details: dict[str, Any]


class ModelsResponse(ResponseBody):
    versions: list[VersionBody] = Field(description="the newest first")
    audit: list[AuditBody] = Field(description="the newest hundred, the newest first")

"""POST /admin/retrain, /admin/reload, /admin/generate-synthetic-data, and GET /admin/jobs/{job_id}."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from api.schemas.base import RequestBody, ResponseBody
from core.domain import JobState

VersionText = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class RetrainRequest(RequestBody):
    """Nothing to choose: size and seed are those of the version that is served."""


class ReloadRequest(RequestBody):
    version: VersionText | None = Field(
        default=None,
        description="a published version, or `previous` for the one that was current before; absent: the current one",
    )


class SyntheticDataRequest(RequestBody):
    users: int = Field(ge=1, le=1_000_000, description="shoppers")
    sessions: int = Field(ge=1, le=1_000_000, description="visits of all of them together")
    products: int | None = Field(
        default=None,
        ge=1,
        le=20_000,  # added in one transaction, which shoppers' writes wait for: a second or so
        description="so many are made up, added to the catalogue and shopped in; absent: the shop's own are",
    )
    provider: Literal["offline", "gemini"] = Field(
        default="offline", description="who writes the words; `gemini` needs GEMINI_API_KEY"
    )
    seed: int = Field(default=7, ge=0, lt=2**31, description="the same wish gives the same shoppers")


class JobStarted(ResponseBody):
    job_id: str
    state: JobState


class ReloadResponse(JobStarted):
    version: str = Field(description="what is served now")
    previous_version: str = Field(description="what was served before")


class JobResponse(ResponseBody):
    job_id: str
    kind: str
    state: JobState
    progress: float = Field(ge=0, le=1)
    step: str | None = Field(description="what is being done, in words")
    counts: Mapping[str, int]
    result: Mapping[str, Any] = Field(
        description="of a retraining: both versions, the gate's figures and its reasons; else notes"
    )
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

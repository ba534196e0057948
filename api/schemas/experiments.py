"""/admin/experiments: definitions as they are asked for and answered."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints, ValidationInfo, field_validator

from api.schemas.base import (
    Count,
    Finite,
    Flag,
    FreeText,
    RequestBody,
    ResponseBody,
    SessionIdText,
    UserIdText,
    UtcTime,
    Word,
)
from core.experiments.assignment import INTERLEAVED
from core.experiments.definition import Method, Unit
from core.experiments.promotion_names import PREFIX
from core.experiments.unit_metrics import METRICS

MOST_ARMS = 8
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
Weight = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1_000)]


def _known_metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"no such metric; there are {', '.join(METRICS)}")
    return name


class ChangesBody(RequestBody):
    """What an arm does otherwise. Absent: as the settings say."""

    artifact_version: Word | None = Field(default=None, description="a published version that serves this arm")
    personalization_weights: tuple[Share, Share, Share, Share] | None = Field(
        default=None, description="of the personal, contextual, collaborative and temporal component; they add up to 1"
    )
    personalization_reach: Share | None = Field(default=None, description="what taste may add to a product's score")
    learned_reranker: Flag | None = Field(default=None, description="rank by the learnt model, or by the formula")
    suggestion_diversity: Finite | None = Field(default=None, ge=0, lt=1)
    beam_width: int | None = Field(default=None, strict=True, ge=1, le=64, description="hypotheses of the models")

    @field_validator("personalization_weights")
    @classmethod
    def _shares(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and abs(sum(value) - 1) > 1e-6:
            raise ValueError("must add up to 1")
        return value


class ArmBody(RequestBody):
    name: Name
    weight: Weight = Field(default=1.0, description="its share is this by the sum of all weights")
    changes: ChangesBody = ChangesBody()


class AudienceBody(RequestBody):
    """Visits with one of the values in each field that names any; as `POST /user/session/start` was told."""

    devices: tuple[Word, ...] = Field(default=(), max_length=50)
    locations: tuple[Word, ...] = Field(default=(), max_length=50)
    referrers: tuple[Word, ...] = Field(default=(), max_length=50, description="hosts")


class GuardrailBody(RequestBody):
    metric: Word
    tolerance: Share = Field(description="how much worse than the control it may become, relative: 0.02 is 2 %")

    _known = field_validator("metric")(_known_metric)


class Overrides(RequestBody):
    """Who sees an arm by hand, for a look at it; left out of every figure."""

    users: dict[UserIdText, Name] = Field(default={}, max_length=1_000)
    sessions: dict[SessionIdText, Name] = Field(default={}, max_length=1_000)


class ExperimentRequest(RequestBody):
    name: Name
    hypothesis: FreeText = ""
    arms: tuple[ArmBody, ...] = Field(min_length=2, max_length=MOST_ARMS, description="the first one is the control")
    method: Method = Field(
        default=Method.AB,
        description="`ab`: each unit sees one arm; `team_draft`, `balanced`: both arms in one list",
    )
    unit: Unit = Field(default=Unit.USER, description="who keeps an arm: a user across visits, or one visit")
    primary_metric: Word
    guardrails: tuple[GuardrailBody, ...] = Field(default=(), max_length=10)
    minimum_effect: Finite = Field(
        default=0.05, gt=0, le=10, description="relative: the least difference that matters; 0.05 is 5 %"
    )
    units_per_arm: Count = Field(
        default=10_000,
        ge=100,
        le=100_000_000,
        description="how many units of each arm are planned: see POST /admin/experiments/plan",
    )
    layer: Name = Field(default="default", description="experiments with disjoint slices of a layer share nobody")
    slice: tuple[Share, Share] = Field(default=(0.0, 1.0), description="the part of the layer that this one has")
    traffic: Share = Field(default=1.0, description="share of the slice that takes part; raising it moves nobody")
    salt: Word = Field(default="", description="what units are hashed with; absent: the name")
    audience: AudienceBody = AudienceBody()
    overrides: Overrides = Overrides()
    starts_at: UtcTime | None = Field(default=None, description="absent: at once")
    ends_at: UtcTime | None = Field(default=None, description="exclusive; absent: when it is stopped")

    _known = field_validator("primary_metric")(_known_metric)

    @field_validator("name")
    @classmethod
    def _not_a_promotion(cls, value: str) -> str:
        if value.startswith(PREFIX):
            raise ValueError(f"names that begin with {PREFIX} are those of promotions")
        return value

    @field_validator("slice")
    @classmethod
    def _not_empty(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise ValueError("must begin before it ends")
        return value

    @field_validator("arms")
    @classmethod
    def _different(cls, value: tuple[ArmBody, ...]) -> tuple[ArmBody, ...]:
        names = [arm.name for arm in value]
        if len(set(names)) < len(names) or INTERLEAVED in names:
            raise ValueError(f"need different names, and none may be called {INTERLEAVED}")
        return value

    @field_validator("method")
    @classmethod
    def _two_to_interleave(cls, value: Method, info: ValidationInfo) -> Method:
        arms: tuple[ArmBody, ...] = info.data.get("arms", ())
        if value is not Method.AB and arms and (len(arms) != 2 or arms[0].changes == arms[1].changes):
            raise ValueError("interleaves exactly two arms, which must differ")
        return value

    @field_validator("overrides")
    @classmethod
    def _of_arms(cls, value: Overrides, info: ValidationInfo) -> Overrides:
        names = {arm.name for arm in info.data.get("arms", ())}
        if names and {*value.users.values(), *value.sessions.values()} - names:
            raise ValueError("name an arm that is not there")
        return value

    @field_validator("ends_at")
    @classmethod
    def _later(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        begin = info.data.get("starts_at")
        if value is not None and begin is not None and value <= begin:
            raise ValueError("must be later than starts_at")
        return value


class ExperimentChange(RequestBody):
    """A further version. What is absent stays."""

    traffic: Share | None = None
    ends_at: UtcTime | None = None
    overrides: Overrides | None = None
    stopped: Flag | None = Field(default=None, description="true ends it for good; everybody is served as before")


class ExperimentResponse(ResponseBody):
    """`overridden`: how many units see an arm by hand."""

    name: str
    version: int
    state: str = Field(description="`scheduled`, `running`, `ended` (its time is over) or `stopped` (by somebody)")
    hypothesis: str
    arms: list[ArmBody]
    method: Method
    unit: Unit
    primary_metric: str
    guardrails: list[GuardrailBody]
    minimum_effect: float
    units_per_arm: int
    layer: str
    slice: tuple[float, float]
    traffic: float
    salt: str
    audience: AudienceBody
    overridden: int
    starts_at: datetime | None
    ends_at: datetime | None
    changed_at: datetime
    waiting_for: list[str] = Field(description="versions that are not loaded here yet: until then nobody takes part")


class ExperimentsResponse(ResponseBody):
    enabled: bool = Field(description="ENABLE_AB_TESTING")
    experiments: list[ExperimentResponse]
    metrics: dict[str, str] = Field(description="what can be measured, with its definition")


class ExperimentVersions(ResponseBody):
    versions: list[ExperimentResponse] = Field(description="of one experiment, the oldest first")

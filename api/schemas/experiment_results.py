"""GET /admin/experiments/{name}/results and POST /admin/experiments/plan."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from api.schemas.base import Finite, RequestBody, ResponseBody
from core.experiments.unit_metrics import Kind

_LEVEL = "at level 0.05"
Percent = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, lt=1)]


class SplitBody(ResponseBody):
    """Whether the arms have the units that their weights give them (chi-square)."""

    expected: dict[str, float]
    p_value: float
    alarm: bool = Field(description="p below 0.001: no figure of this experiment can be trusted")


class FixedBody(ResponseBody):
    """For one look, at the planned size; whoever looks more often is misled by it."""

    low: float
    high: float
    p_value: float


class ComparisonBody(ResponseBody):
    """A treatment against the control. Without a comparison, `reason` says why there is none."""

    treatment: str
    reason: str | None
    difference: float | None = Field(default=None, description="treatment minus control, in the metric's own unit")
    low: float | None = Field(default=None, description=f"always-valid interval {_LEVEL}; null: open")
    high: float | None = None
    p_value: float | None = Field(default=None, description="always valid: look as often as you like")
    lift: float | None = Field(default=None, description="the difference as a share of the control")
    lift_low: float | None = Field(default=None, description=f"always-valid interval {_LEVEL}; null: open")
    lift_high: float | None = None
    fixed: FixedBody | None = None
    win_probability: float | None = Field(default=None, description="Bayesian: that the treatment is the better one")
    expected_loss: float | None = Field(default=None, description="of choosing it, in the metric's own unit")
    variance_reduction: float | None = Field(default=None, description="by what units did before (CUPED), in [0, 1]")
    cap: float | None = Field(default=None, description="values were cut to this (winsorised)")


class MetricBody(ResponseBody):
    metric: str
    role: Literal["primary", "guardrail", "secondary"]
    definition: str
    values: dict[str, float | None] = Field(description="by arm; null: nothing to divide by")
    comparisons: list[ComparisonBody]


class VerdictBody(ResponseBody):
    state: str = Field(
        description="`broken_split`, `guardrail_harmed`, `too_early`, `better`, `worse`, `no_difference`, `undecided`"
    )
    sentence: str = Field(description="for people")


class PreferenceBody(ResponseBody):
    """Of an interleaving: what units (users, or sessions) chose from lists that showed both arms."""

    control: str
    treatment: str
    units: int = Field(description="that were shown a list of both arms")
    for_control: int = Field(description="units whose choices say more for the control")
    for_treatment: int
    treatment_share: float = Field(description="units for the treatment, and half of those for none")
    mean_credit: float = Field(description="of a unit; above 0 for the treatment")
    low: float | None = Field(description=f"always-valid interval of the mean credit {_LEVEL}; null: open")
    high: float | None
    p_value: float = Field(description="always valid")


class ExperimentResults(ResponseBody):
    """As of `until`. What units did before their first exposure does not count, nor do units chosen by hand."""

    name: str
    version: int
    since: datetime | None = Field(description="of the first exposure; null: nobody was exposed")
    until: datetime
    units: dict[str, int] = Field(description="exposed, by arm")
    by_hand: int
    split: SplitBody | None
    verdict: VerdictBody
    verdicts: dict[str, VerdictBody] = Field(description="by treatment")
    metrics: list[MetricBody] = Field(description="the primary one first, then the guardrails")
    preference: PreferenceBody | None = None


class PlanRequest(RequestBody):
    """How many units an experiment needs."""

    kind: Kind = Field(description="`proportion`, or `mean` (a `ratio` is planned as the mean of its units)")
    baseline: Finite = Field(gt=0, description="the control's proportion or mean")
    deviation: Finite | None = Field(
        default=None, gt=0, validate_default=True, description="standard deviation between units; of a mean only"
    )
    minimum_effect: Finite = Field(default=0.05, gt=0, le=10, description="relative: 0.05 is 5 %")
    power: Percent = 0.8
    level: Percent = 0.05

    @field_validator("baseline")
    @classmethod
    def _share(cls, value: float, info: ValidationInfo) -> float:
        if info.data.get("kind") is Kind.PROPORTION and value >= 1:
            raise ValueError("of a proportion is below 1")
        return value

    @field_validator("deviation")
    @classmethod
    def _of_means(cls, value: float | None, info: ValidationInfo) -> float | None:
        kind = info.data.get("kind")
        if kind is not None and (value is None) != (kind is Kind.PROPORTION):
            raise ValueError("is needed for a mean or ratio, and only there")
        return value


class PlanResponse(ResponseBody):
    units_per_arm: int = Field(description="for the fixed-horizon test at one look")

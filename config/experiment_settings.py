"""The settings of experiments and of models that follow each other, in the manner of `config.settings`."""

from pydantic import Field

from config.setting_group import Group


class ExperimentSettings(Group):
    """Experiments, and new versions that go through one."""

    enable_ab_testing: bool = Field(
        default=True,
        description="assign shoppers to the experiments that run; false: everybody is served as the settings say",
    )
    experiment_refresh_seconds: float = Field(
        default=1.0,
        gt=0,
        description="seconds between two looks for changed experiments, a fraction of a millisecond each",
    )
    retrain_every_hours: float | None = Field(
        default=None,
        gt=0,
        description="hours between two retrainings that start by themselves; unset: only when asked",
    )
    promotion_share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of shoppers that a retrained version serves first, under guardrails; 0: at once all",
    )
    promotion_units: int = Field(
        default=1_000,
        ge=100,
        description="shoppers that it must have served without harm before it serves all",
    )
    promotion_hours: float = Field(
        default=72.0,
        gt=0,
        description="hours after which 30 shoppers without harm are enough: small shops have few",
    )
    promotion_check_seconds: float = Field(
        default=60.0,
        gt=0,
        description="seconds between two looks at a promotion and at the schedule; harm is acted upon that soon",
    )

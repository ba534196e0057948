"""The settings of what watches the service, in the manner of `config.settings`."""

from pydantic import Field

from config.setting_group import Group


class MonitoringSettings(Group):
    """Drift."""

    drift_check_seconds: float = Field(
        default=60.0,
        gt=0,
        description="seconds between two comparisons of the latest traffic with what the version was trained on",
    )

"""The settings of what watches the service, in the manner of `config.settings`."""

from pydantic import Field, field_validator

from config.setting_group import Group


class MonitoringSettings(Group):
    """Drift and traces."""

    drift_check_seconds: float = Field(
        default=60.0,
        gt=0,
        description="seconds between two comparisons of the latest traffic with what the version was trained on",
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None,
        description="URL of an OpenTelemetry collector (OTLP over HTTP) that traces are sent to; unset: none are made",
    )

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("begins with http:// or https://")
        return value

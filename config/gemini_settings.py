"""The settings of the provider that writes the words of a generated shop, in the manner of `config.settings`."""

from pydantic import Field, SecretStr

from config.setting_group import Group


class GeminiSettings(Group):
    """Who writes the words of a generated shop, and what that may cost. The service itself never asks."""

    gemini_api_key: SecretStr | None = Field(
        default=None,
        description="key of the Gemini API; unset: the words of a generated shop come from our tables only, offline",
    )
    gemini_model: str = Field(
        default="gemini-3.8-flash",
        min_length=1,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="model that is asked; the newest stable flash model of late 2026, as word lists need no dearer one",
    )
    gemini_base_url: str | None = Field(
        default=None,
        description="address of a proxy that speaks Gemini's REST protocol; unset: Google's own",
    )
    gemini_max_tokens: int = Field(
        default=400_000,
        ge=0,
        description="tokens of a run, prompts, answers and thoughts together; we estimate half of it for a whole shop",
    )
    gemini_max_cost_usd: float = Field(
        default=2.0,
        ge=0,
        allow_inf_nan=False,
        description="dollars of a run, never exceeded: an attempt whose upper bound does not fit in is not made",
    )
    gemini_usd_per_million_input: float = Field(
        default=1.50,
        ge=0,
        allow_inf_nan=False,
        description="dollars per million prompt tokens: the default model's from January 2027, half of that before",
    )
    gemini_usd_per_million_output: float = Field(
        default=7.50,
        ge=0,
        allow_inf_nan=False,
        description="dollars per million tokens of answers and thoughts, from the same table (ai.google.dev, pricing)",
    )
    gemini_timeout_seconds: float = Field(
        default=120.0,
        gt=0,
        description="seconds without a byte until an attempt counts as cut off; long answers come in one piece",
    )

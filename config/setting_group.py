"""What groups of settings have in common: one environment, one `.env` file."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Group(BaseSettings):
    """Fields are read from the environment variables of their names in capitals; a blank value counts as unset."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True, frozen=True)

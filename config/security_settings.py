"""The settings of access and privacy, in the manner of `config.settings`."""

from pydantic import Field, SecretStr

from config.setting_group import Group


class SecuritySettings(Group):
    """Who may do what."""

    admin_api_key: SecretStr | None = Field(
        default=None,
        description="key that opens everything, /admin/keys among it; unset, and no other: /admin is closed",
    )
    allow_unsigned_users: bool = Field(
        default=False,
        description="take a `user_id` without a token or key as it is; for a demo on loopback, never on a network",
    )
    session_ttl_seconds: int = Field(
        default=86_400,
        gt=0,
        description="seconds a session token is valid; a day covers one visit",
    )
    access_refresh_seconds: float = Field(
        default=1.0,
        gt=0,
        description="seconds between two looks for keys, opt-outs and erasures, a fraction of a millisecond each",
    )
    key_grace_seconds: int = Field(
        default=3_600,
        ge=0,
        description="seconds that the secret before a rotation still opens, unless the rotation says otherwise",
    )

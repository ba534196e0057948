"""How much one caller may ask for, and who is believed about where a request comes from."""

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, field_validator
from pydantic_settings import NoDecode

from config.setting_group import Group


def _numbers(value: object) -> object:
    return tuple(int(part) for part in value.split(",")) if isinstance(value, str) else value


def _not_negative(value: tuple[int, int, int]) -> tuple[int, int, int]:
    if min(value) < 0:
        raise ValueError("must not be negative; 0 is no limit")
    return value


Budgets = Annotated[tuple[int, int, int], NoDecode, BeforeValidator(_numbers), AfterValidator(_not_negative)]
"""Requests per window of one session, of one address and of one key, separated by commas; 0: no limit."""


class LimitSettings(Group):
    """Requests per window. Each request costs 1, a batch of events too: `MAX_BODY_BYTES` and its 1,000 bound that."""

    rate_limit_window_seconds: int = Field(
        default=10,
        ge=1,
        le=3_600,
        description="seconds of a window of the limits below: short, so that who was refused is soon served again",
    )
    rate_limit_keystrokes: Budgets = Field(
        default=(300, 5_000, 20_000),
        description="keystrokes per session, address and key: a typist makes 150 in ten seconds, an office of hundreds "
        "shares one address, a key is a whole shop's backend; 0: no limit",
    )
    rate_limit_searches: Budgets = Field(
        default=(100, 1_000, 10_000),
        description="searches, lists and product pages, as above: ten clicks a second are no shopper's",
    )
    rate_limit_events: Budgets = Field(
        default=(300, 3_000, 20_000),
        description="events and starts of sessions, as above; a batch counts once: shops that have many send batches",
    )
    rate_limit_admin: Budgets = Field(
        default=(100, 300, 5_000),
        description="administration, analytics and the dashboard, as above: an address without a key only guesses",
    )
    rate_limit_loopback: bool = Field(
        default=False,
        description="also limit requests from this machine itself: whoever is on it can do worse than ask often",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="addresses, networks (10.0.0.0/8) or `unix`, separated by commas, whose X-Forwarded-For is "
        "believed; unset: nobody's",
    )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            if proxy != "unix":
                ipaddress.ip_network(proxy, strict=False)  # raises ValueError, whose text says what is wrong
        return value

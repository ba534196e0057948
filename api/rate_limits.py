"""No caller takes more than a share: budgets of requests per window, before a body is read.

A request belongs to a budget by its method and path (`api.traffic`): keystrokes, searches, events, administration. What
is used up of one touches no other. Within it the request counts for

- the key that its Authorization names, and then for nothing else: a shop's backend speaks for thousands of shoppers;
- otherwise for the session of a valid signed token, and for the address (`api.addresses`). A token that is not ours is
  no identity, or everybody could have a new one with each request.

Counts are those of `database.limit_counts`: in Redis for all workers, else in this one. Answers carry RateLimit-Limit,
-Remaining and -Reset (seconds) of the budget with the least left, and RateLimit-Policy; over a limit the answer is the
problem `rate_limited` (429) with Retry-After. What was refused counts as used, but a caller who is refused for the own
session takes nothing from those behind the same address.

Cost, `python -m tests.benchmarks.rate_limits` on two shared cores with 10,000 sessions counted, added to the p50 of a
request: 9 µs by address, 31 µs by session and address (14 of them for reading the token), 0.26 ms where Redis counts.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addresses import Clients, carries_forwarded
from api.errors import ProblemError, problem
from api.metrics import Metrics
from api.security import Gate
from api.state import AppState
from api.traffic import Kind, kind_of
from config.limit_settings import LimitSettings
from database.limit_counts import Budget, Used

HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy", "Retry-After")
By = Literal["session", "address", "key"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom an Authorization header names: a session or a key, and which one."""

    by: Literal["session", "key"]
    name: str


def identified(gate: Gate, authorization: str | None) -> Identity | None:
    """Which key or session the header names; None: none that is valid."""
    if authorization is None:
        return None
    key = gate.key(authorization)
    if key is not None:
        return Identity("key", key.key_id)
    try:
        return Identity("session", gate.claims(authorization).session_id)
    except ProblemError:
        return None


@dataclass(frozen=True, slots=True)
class _Limits:
    """Of one kind of request: requests per window, 0: no limit."""

    session: int
    address: int
    key: int


class RateLimits:
    """Refuses what is over a budget, and tells everybody else how much is left."""

    def __init__(self, app: ASGIApp, settings: LimitSettings, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics
        self._window, self._limits_loopback = settings.rate_limit_window_seconds, settings.rate_limit_loopback
        self._clients = Clients(settings.trusted_proxies)
        self._limits = {
            Kind.KEYSTROKES: _Limits(*settings.rate_limit_keystrokes),
            Kind.SEARCHES: _Limits(*settings.rate_limit_searches),
            Kind.EVENTS: _Limits(*settings.rate_limit_events),
            Kind.ADMIN: _Limits(*settings.rate_limit_admin),
        }
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (limits := self._limits.get(kind := kind_of(scope))) is None:
            await self._app(scope, receive, send)
            return
        client = self._clients.of(scope)
        if client.local and not self._limits_loopback:
            if not self._warned and self._clients.trusts_nobody and carries_forwarded(scope):
                self._warn()
            await self._app(scope, receive, send)
            return
        state: AppState = scope["state"]["cadence"]
        by, budgets = self._budgets(state.gate, kind, limits, scope, client.name)
        if not budgets:
            await self._app(scope, receive, send)
            return
        used = await state.limits.charge(budgets)
        least = min(used, key=_left)
        headers = _headers(least, _policy(by, budgets, self._window))
        if least.over:
            refused_by = by[used.index(least)]
            self._metrics.limited[kind.value, refused_by] += 1
            await self._refuse(kind, refused_by, least, headers, scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            await send(message)

        await self._app(scope, receive, with_headers)

    def _budgets(
        self, gate: Gate, kind: Kind, limits: _Limits, scope: Scope, address: str
    ) -> tuple[list[By], list[Budget]]:
        """What a request is charged to, the narrowest first."""
        authorization = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        identity = identified(gate, None if authorization is None else authorization.decode("latin-1"))
        asked: list[tuple[By, str, int]] = []
        if identity is not None and identity.by == "key":
            asked.append(("key", identity.name, limits.key))
        else:
            if identity is not None:
                asked.append(("session", identity.name, limits.session))
            asked.append(("address", address, limits.address))
        limited = [one for one in asked if one[2]]
        return (
            [by for by, _, _ in limited],
            [Budget(f"{kind.value}\x1f{by}\x1f{name}", limit) for by, name, limit in limited],
        )

    async def _refuse(
        self,
        kind: Kind,
        by: By,
        used: Used,
        headers: Sequence[tuple[bytes, bytes]],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        scope["state"]["refused"] = "limited"
        detail = f"One {by} may make {used.budget.limit} requests for {kind.value} in {self._window} seconds."
        said = {name.decode(): value.decode() for name, value in headers}
        said["Retry-After"] = str(max(1, math.ceil(used.reset_seconds)))
        response = problem(scope["state"]["request_id"], 429, "rate_limited", detail, headers=said)
        await response(scope, receive, send)

    def _warn(self) -> None:
        self._warned = True
        _log.warning(
            "requests come through a proxy of this machine that TRUSTED_PROXIES does not name: limits do not apply to "
            "them, since all would look like one; set TRUSTED_PROXIES to the proxy's address, such as 127.0.0.1"
        )


def warn_of_believing_everybody() -> None:
    """Where uvicorn was told to replace the peer by whatever anybody says, addresses mean nothing."""
    if "*" in os.environ.get("FORWARDED_ALLOW_IPS", ""):
        _log.warning(
            "FORWARDED_ALLOW_IPS=* lets every caller choose an address, and so evade the limits by address; unset it, "
            "start uvicorn with --no-proxy-headers and name your proxies in TRUSTED_PROXIES"
        )


def _left(used: Used) -> tuple[int, float]:
    """What is over comes first, then what has the least left; of equals the one that lasts longest."""
    return (-1 if used.over else used.remaining, -used.reset_seconds)


def _policy(by: Sequence[By], budgets: Sequence[Budget], window: int) -> str:
    return ", ".join(f'{budget.limit};w={window};comment="{who}"' for who, budget in zip(by, budgets, strict=True))


def _headers(used: Used, policy: str) -> list[tuple[bytes, bytes]]:
    return [
        (b"ratelimit-limit", b"%d" % used.budget.limit),
        (b"ratelimit-remaining", b"%d" % used.remaining),
        (b"ratelimit-reset", b"%d" % max(1, math.ceil(used.reset_seconds))),
        (b"ratelimit-policy", policy.encode()),
    ]

"""What rate limits cost a request: `python -m tests.benchmarks.rate_limits`.

In this process, one thread: a bare ASGI app behind the middleware beside the same app without it, asked in turns. In
memory, with 10,000 sessions counted, and through a private Redis on a socket of this machine, if it is installed.
"""

import asyncio
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
from pydantic import SecretStr
from rich.console import Console
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.keys import KeyRing, environment_key
from api.metrics import Metrics
from api.rate_limits import RateLimits
from api.security import Gate
from api.tokens import SessionClaims, SessionTokens
from config.limit_settings import LimitSettings
from database.identity import UserKeys
from database.limit_counts import LimitCounts, SharedCounts
from tests.redis_server import start_redis

REQUESTS, SESSIONS, IN_TURN = 20_000, 10_000, 200
_WINDOW = LimitSettings.model_fields["rate_limit_window_seconds"].default
_WIDE = LimitSettings(rate_limit_keystrokes=(REQUESTS, 100 * REQUESTS, REQUESTS))


def main() -> int:
    console = Console(width=120)
    run = asyncio.run
    if sys.platform != "win32":
        import uvloop

        run = uvloop.run
    console.print(f"{REQUESTS:,} requests, microseconds added to each (p50, p99)")
    run(_measure("memory, address", LimitCounts(_WINDOW), console, tokens=False))
    run(_measure("memory, session and address", LimitCounts(_WINDOW), console, tokens=True))
    with TemporaryDirectory() as folder:
        try:
            server = start_redis(Path(folder))
        except FileNotFoundError as missing:
            console.print(f"Redis: not measured, {missing}")
            return 0
        try:
            shared = SharedCounts(server.url, 1.0)
            run(_measure("Redis, session and address", LimitCounts(_WINDOW, shared), console, tokens=True))
        finally:
            server.end()
    return 0


async def _measure(name: str, counts: LimitCounts, console: Console, *, tokens: bool) -> None:
    """Prints the difference of the medians and of the 99th percentiles of both."""
    signer = SessionTokens(b"a key for a measurement of nothing", 86_400)
    ring = KeyRing(environment_key(SecretStr("an admin key")))
    gate = Gate(signer, UserKeys(b"another key of sufficient length"), lambda: ring, False)
    headers: list[list[tuple[bytes, bytes]]] = [
        [(b"authorization", f"Bearer {signer.issue(SessionClaims(f'{number:032x}', 'u'))}".encode())] if tokens else []
        for number in range(SESSIONS)
    ]
    state = {"cadence": SimpleNamespace(gate=gate, limits=counts), "request_id": "0" * 32}
    generator = random.Random(1)
    with_limits, without = RateLimits(_answer, _WIDE, Metrics()), _answer
    times: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(REQUESTS // IN_TURN):
        for which, app in (("with", with_limits), ("without", without)):
            times[which] += await _ask(app, generator.choices(headers, k=IN_TURN), state)
    p50, p99 = np.quantile(times["with"], [0.5, 0.99]) - np.quantile(times["without"], [0.5, 0.99])
    console.print(f"{name:32} {1e6 * p50:8.1f} {1e6 * p99:8.1f}")
    await counts.close()


async def _ask(app: ASGIApp, headers: Sequence[list[tuple[bytes, bytes]]], state: dict[str, object]) -> list[float]:
    seconds = []
    for one in headers:
        scope = {
            "type": "http", "method": "POST", "path": "/autosuggest", "root_path": "",
            "client": ("203.0.113.9", 4_000), "headers": one, "state": state,
        }  # fmt: skip
        begun = time.perf_counter()
        await app(scope, _nothing, _nowhere)
        seconds.append(time.perf_counter() - begun)
    return seconds


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"{}"})


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _nowhere(_: Message) -> None:
    pass


if __name__ == "__main__":
    raise SystemExit(main())

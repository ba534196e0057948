"""A client of its own process that asks for everything a shop asks for, as fast as told: used by other benchmarks.

`python -m tests.benchmarks.mixed_load PORT QUERIES --rate R --seconds S` sends R requests a second at random moments
and waits for no answer before the next (open loop); without a rate a few connections each send as soon as they are
answered (closed loop). Of a hundred requests eighty are keystrokes, ten searches and ten events. It prints a line of
JSON for each `--period` seconds: what was answered, how fast, and whether refusals said when to come back.
"""

import argparse
import asyncio
import itertools
import json
import random
import sys
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from core.importing.queries import query_rows, read_queries
from core.text.normalize import normalize
from tests.benchmarks.keystroke_load import keystroke, request

CLOSED, OPEN_AT_MOST = 16, 600  # connections
SHARES = {"keystrokes": 80, "searches": 10, "events": 10}
UNSEEN_SHARE = 0.1  # of keystrokes: prefixes that nobody typed before, which the models are asked for
SESSIONS = 100  # whose prefixes, some 1,500, are typed again and again: a shop's shoppers type alike
IDLE_SECONDS = 3.0  # after five, uvicorn closes a connection, perhaps while a request is on its way
ANSWER_SECONDS = 20.0  # later than that there was none
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Answer:
    """`server_ms`: the answer's own `response_time_ms`. `again`: whether it says when to come back."""

    status: int
    seconds: float
    server_ms: float | None
    again: bool


class Connection(asyncio.Protocol):
    """One kept-alive connection of HTTP/1.1 with one request at a time."""

    def __init__(self) -> None:
        self.lost, self.used_at = False, 0.0
        self._received, self._sent_at = bytearray(), 0.0
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("closed by the server"))

    def ask(self, sent: bytes) -> "asyncio.Future[Answer]":
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        self._sent_at = time.perf_counter()
        self._transport.write(sent)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        received = self._received
        end = received.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        head = bytes(received[:end]).lower()
        length = int(head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0])
        if len(received) < end + 4 + length:
            return
        seconds, named = time.perf_counter() - self._sent_at, received.find(b'"response_time_ms":', end)
        server_ms = float(received[named + 19 : received.index(b",", named)]) if named >= 0 else None
        answer = Answer(int(head[9:12]), seconds, server_ms, b"\r\nretry-after:" in head)
        received.clear()
        self.used_at = time.perf_counter()
        if not self._answer.done():
            self._answer.set_result(answer)

    @property
    def closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def close(self) -> None:
        if self._transport:
            self._transport.close()


async def connected(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


@dataclass
class Period:
    """What was seen in a stretch of time."""

    statuses: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in SHARES})
    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in SHARES})  # of 200s
    server_ms: list[float] = field(default_factory=list)  # of keystrokes
    lag: list[float] = field(default_factory=list)  # from when a request was due to when it was sent
    slowest_refusal: float = 0.0  # seconds
    silent: int = 0  # refusals that did not say when to come back
    unsent: int = 0  # no connection was free

    def add(self, kind: str, answer: Answer) -> None:
        self.statuses[kind][str(answer.status)] += 1
        if answer.status == 200:
            self.seconds[kind].append(answer.seconds)
            if kind == "keystrokes" and answer.server_ms is not None:
                self.server_ms.append(answer.server_ms)
        else:
            self.slowest_refusal = max(self.slowest_refusal, answer.seconds)
            self.silent += not answer.again

    def figures(self, length: float) -> dict[str, object]:
        return {
            "length": length,
            "statuses": {kind: dict(counts) for kind, counts in self.statuses.items()},
            "client_ms": {kind: _quantiles([1e3 * one for one in seen]) for kind, seen in self.seconds.items()},
            "server_ms": _quantiles(self.server_ms),
            "lag_ms": _quantiles([1e3 * one for one in self.lag]),
            "slowest_refusal": round(self.slowest_refusal, 2),
            "silent": self.silent,
            "unsent": self.unsent,
        }


def _quantiles(values: list[float]) -> list[float]:
    """p50, p99 and the largest."""
    return [round(float(one), 2) for one in np.quantile(values, [0.5, 0.99, 1.0])] if values else [0.0, 0.0, 0.0]


def requests(queries: list[str], generator: random.Random) -> Iterator[tuple[str, bytes]]:
    """Without end: the kind, and what is sent."""
    warm = [
        keystroke(query[:end], f"warm-{number}")
        for number, query in enumerate(generator.choices(queries, k=SESSIONS))
        for end in range(1, min(len(query), 40) + 1)
    ]
    kinds, weights = list(SHARES), list(SHARES.values())
    for number in itertools.count():
        [kind] = generator.choices(kinds, weights)
        query = generator.choice(queries)
        if kind == "searches":
            yield kind, request("/search", {"query": query, "max_results": 10, "session_id": f"s-{number % SESSIONS}"})
        elif kind == "events":
            event = {"user_id": f"u-{number % SESSIONS}", "session_id": f"s-{number % SESSIONS}", "query": query}
            yield kind, request("/engagement", {**event, "action_type": "search", "event_id": str(uuid.uuid4())})
        elif generator.random() < UNSEEN_SHARE:
            letters = "".join(generator.choices(_LETTERS, k=generator.randint(2, 4)))
            yield kind, keystroke(f"{query[:30]} {letters}", f"unseen-{number}")
        else:
            yield kind, generator.choice(warm)


class Load:
    """Sends, and prints a period after the other."""

    def __init__(self, port: int, asked: Iterator[tuple[str, bytes]], period: float) -> None:
        self._port, self._asked, self._length = port, asked, period
        self._period, self._said = Period(), False
        self._begun = time.perf_counter()

    async def closed(self, seconds: float) -> None:
        stop = time.perf_counter() + seconds

        async def keep_asking() -> None:
            connection = await connected(self._port)
            while time.perf_counter() < stop:
                kind, sent = next(self._asked)
                connection = await self._answered(connection, kind, sent) or await connected(self._port)
            connection.close()

        printing = asyncio.create_task(self._print())
        await asyncio.gather(*(keep_asking() for _ in range(CLOSED)))
        printing.cancel()
        self._say()

    async def open(self, rate: float, seconds: float, generator: random.Random) -> None:
        free, opened = deque[Connection](), 0
        printing = asyncio.create_task(self._print())

        async def ask(kind: str, sent: bytes, due: float) -> None:
            nonlocal opened
            connection = free.pop() if free else None
            if connection is not None and time.perf_counter() - connection.used_at > IDLE_SECONDS:
                connection.close()
            if connection is not None and (connection.lost or connection.closing):
                opened, connection = opened - 1, None
            if connection is None:
                if opened >= OPEN_AT_MOST:
                    self._period.unsent += 1
                    return
                opened += 1
                try:
                    connection = await connected(self._port)
                except OSError as error:
                    opened -= 1
                    self._period.statuses[kind][type(error).__name__] += 1
                    return
            self._period.lag.append(time.perf_counter() - due)
            kept = await self._answered(connection, kind, sent)
            if kept is None:
                opened -= 1
            else:
                free.append(kept)

        begun = due = time.perf_counter()
        async with asyncio.TaskGroup() as asking:
            while due - begun < seconds:
                kind, sent = next(self._asked)
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                asking.create_task(ask(kind, sent, due))
                due += generator.expovariate(rate)
        printing.cancel()
        self._say()

    async def _answered(self, connection: Connection, kind: str, sent: bytes) -> Connection | None:
        """The connection, if it goes on."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await connection.ask(sent)
            self._period.add(kind, answer)  # the one of now, not of when it was asked
            return connection
        except (TimeoutError, OSError) as error:
            self._period.statuses[kind][type(error).__name__] += 1
            connection.close()
            return None

    async def _print(self) -> None:
        while True:
            await asyncio.sleep(self._length)
            self._say()

    def _say(self) -> None:
        now, period = time.perf_counter(), self._period
        if self._said and now - self._begun < 0.2 * self._length:
            return  # the end of the last period, too short to say anything
        self._said = True
        print(json.dumps(period.figures(now - self._begun)), flush=True)
        self._begun, self._period = now, Period()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("queries", type=Path, help="file of queries that are typed as often as they were searched")
    parser.add_argument("--rate", type=float, help="requests a second; without it the loop is closed")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--period", type=float, default=30.0, help="seconds that a line is about")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rows = query_rows(read_queries(options.queries)[0])
    queries = [query for row in rows for query in [normalize(row.query)[:80]] * row.count if query]
    generator = random.Random(options.seed)
    load = Load(options.port, requests(queries, generator), options.period)
    run = asyncio.run
    if sys.platform != "win32":
        import uvloop

        run = uvloop.run
    if options.rate is None:
        run(load.closed(options.seconds))
    else:
        run(load.open(options.rate, options.seconds, generator))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

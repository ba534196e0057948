"""A client that types: `/autosuggest` over HTTP from one process, beside the empty route of the same server.

Connections are kept alive and carry one request at a time. Times are taken where the last byte of an answer arrives;
what the client itself costs (some 50 µs) is in all of them, the empty route's too.
"""

import asyncio
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from api.schemas.autosuggest import AutosuggestRequest
from tests.benchmarks.empty_route import PATH as EMPTY_PATH

SESSIONS = 200  # typed letter by letter: fewer distinct prefixes than the service keeps finished lists
SEARCHED_BEFORE = 3  # queries of a session that is not new
UNSEEN_SHARE = 0.2  # of mixed traffic
MANY = 16  # connections that keep the server busy
_CONNECTIONS_AT_MOST = 256  # of the open loop
_LONGEST = next(one.max_length for one in AutosuggestRequest.model_fields["query_prefix"].metadata)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Answer:
    """`seconds` from sending to the last byte; `server_ms`: the answer's own `response_time_ms`, if it has one."""

    status: int
    seconds: float
    server_ms: float | None


@dataclass(frozen=True)
class Traffic:
    """Requests ready to be sent. `warm`: sessions typed letter by letter; `known`: the same with earlier searches."""

    warm: Sequence[bytes]
    known: Sequence[bytes]
    empty: Sequence[bytes]
    searches: Sequence[bytes]  # what the sessions of `known` searched before
    unseen: Sequence[str]  # prefixes that nobody asked before, each to be used once


@dataclass
class Spent:
    """What an open loop saw. `lag`: seconds from the moment when a request was due to its sending."""

    answers: list[Answer] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)
    seconds: float = 0.0


class Connection(asyncio.Protocol):
    """One kept-alive connection of HTTP/1.1; ask again only after the answer."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._sent_at = 0.0
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError("the server closed the connection"))

    def post(self, request: bytes) -> "asyncio.Future[Answer]":
        assert self._transport
        answer = self._answer = asyncio.get_running_loop().create_future()
        self._sent_at = time.perf_counter()
        self._transport.write(request)
        return answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        received = self._received
        end = received.find(b"\r\n\r\n")
        if end < 0 or self._answer is None:
            return
        at = received.lower().index(b"content-length:", 0, end) + 15
        if len(received) < end + 4 + int(received[at : received.index(b"\r\n", at)]):
            return
        seconds = time.perf_counter() - self._sent_at
        status, named = int(received[9:12]), received.find(b'"response_time_ms":', end)
        server_ms = float(received[named + 19 : received.index(b",", named)]) if named >= 0 else None
        received.clear()
        self._answer.set_result(Answer(status, seconds, server_ms))

    def close(self) -> None:
        if self._transport:
            self._transport.close()


def request(path: str, body: Mapping[str, object]) -> bytes:
    """A POST, ready to be sent."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def keystroke(prefix: str, session: str, path: str = "/autosuggest") -> bytes:
    return request(path, {"query_prefix": prefix, "session_id": session})


def traffic(queries: Sequence[str], generator: random.Random, unseen: int) -> Traffic:
    """Made of normalised `queries`, as often as they were searched; `unseen` prefixes are made up."""
    typed = [query[: min(len(query), _LONGEST)] for query in generator.choices(queries, k=SESSIONS)]
    keystrokes = [(query[:end], number) for number, query in enumerate(typed) for end in range(1, len(query) + 1)]
    searches = [
        request(
            "/engagement",
            {"user_id": f"k{number}", "session_id": f"known-{number}", "action_type": "search", "query": query[:500]},
        )
        for number in range(SESSIONS)
        for query in generator.choices(queries, k=SEARCHED_BEFORE)
    ]
    seen = {prefix for prefix, _ in keystrokes}
    made_up = list[str]()
    while len(made_up) < unseen:
        longer = f"{generator.choice(queries)} {_continued(queries, generator)}"[:_LONGEST]
        if longer not in seen:
            seen.add(longer)
            made_up.append(longer)
    return Traffic(
        [keystroke(prefix, f"new-{number}") for prefix, number in keystrokes],
        [keystroke(prefix, f"known-{number}") for prefix, number in keystrokes],
        [keystroke(prefix, f"new-{number}", EMPTY_PATH) for prefix, number in keystrokes],
        searches,
        made_up,
    )


def _continued(queries: Sequence[str], generator: random.Random) -> str:
    """A word of another query, perhaps half-typed, or a few letters."""
    if generator.random() < 0.5:
        word = generator.choice(generator.choice(queries).split())
        return word[: generator.randint(1, len(word))]
    return "".join(generator.choices(_LETTERS, k=generator.randint(1, 4)))


def mixed(traffic: Traffic, generator: random.Random) -> Iterator[bytes]:
    """Warm keystrokes, and `UNSEEN_SHARE` of prefixes never asked before, for as long as there are such."""
    for number, prefix in enumerate(traffic.unseen):
        yield from generator.choices(traffic.warm, k=round(1 / UNSEEN_SHARE) - 1)
        yield keystroke(prefix, f"unseen-{number // 10}")


async def connected(port: int) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return connection


async def one_by_one(port: int, *kinds: Sequence[bytes], rounds: int = 1) -> list[list[Answer]]:
    """The answers to each kind, asked in turn on one connection, so that all kinds see the same machine."""
    connection = await connected(port)
    answers: list[list[Answer]] = [[] for _ in kinds]
    for _ in range(rounds):
        for requests in zip(*kinds, strict=True):
            for sent, received in zip(requests, answers, strict=True):
                received.append(await connection.post(sent))
    connection.close()
    return answers


async def saturation(port: int, requests: Iterator[bytes], seconds: float) -> float:
    """Answers per second when `MANY` connections each send their next request as soon as they are answered."""
    stop = time.perf_counter() + seconds

    async def keep_asking() -> int:
        connection, answered = await connected(port), 0
        while time.perf_counter() < stop and (sent := next(requests, None)) is not None:
            await connection.post(sent)
            answered += 1
        connection.close()
        return answered

    begun = time.perf_counter()
    answered = sum(await asyncio.gather(*(keep_asking() for _ in range(MANY))))
    return answered / (time.perf_counter() - begun)


async def at_rate(
    port: int, requests: Iterator[bytes], rate: float, count: int, seconds: float, generator: random.Random
) -> Spent:
    """Sends up to `count` requests for up to `seconds`, `rate` a second at random moments (a Poisson process).

    Nothing waits for an answer: a request finds a free connection, or opens one.
    """
    spent, free = Spent(), list[Connection]()
    opened = 0

    async def ask(sent: bytes, due: float) -> None:
        nonlocal opened
        if free:
            connection = free.pop()
        elif opened < _CONNECTIONS_AT_MOST:
            opened += 1
            connection = await connected(port)
        else:
            raise RuntimeError(f"{_CONNECTIONS_AT_MOST} requests wait: {rate:.0f} a second are too many")
        spent.lag.append(time.perf_counter() - due)
        spent.answers.append(await connection.post(sent))
        free.append(connection)

    begun = due = time.perf_counter()
    async with asyncio.TaskGroup() as asking:
        for sent in islice(requests, count):
            due += generator.expovariate(rate)
            if due - begun > seconds:
                break
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            asking.create_task(ask(sent, due))
    spent.seconds = time.perf_counter() - begun
    for connection in free:
        connection.close()
    return spent

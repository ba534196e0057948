"""A client that sends events: shoppers' acts with ids of the client's making, over kept-alive connections."""

import asyncio
import json
import random
import sqlite3
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from tests.benchmarks.keystroke_load import request

Body = Mapping[str, object]

_PRODUCT_ACTIONS = ("view", "view", "click", "click", "add_to_cart", "purchase")
_SEARCH_SHARE, _LATE_SHARE = 0.2, 0.05
_LATEST = 20 * 3_600  # seconds: within the day that the service takes events of


@dataclass(frozen=True, slots=True)
class Reply:
    """`seconds` from sending to the last byte."""

    status: int
    body: bytes
    seconds: float


class EventMaker:
    """Events of many users, each with a number of its own in `additional_data`."""

    def __init__(self, generator: random.Random, home: Path, users: int) -> None:
        self._generator, self._users, self.made = generator, users, 0
        self.late_share = _LATE_SHARE
        with sqlite3.connect(home / "cadence.sqlite3") as connection:
            self._products = [row[0] for row in connection.execute("SELECT product_id FROM products")]
            self._queries = [row[0] for row in connection.execute("SELECT normalized FROM query_log LIMIT 1000")]

    def make(self) -> dict[str, object]:
        """One event; a twentieth of them (`late_share`) happened hours ago and come late."""
        pick, self.made = self._generator, self.made + 1
        user = pick.randrange(self._users)
        body: dict[str, object] = {
            "event_id": str(uuid.UUID(int=pick.getrandbits(128), version=4)),
            "user_id": f"u{user}",
            "session_id": f"visit-{user}-{pick.randrange(3)}",
            "additional_data": {"number": self.made},
        }
        if pick.random() < _SEARCH_SHARE:
            body |= {"action_type": "search", "query": pick.choice(self._queries)}
        else:
            body |= {"action_type": pick.choice(_PRODUCT_ACTIONS), "item_id": pick.choice(self._products)}
        if pick.random() < self.late_share:
            body["timestamp"] = (datetime.now(UTC) - timedelta(seconds=pick.uniform(60, _LATEST))).isoformat()
        return body


def single(event: Body) -> bytes:
    return request("/engagement", event)


def batch(events: Sequence[Body]) -> bytes:
    return request("/engagement/batch", {"events": list(events)})


class EventConnection(asyncio.Protocol):
    """One kept-alive connection; ask again only after the reply. A connection that breaks raises ConnectionError."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._sent_at = 0.0
        self._reply: asyncio.Future[Reply] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self._reply and not self._reply.done():
            self._reply.set_exception(ConnectionResetError("the server closed the connection"))

    async def send(self, content: bytes) -> Reply:
        if self._transport is None:
            raise ConnectionResetError("the server closed the connection")
        self._reply = asyncio.get_running_loop().create_future()
        self._sent_at = time.perf_counter()
        self._transport.write(content)
        return await self._reply

    def data_received(self, data: bytes) -> None:
        self._received += data
        received = self._received
        end = received.find(b"\r\n\r\n")
        if end < 0 or self._reply is None:
            return
        at = received.lower().index(b"content-length:", 0, end) + 15
        if len(received) < end + 4 + int(received[at : received.index(b"\r\n", at)]):
            return
        reply = Reply(int(received[9:12]), bytes(received[end + 4 :]), time.perf_counter() - self._sent_at)
        received.clear()
        self._reply.set_result(reply)

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport:
            self._transport.close()


@dataclass
class Pool:
    """Connections to one port, opened as they are needed."""

    port: int
    free: list[EventConnection] = field(default_factory=list)

    async def send(self, content: bytes) -> Reply:
        """Raises ConnectionError where the service is away; whether it has heard of the request is then unknown."""
        self.free = [one for one in self.free if one.is_open]  # the service closes what is idle for five seconds
        connection = self.free.pop() if self.free else await connected(self.port)
        reply = await connection.send(content)
        self.free.append(connection)
        return reply

    def close(self) -> None:
        for connection in self.free:
            connection.close()
        self.free.clear()


async def connected(port: int) -> EventConnection:
    _, connection = await asyncio.get_running_loop().create_connection(EventConnection, "127.0.0.1", port)
    return connection


def stored_ids(reply: Reply, events: Sequence[Body]) -> set[str]:
    """The event ids that a 200 vouches for. Raises AssertionError for a reply that no event of ours deserves."""
    if reply.status == 503:
        return set()
    assert reply.status == 200, reply
    answer = json.loads(reply.body)
    results = answer.get("results", [answer])
    ids = {result["event_id"] for result in results if result["success"]}
    assert ids == {event["event_id"] for event in events}, answer
    return ids

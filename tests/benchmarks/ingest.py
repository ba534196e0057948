"""How many events a second, and what do keystrokes feel of it? `python -m tests.benchmarks.ingest`.

Starts the service on a small trained shop of its own (20,000 shoppers, each event on disk and in its profile before the
reply) and sends, from this process on the same machine: keystrokes alone; batches of 100 at `--batch-rate` events a
second with the same keystrokes beside them; single events at `--single-rate` with the keystrokes again. Requests are
due at random moments (a Poisson process) whatever became of those before; times run from the moment when a request was
due, so that a client that falls behind does not look fast. So far the service sheds load as it does by default, events
before keystrokes; what it refuses is counted. Then both kinds as fast as they are answered by a service that refuses
nothing, and by one that commits each event alone (`commit_per_event`). At the end the writer without HTTP, both ways.

Exit status 1 where a target is missed. One in a hundred events comes hours late, so that its profile is folded again.
"""

import argparse
import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import uvloop
from rich.console import Console
from rich.table import Table

from core.domain import Action, Engagement
from database.connection import Database
from database.writer import EventWriter
from tests.benchmarks.commit_per_event import OneEventPerCommit
from tests.benchmarks.event_load import EventMaker, Pool, batch, single
from tests.benchmarks.keystroke_load import traffic
from tests.benchmarks.own_server import home_of_a_shop, running_group

_USERS, _BATCH, _LATE_SHARE = 20_000, 100, 0.01
_KEYSTROKES = 30.0  # a second
_CONNECTIONS = 256  # of a paced phase at most: fewer than a socket lets queue
_SATURATING, _SATURATING_ONE = 16, 64  # connections, for batches and for single events
_WRITER_EVENTS = 3_000
_ALONE = ("--factory", "tests.benchmarks.commit_per_event:create")


@dataclass
class Phase:
    """Milliseconds from the moment when a request was due to its last byte, by kind of request."""

    events: int = 0
    seconds: float = 0.0
    refused: int = 0
    ms: list[float] = field(default_factory=list)
    keystroke_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.events / self.seconds


async def paced(
    pool: Pool, requests: Sequence[bytes], rate: float, generator: random.Random, phase: list[float]
) -> int:
    """Sends all, `rate` a second; how many were refused."""
    refused = 0
    at_once = asyncio.Semaphore(_CONNECTIONS)  # where the service falls behind, requests wait here: their time counts

    async def ask(content: bytes, due: float) -> None:
        nonlocal refused
        async with at_once:
            reply = await pool.send(content)
        phase.append((time.perf_counter() - due) * 1_000)
        refused += reply.status == 503
        assert reply.status in (200, 503), reply

    due = time.perf_counter()
    async with asyncio.TaskGroup() as asking:
        for content in requests:
            due += generator.expovariate(rate)
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            asking.create_task(ask(content, due))
    return refused


async def saturated(port: int, requests: Sequence[bytes], events_each: int, connections: int, seconds: float) -> float:
    """Events a second when each connection sends its next request as soon as it is answered."""
    pool, left, stored = Pool(port), iter(requests), 0
    begun = time.perf_counter()

    async def keep_sending() -> None:
        nonlocal stored
        while time.perf_counter() - begun < seconds and (content := next(left, None)) is not None:
            reply = await pool.send(content)
            assert reply.status == 200, reply
            stored += events_each

    await asyncio.gather(*(keep_sending() for _ in range(connections)))
    took = time.perf_counter() - begun
    pool.close()
    return stored / took


class Load:
    """Requests for all phases, from one seed."""

    def __init__(self, home: Path, seed: int) -> None:
        self.generator = random.Random(seed)
        self._maker = EventMaker(self.generator, home, _USERS)
        self._maker.late_share = _LATE_SHARE
        with sqlite3.connect(home / "cadence.sqlite3") as connection:
            queries = [row[0] for row in connection.execute("SELECT normalized FROM query_log WHERE normalized <> ''")]
        self._keystrokes = traffic(queries, self.generator, 0).warm

    def batches(self, number: int) -> list[bytes]:
        return [batch([self._maker.make() for _ in range(_BATCH)]) for _ in range(number)]

    def singles(self, number: int) -> list[bytes]:
        return [single(self._maker.make()) for _ in range(number)]

    def keystrokes(self, seconds: float) -> list[bytes]:
        return self.generator.choices(self._keystrokes, k=round(_KEYSTROKES * seconds))

    @property
    def all_keystrokes(self) -> Sequence[bytes]:
        return self._keystrokes


async def beside_keystrokes(
    port: int, load: Load, requests: Sequence[bytes], events_each: int, rate: float, seconds: float
) -> Phase:
    """`requests` at `rate` a second, with keystrokes of other sessions beside them."""
    phase, pool = Phase(), Pool(port)
    typed = load.keystrokes(seconds)
    begun = time.perf_counter()
    typing = asyncio.create_task(paced(Pool(port), typed, _KEYSTROKES, load.generator, phase.keystroke_ms))
    phase.refused = await paced(pool, requests, rate, load.generator, phase.ms)
    phase.events, phase.seconds = events_each * (len(requests) - phase.refused), time.perf_counter() - begun
    await typing
    pool.close()
    return phase


async def measured(port: int, load: Load, options: argparse.Namespace) -> dict[str, Phase]:
    """The paced phases."""
    pool = Pool(port)
    for content in load.all_keystrokes:
        await pool.send(content)
    pool.close()
    seconds = options.seconds
    idle = Phase(seconds=seconds)
    await paced(Pool(port), load.keystrokes(seconds), _KEYSTROKES, load.generator, idle.keystroke_ms)
    batches = round(options.batch_rate * seconds / _BATCH)
    singles = round(options.single_rate * seconds)
    return {
        "keystrokes alone": idle,
        "batches": await beside_keystrokes(
            port, load, load.batches(batches), _BATCH, options.batch_rate / _BATCH, seconds
        ),
        "single events": await beside_keystrokes(port, load, load.singles(singles), 1, options.single_rate, seconds),
    }


async def fastest(port: int, load: Load, seconds: float) -> tuple[float, float]:
    """Events a second in batches and one by one, as fast as they are answered."""
    in_batches = await saturated(port, load.batches(round(100 * seconds)), _BATCH, _SATURATING, seconds)
    return in_batches, await saturated(port, load.singles(round(2_500 * seconds)), 1, _SATURATING_ONE, seconds)


async def writer_rate(kind: type[EventWriter]) -> float:
    """Events a second without HTTP: all handed over at once."""
    with tempfile.TemporaryDirectory(prefix="cadence-") as folder:
        database = Database(f"sqlite+aiosqlite:///{Path(folder) / 'cadence.sqlite3'}")
        await database.migrate()
        writer = kind(database)
        writer.start()
        first = Engagement("", Action.VIEW, datetime.now(UTC), "s", item_id="p")
        events = [replace(first, event_id=f"e{number}", user_key=f"u{number}") for number in range(_WRITER_EVENTS)]
        begun = time.perf_counter()
        await asyncio.gather(*(writer.append(event) for event in events))
        took = time.perf_counter() - begun
        await writer.close()
        await database.dispose()
        return len(events) / took


@dataclass(frozen=True, slots=True)
class Row:
    """A figure, and what it must reach."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def missed(self) -> bool:
        too_little = self.at_least is not None and self.value < self.at_least
        return too_little or (self.at_most is not None and self.value > self.at_most)

    @property
    def target(self) -> str:
        if self.at_least is not None:
            return f"≥ {self.at_least:,.0f}"
        return "" if self.at_most is None else f"≤ {self.at_most:,.0f}"


def percentile(times: Sequence[float], share: float) -> float:
    return float(np.percentile(times, 100 * share))


def rows(phases: dict[str, Phase], rates: dict[str, tuple[float, float]]) -> Iterator[Row]:
    idle = percentile(phases["keystrokes alone"].keystroke_ms, 0.99)
    yield Row("keystrokes alone, p50 ms", percentile(phases["keystrokes alone"].keystroke_ms, 0.5))
    yield Row("keystrokes alone, p99 ms", idle)
    for name, at_least in (("batches", 3_000.0), ("single events", 800.0)):
        phase = phases[name]
        yield Row(f"{name}: events a second, {phase.seconds:.0f} s", phase.rate, at_least)
        yield Row(f"{name}: told to come back (503)", phase.refused)
        yield Row(f"{name}: request p50 ms", percentile(phase.ms, 0.5))
        p99 = percentile(phase.ms, 0.99)
        yield Row(f"{name}: request p99 ms", p99, at_most=25.0 if name == "single events" else None)
        yield Row(f"{name}: keystroke p50 ms", percentile(phase.keystroke_ms, 0.5))
        busy = percentile(phase.keystroke_ms, 0.99)
        yield Row(f"{name}: keystroke p99 ms", busy)
        yield Row(f"{name}: keystroke p99 / alone", busy / idle, at_most=2.0)
    for at, name in enumerate(("in batches", "one by one")):
        grouped, alone = rates["grouped"][at], rates["alone"][at]
        yield Row(f"as fast as it goes, {name}: events a second", grouped)
        yield Row(f"as fast as it goes, {name}, a commit each", alone)
        # A single event costs a request, too, which is most of it: only batches can show what the commits cost.
        yield Row(f"as fast as it goes, {name}: ratio", grouped / alone, 5.0 if name == "in batches" else None)
    grouped, alone = rates["writer"]
    yield Row("writer without HTTP: events a second", grouped)
    yield Row("writer without HTTP, a commit each", alone)
    yield Row("writer without HTTP: ratio", grouped / alone, 5.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="of each paced phase")
    parser.add_argument("--batch-rate", type=float, default=3_300, help="events a second in batches")
    parser.add_argument("--single-rate", type=float, default=830, help="single events a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help="keeps the trained shop here for the next run (default: nowhere)")
    options = parser.parse_args()
    rates: dict[str, tuple[float, float]] = {}
    with home_of_a_shop(options.work) as home, running_group(home) as server:
        load = Load(home, options.seed)
        phases = uvloop.run(measured(server.port, load, options))
    with home_of_a_shop(options.work) as home, running_group(home, SHED_LOAD="false") as server:
        load = Load(home, options.seed)
        rates["grouped"] = uvloop.run(fastest(server.port, load, options.seconds / 3))
    with home_of_a_shop(options.work) as home, running_group(home, app=_ALONE, SHED_LOAD="false") as server:
        rates["alone"] = uvloop.run(fastest(server.port, Load(home, options.seed), options.seconds / 3))
    rates["writer"] = uvloop.run(writer_rate(EventWriter)), uvloop.run(writer_rate(OneEventPerCommit))
    found = list(rows(phases, rates))
    table = Table("figure", "value", "target", title="ingest")
    for row in found:
        table.add_row(row.name, f"{row.value:,.1f}", row.target, style="red" if row.missed else "")
    Console().print(table)
    return 1 if any(row.missed for row in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())

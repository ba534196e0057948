"""Is an acknowledged event ever lost? `python -m tests.benchmarks.durability --kills 50 --rate 1000`.

Starts the service on a small trained shop, sends it single events and batches with ids of the client's making, kills
its whole process group with SIGKILL at a random moment, starts it again on the same home and repeats what was not
acknowledged under the same ids. One kill in five is followed by another one while the service starts, one in five
strikes while what was open is being repeated. After every restart, what was acknowledged must be in the table, and the
profiles of whoever was busy must be the folds of their logs; at the end every event must be there exactly once, and
every profile hold.

A killed process loses nothing that it has handed to the kernel; a power cut does. So the second part watches the system
calls (`strace`): between the arrival of a request and its 200, each of its events must have been written to the
write-ahead log, and an fdatasync of that file that began later must have returned.

The exit status is 1 where anything is lost, twice there, or replied too early. `--skip-trace` leaves out the
second part.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, select

from database.connection import Database
from database.models import events
from database.repositories.profiles import compare, owner_of, owners
from database.repositories.statements import chunks
from tests.benchmarks.event_load import Body, EventMaker, Pool, batch, single, stored_ids
from tests.benchmarks.own_server import home_of_a_shop, kill_group, start_group
from tests.benchmarks.sync_trace import trace_refusal, traced
from tests.e2e.server import Server, free_port

_USERS = 1_000
_BATCH, _SINGLE_SHARE = 25, 0.2  # of the events
_FIRST_KILL, _LAST_KILL = 0.3, 2.5  # seconds of traffic
_KILL_STARTING = 0.2  # share of kills that are followed by one while the service starts
_STARTING = 4.0  # seconds at most
_KILL_REPEATING = 0.2  # share of kills before all is repeated that was open
_REPEATING = 4  # connections


class Shopfloor:
    """What was sent, what of it was acknowledged, and what is wrong with what is stored."""

    def __init__(self, home: Path, maker: EventMaker, rate: float, generator: random.Random) -> None:
        self.maker, self.rate, self.generator = maker, rate, generator
        self.sent: dict[str, Body] = {}
        self.acknowledged: set[str] = set()
        self.repeated = self.refused = self.lost = self.wrong_profiles = self.compared = 0
        self.path = home / "cadence.sqlite3"
        self._database = Database(f"sqlite+aiosqlite:///{self.path}")

    @property
    def open(self) -> list[Body]:
        """What nobody has acknowledged."""
        return [body for event_id, body in self.sent.items() if event_id not in self.acknowledged]

    async def send(self, pool: Pool, some: Sequence[Body]) -> None:
        """A connection that breaks leaves the events open: they will be sent again."""
        try:
            reply = await pool.send(single(some[0]) if len(some) == 1 else batch(some))
        except (ConnectionError, OSError):
            return
        self.refused += reply.status == 503
        self.acknowledged |= stored_ids(reply, some)

    async def trade(self, server: Server, seconds: float) -> set[str]:
        """Sends until the service is killed, `seconds` from now; returns the ids of what was sent."""
        pool, touched = Pool(server.port), set[str]()
        begun = time.perf_counter()
        due, killed = begun, begun + seconds
        async with asyncio.TaskGroup() as asking:
            while time.perf_counter() < killed:
                alone = self.generator.random() < _SINGLE_SHARE / (_SINGLE_SHARE + (1 - _SINGLE_SHARE) / _BATCH)
                some = [self.maker.make() for _ in range(1 if alone else _BATCH)]
                ids = [str(body["event_id"]) for body in some]
                due += self.generator.expovariate(self.rate / len(some))
                if (wait := min(due, killed) - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                self.sent.update(zip(ids, some, strict=True))
                touched.update(ids)
                asking.create_task(self.send(pool, some))
            kill_group(server)
        pool.close()
        return touched

    async def settle(self, server: Server, killed_after: float | None = None) -> set[str]:
        """Repeats until everything is acknowledged, or the service is killed; returns the ids of what was sent."""
        pool, again, begun = Pool(server.port), self.open, time.perf_counter()
        self.repeated += len(again)
        left = list(chunks(again, _BATCH))

        async def repeat() -> None:
            while left and server.process.poll() is None:
                if killed_after is not None and time.perf_counter() - begun > killed_after:
                    kill_group(server)
                await self.send(pool, left.pop())

        await asyncio.gather(*(repeat() for _ in range(_REPEATING)))
        pool.close()
        if killed_after is None and self.open:  # it was told to come back
            await self.settle(server)
        return {str(body["event_id"]) for body in again}

    async def check(self, event_ids: Iterable[str] | None = None) -> None:
        """Counts what is missing, and profiles that are not their logs' folds (None: everybody's)."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            there = {row[0] for row in connection.execute("SELECT event_id FROM events")}
        self.lost += len(self.acknowledged - there)
        found = partial(_touched, event_ids=None if event_ids is None else sorted(event_ids))
        wrong, compared = await self._database.read(lambda connection: _wrong(connection, found(connection)))
        self.wrong_profiles += wrong
        self.compared += compared

    async def twice(self) -> int:
        """Events that were stored more than once, by the number that each carries inside."""
        numbers = "SELECT count(*) - count(DISTINCT json_extract(additional_data, '$.number')) FROM events"
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as connection:
            ours = numbers + " WHERE json_extract(additional_data, '$.number') IS NOT NULL"
            return int(connection.execute(ours).fetchone()[0])

    async def close(self) -> None:
        await self._database.dispose()


def _touched(connection: Connection, event_ids: Sequence[str] | None) -> list[str]:
    if event_ids is None:
        return owners(connection)
    found: set[str] = set()
    for some in chunks(event_ids):
        rows = connection.execute(select(events.c.user_key, events.c.session_id).where(events.c.event_id.in_(some)))
        found |= {owner for row in rows if (owner := owner_of(*row)) is not None}
    return sorted(found)


def _wrong(connection: Connection, some: Sequence[str]) -> tuple[int, int]:
    return sum(not compare(connection, owner) for owner in some), len(some)


async def killed(home: Path, kills: int, rate: float, seed: int, console: Console) -> dict[str, int]:
    """Runs the first part; the figures of its table."""
    generator = random.Random(seed)
    floor = Shopfloor(home, EventMaker(generator, home, _USERS), rate, generator)
    port, while_starting, while_repeating, busy, touched = free_port(), 0, 0, 0.0, set[str]()
    for number in range(1, kills + 1):
        if generator.random() < _KILL_STARTING and number > 1:
            server = start_group(home, port=port)
            await asyncio.sleep(generator.uniform(0, _STARTING))
            kill_group(server)
            while_starting += 1
        server = start_group(home, port=port)
        try:
            await asyncio.to_thread(server.wait_until_ready)
            await floor.check(touched)
            if floor.open and generator.random() < _KILL_REPEATING:
                touched = await floor.settle(server, killed_after=0.0)
                while_repeating += 1
                continue
            touched = await floor.settle(server)
            seconds = generator.uniform(_FIRST_KILL, _LAST_KILL)
            touched |= await floor.trade(server, seconds)
            busy += seconds
        finally:
            if server.process.poll() is None:
                kill_group(server)
        if number % 5 == 0 or number == kills:
            console.print(
                f"{number} kills: {len(floor.sent):,} events, {len(floor.acknowledged):,} acknowledged, "
                f"{floor.lost} lost, {floor.wrong_profiles} wrong profiles"
            )
    server = start_group(home, port=port)
    try:
        await asyncio.to_thread(server.wait_until_ready)
        await floor.check(touched)
        await floor.settle(server)
        server.end()
    finally:
        if server.process.poll() is None:
            kill_group(server)
    await floor.check()
    figures = {
        "kills under load": kills - while_repeating,
        "kills while repeating": while_repeating,
        "kills while starting": while_starting,
        "events sent": len(floor.sent),
        "events a second, as sent": round(len(floor.sent) / busy),
        "events acknowledged": len(floor.acknowledged),
        "events sent again": floor.repeated,
        "requests told to come back (503)": floor.refused,
        "profiles compared": floor.compared,
        "acknowledged and not there": floor.lost,
        "sent and not there at the end": len(floor.sent) - len(floor.acknowledged),
        "there twice": await floor.twice(),
        "profiles that are not their logs' folds": floor.wrong_profiles,
    }
    await floor.close()
    return figures


FAULTS = (
    "acknowledged and not there",
    "sent and not there at the end",
    "there twice",
    "profiles that are not their logs' folds",
    "replied before it was on disk",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rate", type=float, default=1_000, help="events a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help="keeps the trained shop here for the next run (default: nowhere)")
    parser.add_argument("--skip-trace", action="store_true", help="without the system calls")
    options = parser.parse_args()
    console, figures = Console(), dict[str, int]()
    with home_of_a_shop(options.work) as home:
        if options.kills:
            figures |= asyncio.run(killed(home, options.kills, options.rate, options.seed, console))
        refusal = "not asked for" if options.skip_trace else trace_refusal()
        if refusal is None:
            figures |= asyncio.run(traced(home, EventMaker(random.Random(options.seed + 1), home, _USERS)))
        else:
            console.print(f"system calls not watched: {refusal}")
    table = Table("figure", "value", title="durability")
    for name, value in figures.items():
        bad = name in FAULTS and value
        table.add_row(name, f"{value:,}", style="red" if bad else "")
    console.print(table)
    faults = {name: figures[name] for name in FAULTS if figures.get(name)}
    if faults:
        console.print(f"FAILED: {json.dumps(faults)}", style="red")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The dashboard's stored counts say what a plain count of the log says, whatever came late and whoever counted when."""

import asyncio
import dataclasses
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from api.dashboard_answers import answer_from_counts, answer_from_log
from api.rollups import RollupFollower
from core.domain import Action, Engagement
from database.connection import Database
from database.models import rollup_state, rollups
from database.repositories.events import insert_new
from database.repositories.imports import SYNTHETIC, ImportRepository, remove_imports
from database.repositories.insights import Span
from database.repositories.lists import ListLog, ShownItem, insert_lists, items_text
from database.repositories.rollup_log import fold_span
from database.repositories.rollup_spans import Freshness, Stretches
from database.repositories.rollups import make_due, next_run, store, take_lease

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 3, 5, 14, 37, 12, tzinfo=UTC)
SPANS = [1, 30, 24 * 11]

STRETCHES = Stretches()  # of all these databases: a sum must not outlive its days


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class RandomLog:
    """Visits of the last two weeks, some over midnight, some that come back the next day, with whatever a log holds."""

    def __init__(self, seed: int, visits: int = 40, days: float = 13) -> None:
        self._draw = random.Random(seed)
        self.lists: list[ListLog] = []
        self.events: list[Engagement] = []
        self._name = f"{seed}"
        for number in range(visits):
            at = NOW - timedelta(days=days * self._draw.random() ** 2)
            session = f"s{self._name}-{number}"
            for _ in range(self._draw.choice([1, 1, 2])):
                self._visit(session, at)
                at = min(NOW, at + timedelta(hours=self._draw.choice([0.1, 0.6, 5, 20])))

    def _visit(self, session: str, at: datetime) -> None:
        draw = self._draw
        user = draw.choice([None, None, f"u{draw.randrange(8)}".ljust(64, "0")])
        for _ in range(draw.randint(1, 12)):
            at = min(NOW, at + timedelta(seconds=draw.choice([0.4, 0.4, 5, 29.7, 31, 600, 1_790, 1_801])))
            query = draw.choice(["red hat", "blue hat", "Shoe ", "lamp", f"rare {draw.randrange(40)}", "a@b.com"])
            kind = draw.random()
            if kind < 0.4:
                self._list("suggest", session, query[: draw.randrange(4)], at)
            elif kind < 0.6:
                self._list("search", session, query, at, empty=draw.random() < 0.3)
                if draw.random() < 0.8:
                    self._did(Action.SEARCH, session, at, user, query=query, request_id=self.lists[-1].request_id)
            elif kind < 0.7:
                self._list(draw.choice(["browse", "recommend"]), session, "", at)
            else:
                request = draw.choice([one.request_id for one in self.lists[-3:]] or [None])
                action = draw.choice(list(Action))
                said: dict[str, Any] = {"item_id": f"p{int(draw.paretovariate(0.7)) % 30}", "request_id": request}
                if action is Action.SUGGESTION_CLICK:
                    rank = draw.choice([1, 1, 2, 3, 14, None])
                    more = draw.choice([{"prefix": query[:2]}, {"prefix": 5}, {}, None])
                    said = {"query": query, "item_rank": rank, "additional_data": more, "request_id": request}
                self._did(action, draw.choice([session, session, session, None]), at, user, **said)

    def _list(self, kind: Any, session: str, query: str, at: datetime, *, empty: bool = False) -> None:
        items = [] if empty else [ShownItem("p1", 1, "relevance", 1.0)]
        arms = self._draw.choice([None, json.dumps({"look": self._draw.choice("ab")})])
        number = f"r{self._name}-{len(self.lists)}"
        self.lists.append(ListLog(number, kind, session, query, items_text(items), "v", at, experiments=arms))

    def _did(self, action: Action, session: str | None, at: datetime, user: str | None, **values: Any) -> None:
        number = f"e{self._name}-{len(self.events)}"
        self.events.append(Engagement(number, action, at, session, user, **values))


async def write(
    database: Database, lists: Sequence[ListLog], events: Sequence[Engagement], received_at: datetime, **values: Any
) -> None:
    def work(connection: Connection) -> None:
        insert_lists(connection, lists)
        insert_new(connection, events, received_at, **values)

    await database.commit(work)


async def compare(database: Database, now: datetime, *, hours: Sequence[int] = SPANS) -> None:
    end = now.replace(microsecond=0) + timedelta(seconds=1)

    def both(connection: Connection, span: Span) -> tuple[dict[str, Any], dict[str, Any], bool]:
        fresh = Freshness.of(connection, Span(span.before.start, span.end), now)
        from_log = answer_from_log(connection, span)
        return (
            answer_from_counts(connection, span, fresh, STRETCHES).model_dump(exclude={"stored_counts"}),
            from_log.model_dump(exclude={"stored_counts"}),
            fresh.is_complete,
        )

    for number in hours:
        span = Span(end - timedelta(hours=number), end)
        counted, plain, used = await database.count(partial(both, span=span))
        assert used
        for name, value in plain.items():
            assert counted[name] == pytest.approx(value, rel=1e-12) if name == "figures" else counted[name] == value, (
                number,
                name,
            )


@pytest.mark.parametrize("seed", [1, 2])
async def test_stored_counts_say_what_the_log_says(database: Database, seed: int) -> None:
    log, clock = RandomLog(seed), Clock(NOW)
    await write(database, log.lists, log.events, NOW - timedelta(minutes=1))
    follower = RollupFollower(database, 1, clock)
    assert await follower.refresh() > 15
    await compare(database, NOW)
    assert await database.read(lambda connection: connection.execute(select(rollups.c.start)).first()) is not None
    clock.now += timedelta(hours=3, minutes=11)
    assert await follower.refresh() == 3
    await compare(database, clock.now)


async def test_what_comes_late_is_counted_before_and_after_the_next_pass(database: Database) -> None:
    log, clock = RandomLog(4, days=2), Clock(NOW)
    late = [one for number, one in enumerate(log.events) if number % 3 == 0]
    await write(database, log.lists, [one for one in log.events if one not in late], NOW - timedelta(minutes=1))
    follower = RollupFollower(database, 1, clock)
    await follower.refresh()
    clock.now += timedelta(minutes=1)
    random.Random(0).shuffle(late)
    await write(database, [], late[:2], clock.now)
    await compare(database, clock.now)
    for few in (late[2:9], late[9:]):
        await write(database, [], few, clock.now)
        await follower.refresh()
        clock.now += timedelta(seconds=45)
    await compare(database, clock.now)


async def test_counting_in_any_order_gives_the_same(database: Database) -> None:
    log = RandomLog(5, days=3)
    await write(database, log.lists, log.events, NOW - timedelta(minutes=1))
    await RollupFollower(database, 1, Clock(NOW)).refresh()

    def stored(connection: Connection) -> dict[Any, bytes]:
        return {(row.grain, row.start): row.cells for row in connection.execute(select(rollups))}

    before = await database.read(stored)
    hours = [start for grain, start in before if grain == "hour"]
    random.Random(1).shuffle(hours)

    def again(connection: Connection) -> None:
        make_due(connection, hours)
        for hour in hours:
            store(connection, hour, hour + timedelta(hours=1), fold_span(connection, hour, hour + timedelta(hours=1)))
        assert next_run(connection) is None

    await database.commit(again)
    assert await database.read(stored) == before


async def test_an_import_is_counted_and_its_removal_too(database: Database) -> None:
    clock, log = Clock(NOW), RandomLog(6, days=4)
    await write(database, log.lists, [], NOW)
    follower = RollupFollower(database, 1, clock)
    await follower.refresh()
    async with database.transaction() as session:
        number = await ImportRepository(session).begin("events", "a file", "a" * 64, SYNTHETIC)
    assert number is not None
    clock.now += timedelta(minutes=1)
    await write(database, [], log.events, clock.now, import_id=number)
    await follower.refresh()
    await compare(database, clock.now, hours=[30])
    await remove_imports(database, [number])
    clock.now += timedelta(minutes=1)
    await follower.refresh()
    await compare(database, clock.now, hours=[24 * 11])


async def test_one_process_counts_at_a_time(database: Database) -> None:
    await write(database, RandomLog(7, visits=4).lists, [], NOW)
    assert await database.commit(partial(take_lease, owner="another", now=NOW))
    assert await RollupFollower(database, 1, Clock(NOW)).refresh() == 0
    later = Clock(NOW + timedelta(minutes=3))  # its lease has run out
    stopped = asyncio.Event()
    stopped.set()
    assert await RollupFollower(database, 1, later).refresh(stopped) == 0  # interrupted: it is all still due
    later.now += timedelta(minutes=3)
    assert await RollupFollower(database, 1, later).refresh() > 0


async def test_another_layout_is_counted_anew(database: Database) -> None:
    await write(database, RandomLog(8, visits=4).lists, [], NOW)
    first = await RollupFollower(database, 1, Clock(NOW)).refresh()
    await database.commit(lambda connection: connection.execute(update(rollup_state).values(layout=0, owner=None)))
    fresh = partial(Freshness.of, span=Span(NOW - timedelta(days=1), NOW), now=NOW)
    assert not (await database.read(fresh)).is_complete
    assert await RollupFollower(database, 1, Clock(NOW)).refresh() == first
    assert (await database.read(fresh)).is_complete


async def test_too_much_that_is_missing_is_counted_from_the_log(database: Database) -> None:
    hours = [NOW.replace(minute=0, second=0) - timedelta(hours=number) for number in range(3, 11)]
    await write(database, [ListLog(str(hour), "suggest", "s", "r", "[]", "v", hour) for hour in hours], [], NOW)
    await RollupFollower(database, 1, Clock(NOW)).refresh()
    ask = partial(Freshness.of, span=Span(NOW - timedelta(days=1), NOW), now=NOW)
    await database.commit(partial(make_due, hours=hours[:6]))
    assert await database.read(ask) == Freshness(NOW.replace(minute=0, second=0), frozenset(hours[:6]), 0)
    await database.commit(partial(make_due, hours=hours))
    assert await database.read(ask) == Freshness(NOW.replace(minute=0, second=0), frozenset(), 8)
    await database.commit(lambda connection: connection.execute(delete(rollups)))
    assert not (await database.read(ask)).is_complete


async def test_an_event_of_the_year_one_stops_nothing(database: Database) -> None:
    clock, log = Clock(NOW), RandomLog(8, visits=4)
    slip = Engagement("slip", Action.CLICK, datetime(1, 1, 1, tzinfo=UTC), "s", item_id="p1")
    await write(database, log.lists, [*log.events, slip], NOW)
    follower = RollupFollower(database, 1, clock)
    await follower.refresh()
    clock.now += timedelta(minutes=1)
    await write(database, [], [dataclasses.replace(slip, event_id="late")], clock.now)
    await follower.refresh()
    await compare(database, clock.now, hours=[30])

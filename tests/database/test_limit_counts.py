"""Counting against budgets: one suite of behaviour for memory and Redis, and what each does alone."""

import time
from collections.abc import AsyncIterator

import pytest

from config.settings import Settings, StorageSettings
from database.cache import RETRY_SECONDS
from database.limit_counts import Budget, LimitCounts, LocalCounts, SharedCounts, limit_counts
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio
WINDOW = 10
PATIENT_SECONDS = 30.0  # a Redis that runs on a busy machine is not what is tested


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """Of this test's own keys: all tests share one Redis."""
    return str(request.node.nodeid)


class CountsBehaviour:
    """What both promise. Subclasses give `counts`."""

    async def test_a_budget_is_used_up_and_says_so(self, counts: LimitCounts, name: str) -> None:
        budget = Budget(name, 2)
        used = [(await counts.charge([budget]))[0] for _ in range(4)]
        assert [one.count for one in used] == [1, 2, 3, 3] or [one.count for one in used] == [1, 2, 3, 4]
        assert [one.over for one in used] == [False, False, True, True]
        assert [one.remaining for one in used] == [1, 0, 0, 0]
        assert all(0 < one.reset_seconds <= WINDOW for one in used)

    async def test_a_window_ends_when_it_said_that_it_would(self, counts: LimitCounts, clock: Clock, name: str) -> None:
        budget = Budget(name, 1)
        [first] = await counts.charge([budget])
        clock.now += first.reset_seconds - 0.01
        assert (await counts.charge([budget]))[0].over
        clock.now += 0.02
        [anew] = await counts.charge([budget])
        assert (anew.count, anew.over) == (1, False)
        assert anew.reset_seconds == pytest.approx(WINDOW, abs=0.05)

    async def test_budgets_do_not_touch_each_other(self, counts: LimitCounts, name: str) -> None:
        wide, narrow = Budget(f"{name} wide", 3), Budget(f"{name} narrow", 1)
        for _ in range(2):
            await counts.charge([Budget(f"{name} other", 1)])
        assert [one.count for one in await counts.charge([narrow, wide])] == [1, 1]

    async def test_who_is_over_the_own_budget_takes_nothing_from_the_shared_one(
        self, counts: LimitCounts, name: str
    ) -> None:
        wide, narrow = Budget(f"{name} wide", 3), Budget(f"{name} narrow", 1)
        await counts.charge([narrow, wide])
        for _ in range(5):
            [only] = await counts.charge([narrow, wide])
            assert only.over
        [left] = await counts.charge([wide])
        assert left.count == 2


class TestMemory(CountsBehaviour):
    @pytest.fixture
    def counts(self, clock: Clock) -> LimitCounts:
        return LimitCounts(WINDOW, None, clock)


class TestRedis(CountsBehaviour):
    @pytest.fixture
    async def counts(self, redis_url: str, clock: Clock) -> AsyncIterator[LimitCounts]:
        counts = LimitCounts(WINDOW, SharedCounts(redis_url, PATIENT_SECONDS), clock)
        yield counts
        assert counts.failures == 0
        await counts.close()

    async def test_workers_count_together(self, counts: LimitCounts, redis_url: str, clock: Clock, name: str) -> None:
        other = LimitCounts(WINDOW, SharedCounts(redis_url, PATIENT_SECONDS), clock)
        budget = Budget(name, 3)
        seen = [(await worker.charge([budget]))[0].count for worker in (counts, other, counts, other)]
        assert seen == [1, 2, 3, 4]
        assert (await counts.charge([budget]))[0].over
        await other.close()


async def test_a_redis_that_does_not_answer_costs_one_timeout_a_second(own_redis: RedisServer, clock: Clock) -> None:
    pause = Clock()
    shared = SharedCounts(own_redis.url, 0.05, pause)
    counts, budget = LimitCounts(WINDOW, shared, clock), Budget("someone", 3)
    assert (await counts.charge([budget]))[0].count == 1
    own_redis.stop()
    begun = time.monotonic()
    used = [(await counts.charge([budget]))[0] for _ in range(4)]
    assert time.monotonic() - begun < 5  # not 50 ms each; a busy machine gets its time
    assert [one.count for one in used] == [2, 3, 4, 5]  # goes on from what this worker has seen
    assert (counts.failures, shared.available) == (1, False)
    own_redis.go_on()
    pause.now += RETRY_SECONDS
    clock.now += 2 * WINDOW
    patient = SharedCounts(own_redis.url, PATIENT_SECONDS, pause)
    assert await patient.add(["anew"], WINDOW) == [1]
    await patient.close()
    await counts.close()


async def test_a_redis_that_is_not_there_is_counted_and_no_error(clock: Clock) -> None:
    counts = LimitCounts(WINDOW, SharedCounts("unix:///nowhere/redis.sock", 1.0, Clock()), clock)
    assert [(await counts.charge([Budget("a", 2)]))[0].over for _ in range(3)] == [False, False, True]
    assert counts.failures == 1
    await counts.close()


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    local = LocalCounts(max_keys=10)
    for number in range(35):
        assert local.add(str(number), 5, 5) == 1
        assert local.add("busy", 5, 5) == number + 1  # who keeps asking is not forgotten
    assert len(local) <= 20
    assert local.forgotten == 3
    local.add("later", 9, 9)
    assert len(local) == 1


def test_a_count_outlives_the_edge_of_a_generation() -> None:
    local = LocalCounts()
    assert [local.add("a", 7, generation) for generation in (6, 6, 7)] == [1, 2, 3]  # its own window is shifted
    assert local.add("a", 8, 7) == 1


def test_redis_is_used_where_the_settings_name_one() -> None:
    assert limit_counts(Settings()).shared is None
    assert limit_counts(Settings(storage=StorageSettings(redis_url="redis://localhost"))).shared is not None

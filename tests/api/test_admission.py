"""Under load: what is refused, in which order, at what price, and that the room comes back."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from api.admission import (
    LEAST_KEYSTROKES,
    LEAST_OF_A_TURN,
    LEAST_TYPED,
    STANDING_SECONDS,
    TICK_SECONDS,
    Admission,
    LoopLag,
    Room,
)
from api.completion import complete
from api.main import create_app
from api.metrics import Latencies, Metrics
from api.security import Caller
from config.overload_settings import OverloadSettings
from config.settings import ServingSettings, Settings
from core.domain import SuggestQuery
from core.experiments.definition import Changes
from tests.api.calls import in_service, post, state_of
from tests.api.small_shop import SmallShop

pytestmark = pytest.mark.anyio
DEADLINE = 0.04


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Held:
    """An app whose answers come when the test says so."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            await receive()
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Asked:
    """Requests to an app, and what was answered."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app
        self.messages: list[Message] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, method: str, path: str, body_is_there: asyncio.Event | None = None) -> None:
        """Returns when it is refused, or waits for its answer or its body, which is there unless the event says so."""
        if body_is_there is None:
            body_is_there = asyncio.Event()
            body_is_there.set()
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": "",
            "headers": [],
            "state": {"request_id": "r"},
        }

        async def body() -> Message:
            await body_is_there.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def heard(message: Message) -> None:
            self.messages.append(message)

        async def app() -> None:
            await self._app(scope, body, heard)

        self.tasks.append(asyncio.create_task(app()))
        await asyncio.sleep(0)

    @property
    def statuses(self) -> list[int]:
        return [message["status"] for message in self.messages if message["type"] == "http.response.start"]


def admission(app: Held, metrics: Metrics, clock: Callable[[], float] | None = None, **settings: Any) -> Admission:
    small = {"max_keystrokes_in_flight": 3, "max_others_in_flight": 2, **settings}
    return Admission(app, OverloadSettings(**small), DEADLINE, metrics, clock or Clock())


async def test_each_class_has_its_own_room_and_probes_have_all() -> None:
    held, metrics = Held(), Metrics()
    asked = Asked(admission(held, metrics))
    for _ in range(5):
        await asked.ask("POST", "/autosuggest")
    assert asked.statuses == [503, 503]
    for path in ("/search", "/recommendations", "/browse"):
        await asked.ask("POST", path)
    await asked.ask("GET", "/admin/stats")
    assert asked.statuses == [503] * 4
    for path in ("/health", "/ready", "/metrics"):
        await asked.ask("GET", path)
    assert metrics.in_flight == {"keystrokes": 3, "events": 0, "others": 2}
    held.go_on.set()
    await asyncio.gather(*asked.tasks)
    assert asked.statuses == [503] * 4 + [200] * 8
    assert metrics.in_flight == {"keystrokes": 0, "events": 0, "others": 0}
    assert metrics.shed == {("keystrokes", "in_flight"): 2, ("searches", "in_flight"): 1, ("admin", "in_flight"): 1}


async def test_who_sends_slowly_takes_no_place_and_is_looked_at_again_at_the_end() -> None:
    clock, held, metrics, bodies = Clock(), Held(), Metrics(), asyncio.Event()
    under_test = admission(held, metrics, clock)
    asked = Asked(under_test)
    for _ in range(9):
        await asked.ask("POST", "/autosuggest", bodies)
    assert metrics.in_flight["keystrokes"] == 0
    clock.now += 9  # a slow body is not a slow keystroke
    bodies.set()
    await asyncio.wait(asked.tasks, return_when=asyncio.FIRST_EXCEPTION)
    held.go_on.set()
    ended = await asyncio.gather(*asked.tasks, return_exceptions=True)
    refused = [one for one in ended if isinstance(one, HTTPException)]  # for the handler that reading a body has
    assert len(refused) == 6
    assert {(one.status_code, (one.headers or {})["Retry-After"]) for one in refused} == {(503, "1")}
    assert asked.statuses == [200] * 3
    assert metrics.in_flight["keystrokes"] == 0
    assert metrics.shed["keystrokes", "in_flight"] == 6


async def test_a_loop_that_is_behind_refuses_others_before_keystrokes() -> None:
    clock, held, metrics = Clock(), Held(), Metrics()
    held.go_on.set()
    under_test = admission(held, metrics, clock, full_lag_ms=5, full_turn_ms=10)
    asked = Asked(under_test)
    lag = under_test.lag
    lag.start()
    turns = ((4, 90, [200, 200]), (6, 0, [200, 503]), (6, 9, [200, 503]), (6, 11, [503, 503]), (90, 9, [200, 503]))
    for behind_ms, turn_ms, expected in turns:
        for _ in range(round(2 * STANDING_SECONDS / TICK_SECONDS)):
            for _ in range(2):
                await asked.ask("POST", "/autosuggest")
                await asyncio.gather(*asked.tasks)
            clock.now += TICK_SECONDS + behind_ms / 1_000
            lag.tick()
            lag.stop()  # the test's clock ticks, and nothing else
        assert metrics.pressed is (behind_ms > 5)
        asked.messages.clear()
        for _ in range(LEAST_OF_A_TURN):  # few are always answered: they are not what makes it slow
            await asked.ask("POST", "/autosuggest")
            await asyncio.gather(*asked.tasks)
        assert 503 not in asked.statuses
        metrics.in_flight["others"] = 1  # a second one is refused where the loop is behind
        clock.now += turn_ms / 1_000  # of a turn in which the tick has not come up yet
        asked.messages.clear()
        await asked.ask("POST", "/autosuggest")
        await asked.ask("POST", "/search")
        await asyncio.gather(*asked.tasks)
        assert sorted(asked.statuses) == sorted(expected), (behind_ms, turn_ms)
    lag.stop()
    assert metrics.shed["keystrokes", "lag"] == 3  # the one above, and two that came before the next tick
    await asked.ask("GET", "/health")
    assert asked.statuses[-1] == 200


@pytest.mark.parametrize("typed", [LEAST_TYPED - 1, LEAST_TYPED])
async def test_a_busy_neighbour_closes_no_shop(typed: int) -> None:
    """Where hardly anybody types, a loop that is behind is somebody else's doing."""
    clock, held, metrics = Clock(), Held(), Metrics()
    held.go_on.set()
    under_test = admission(held, metrics, clock, full_lag_ms=5)
    asked, lag = Asked(under_test), under_test.lag
    lag.start()
    for _ in range(2):
        for _ in range(typed):
            await asked.ask("POST", "/autosuggest")
            await asyncio.gather(*asked.tasks)
        for _ in range(8):
            clock.now += 0.125
            lag.tick()
            lag.stop()
    metrics.in_flight["others"] = 1
    await asked.ask("POST", "/search")
    await asked.ask("GET", "/static/cadence-search.js")
    await asyncio.gather(*asked.tasks)
    full = typed >= LEAST_TYPED
    assert sorted(asked.statuses) == [200] * (2 * typed + 1 + (not full)) + [503] * full
    assert metrics.pressed is full


async def test_a_loop_that_is_late_while_a_version_is_loaded_refuses_nobody() -> None:
    clock, held, metrics = Clock(), Held(), Metrics()
    held.go_on.set()
    under_test = admission(held, metrics, clock, full_lag_ms=5)
    asked, lag = Asked(under_test), under_test.lag
    lag.start()

    async def late_for_a_second() -> list[int]:
        for _ in range(LEAST_TYPED):
            await asked.ask("POST", "/autosuggest")
        for _ in range(8):
            clock.now += 0.125
            lag.tick()
            lag.stop()
        asked.messages.clear()
        metrics.in_flight["others"] = 1
        await asked.ask("POST", "/search")
        await asyncio.gather(*asked.tasks)
        metrics.in_flight["others"] = 0
        return asked.statuses

    with pytest.raises(ZeroDivisionError), metrics.loads_a_version():
        assert await late_for_a_second() == [200]
        assert not metrics.pressed
        raise ZeroDivisionError
    assert await late_for_a_second() == [503]
    assert metrics.pressed


async def test_an_answer_that_fails_gives_its_place_back() -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    metrics = Metrics()
    under_test = Admission(broken, OverloadSettings(), DEADLINE, metrics)
    asked = Asked(under_test)
    await asked.ask("POST", "/autosuggest")
    with pytest.raises(ZeroDivisionError):
        await asked.tasks[0]
    assert metrics.in_flight == {"keystrokes": 0, "events": 0, "others": 0}


def test_slow_keystrokes_leave_less_room_and_it_comes_back() -> None:
    room = Room(most_keystrokes=64, most_others=32, most_events=256, deadline_seconds=DEADLINE)
    assert (room.keystrokes, room.others, room.pressed) == (64, 32, False)
    for _ in range(10):
        room.answered(0.05, in_flight=60)
    assert 20 < room.keystrokes < 25
    assert room.others == int(32 * (room.keystrokes / 64) ** 2)
    assert room.events == int(256 * (room.keystrokes / 64) ** 2)
    assert room.pressed
    for _ in range(100):
        room.answered(0.05, in_flight=20)
    assert (room.keystrokes, room.others, room.events) == (LEAST_KEYSTROKES, 1, 2)
    for _ in range(100):
        room.answered(0.01, in_flight=6)  # as much as there is room for
    assert LEAST_KEYSTROKES < room.keystrokes < LEAST_KEYSTROKES + 2
    room.ticked(in_flight=6)
    assert room.keystrokes < LEAST_KEYSTROKES + 2  # a full worker recovers by its answers alone
    for _ in range(round(1 / TICK_SECONDS)):
        room.ticked(in_flight=2)
    assert (room.keystrokes, room.pressed) == (64, False)


def test_a_room_that_is_set_smaller_than_the_least_stays_so() -> None:
    room = Room(most_keystrokes=2, most_others=1, most_events=1, deadline_seconds=DEADLINE)
    room.answered(1.0, in_flight=2)
    assert (room.keystrokes, room.others) == (2, 1)


async def test_one_stop_is_no_delay_that_stands() -> None:
    measured, clock, ticks = Latencies(), Clock(), list[float]()
    lag = LoopLag(measured, lambda: ticks.append(clock.now), clock)

    def late(seconds: float, times: int = 1) -> None:
        for _ in range(times):
            clock.now += TICK_SECONDS + seconds
            lag.tick()
            lag.stop()

    lag.start()
    late(0.0, 30)
    late(1.0)  # a collection, a large body, another process
    assert lag.standing == 0
    late(0.0, 30)
    late(0.03, 30)
    assert lag.standing == pytest.approx(0.03)
    late(0.0)  # on time again
    assert lag.standing == pytest.approx(0, abs=1e-9)
    lag.stop()
    assert measured.summary()["max_ms"] == pytest.approx(1_000)
    assert len(ticks) == 92


@pytest.fixture
def full(settings: Settings, stocked: object) -> Iterator[TestClient]:
    """A service whose room for others is taken."""
    shop = settings.model_copy(
        update={
            "overload": OverloadSettings(shed_load=True, max_others_in_flight=1),
            "serving": ServingSettings(cors_origins=("https://shop.test",)),
        }
    )
    with TestClient(create_app(shop, load=lambda *_: SmallShop().models())) as client:
        state_of(client).metrics.in_flight["others"] = 1
        yield client


def test_a_refusal_is_a_problem_document_that_says_when_to_come_back(full: TestClient, admin: dict[str, str]) -> None:
    refused = [post(full, "/search", {"query": "red"}, {"Origin": "https://shop.test"}) for _ in range(5)]
    for reply in refused:
        assert reply.status_code == 503
        assert reply.headers["Content-Type"] == "application/problem+json"
        assert reply.json()["code"] == "overloaded"
        assert reply.json()["request_id"] == reply.headers["X-Request-ID"]
        assert reply.headers["Access-Control-Allow-Origin"] == "https://shop.test"
    assert [reply.headers["Retry-After"] for reply in refused] == ["1", "2", "3", "4", "1"]
    assert post(full, "/autosuggest", {"query_prefix": "red"}).status_code == 200
    assert full.get("/health").status_code == full.get("/ready").status_code == 200
    text = full.get("/metrics").text
    assert 'cadence_shed_total{kind="searches",reason="in_flight"} 5.0' in text
    assert 'cadence_in_flight{class="others"} 1.0' in text
    state_of(full).metrics.in_flight["others"] = 0
    traffic = full.get("/admin/stats", headers=admin).json()["traffic"]
    assert traffic["shed"] == {"searches": {"in_flight": 5}}
    assert post(full, "/search", {"query": "red"}).status_code == 200


def test_a_pressed_worker_answers_from_what_is_at_hand(settings: Settings) -> None:
    shop = SmallShop()
    with TestClient(create_app(settings, load=lambda *_: shop.models())) as client:
        state = state_of(client)
        turns = list[None]()

        async def in_one_turn() -> list[str]:
            asyncio.get_running_loop().call_soon(turns.append, None)
            state.metrics.pressed = True
            assert await state.sessions.previous("somebody", None, at_hand=True) == ()
            shopper = await state.shoppers.find(Caller("somebody", "somebody"), 0)
            finished = await complete(
                state, state.serving(Changes()), SuggestQuery("red"), time.perf_counter(), shopper
            )
            assert turns == []  # nobody else came first
            return finished.texts

        assert in_service(client, in_one_turn) == ["red running shoes", "red rain jacket"]
        assert (state.sessions.late, state.shoppers.late) == (1, 1)
        assert len(shop.gather_calls) == 1

"""Under more load than one worker can carry, some requests are refused at once so that the rest is answered in time.

Keystrokes come first: they are what a shopper waits for with a finger in the air, and each is worth nothing after a
fraction of a second. Searches, events and administration are refused earlier. Health, readiness and metrics never are,
nor are pages and their files, which cost little: a shop without its script is closed. Two things are looked at, both
without waiting:

- how many are in flight. In a worker that is full a request takes about as long as all in flight need together, so
  their number is what decides; how many are too many depends on the machine and on what else runs there. So it is found
  out: a keystroke that took longer than its deadline allows lowers the number by a tenth, one that did not, while the
  worker is full, raises it a little, and where less than half of it is used it is back at `MAX_KEYSTROKES_IN_FLIGHT`
  within a second. Others are let in as far as keystrokes are well: `MAX_OTHERS_IN_FLIGHT` times the square of what is
  left of the keystrokes' number, at least one; events apart from the rest (`MAX_EVENTS_IN_FLIGHT`), since they wait
  for the disk together, and may wait for a locked database;
- how far the event loop is behind. A ticker is due every 5 ms. Where it has been late by more than `FULL_LAG_MS` for a
  tenth of a second on end, others are let in one at a time, and of keystrokes those are refused that come up when this
  turn of the loop has been answering keystrokes for `FULL_TURN_MS`: so a turn is never much longer, however much came
  in with it, and nobody waits for more than two of them. A single stop (a large body, a busy neighbour) is no load that
  refusing would help against, and while another version is loaded, which holds the interpreter's lock beside the loop,
  lateness says nothing of what is asked: a swap drops no request.

By either sign the worker is pressed (`Metrics.pressed`), until a second after the last one: keystrokes are then
answered from what is at hand, without the models' process and without reading (counted in `degraded`), which takes a
third of the time and never lets go of the event loop.

A request counts from when its body is there: who sends slowly takes nobody's place, nor makes keystrokes look slow.

A refusal is the problem `overloaded` (503) with Retry-After, and costs a small part of an answer: nothing is read,
looked up or counted against a budget before it. What came slowly and then finds no room is refused after that.
"""

import asyncio
import itertools
import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metrics import Latencies, Metrics
from api.traffic import Kind, kind_of
from config.overload_settings import OverloadSettings

TICK_SECONDS = 0.005
STANDING_SECONDS = 0.1
LEAST_KEYSTROKES = 6  # in flight, however slow they are: with fewer, they are not what makes the worker slow
LEAST_TYPED = 20  # keystrokes a second, of three shoppers who type at once: with fewer, they are no load to protect
LEAST_OF_A_TURN = 16  # keystrokes, some ten milliseconds of work: the same
_FULL_AGAIN_SECONDS = 1.0
_PRESSED_SECONDS = 1.0  # after the last sign of it: or the worker would fall back into it at once
_SLOWER, _FASTER = 0.9, 0.1  # times the number in flight; in flight, for as many as are in flight
_WITH_BODY = {"POST", "PUT", "PATCH"}
_DETAIL = "Too much is asked for right now; come back a little later."
_BODY = (
    '{"type":"urn:problem:cadence:overloaded","title":"Service Unavailable","status":503,"code":"overloaded",'
    f'"detail":"{_DETAIL}","request_id":"%s"}}'
)
_KEYSTROKES, _EVENTS, _OTHERS = "keystrokes", "events", "others"


class LoopLag:
    """By how much the event loop is late all the time. `clock`: seconds, never going back."""

    def __init__(
        self, measured: Latencies, ticked: Callable[[], None], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._measured, self._ticked, self._clock = measured, ticked, clock
        self._due = self._turned = 0.0
        self._before, self._now = 0.0, float("inf")  # the least of the last stretch, and of this one
        self._timer: asyncio.TimerHandle | None = None

    @property
    def standing(self) -> float:
        """The least of the last `STANDING_SECONDS` and more, in seconds: what was late once has caught up by now."""
        return min(self._before, self._now)

    def start(self) -> None:
        """Ticks in the running loop until it is stopped."""
        self._turned = self._clock()
        self._wait()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def tick(self) -> None:
        """For the timer. Measures how late it is, and waits for the next one."""
        now = self._clock()
        late = max(0.0, now - self._due)
        self._now = min(self._now, late)
        if now - self._turned >= STANDING_SECONDS:
            self._before, self._now, self._turned = self._now, float("inf"), now
        self._measured.add(1_000 * late)
        self._ticked()
        self.stop()
        self._wait()

    def _wait(self) -> None:
        self._due = self._clock() + TICK_SECONDS
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self.tick)


class Typing:
    """How many keystrokes come in a second. `clock`: as above."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._turned, self._before, self._now = clock, clock(), 0.0, 0

    @property
    def much(self) -> bool:
        return max(self._before, self._now) >= LEAST_TYPED

    def typed(self) -> None:
        self._now += 1

    def ticked(self) -> None:
        if (passed := self._clock() - self._turned) >= 1:
            self._before, self._now, self._turned = self._now / passed, 0, self._turned + passed


class Room:
    """How many keystrokes and others may be in flight now."""

    def __init__(self, most_keystrokes: int, most_others: int, most_events: int, deadline_seconds: float) -> None:
        self.keystrokes = float(most_keystrokes)
        self._most, self._most_others, self._most_events = most_keystrokes, most_others, most_events
        self._least = min(LEAST_KEYSTROKES, most_keystrokes)
        self._deadline_seconds = deadline_seconds

    @property
    def others(self) -> int:
        return self._left_of(self._most_others)

    @property
    def events(self) -> int:
        return self._left_of(self._most_events)

    def _left_of(self, most: int) -> int:
        return max(1, int(most * (self.keystrokes / self._most) ** 2))

    @property
    def pressed(self) -> bool:
        """Whether keystrokes have been too slow of late."""
        return 2 * self.keystrokes < self._most

    def answered(self, seconds: float, in_flight: int) -> None:
        """A keystroke took `seconds` from here to its last byte; `in_flight`: with it."""
        if seconds > self._deadline_seconds:
            self.keystrokes = max(self._least, self.keystrokes * _SLOWER)
        elif 2 * in_flight > self.keystrokes:
            self.keystrokes = min(self._most, self.keystrokes + _FASTER / self.keystrokes)

    def ticked(self, in_flight: int) -> None:
        """`TICK_SECONDS` have passed."""
        if 2 * in_flight <= self.keystrokes:
            self.keystrokes = min(self._most, self.keystrokes + self._most * TICK_SECONDS / _FULL_AGAIN_SECONDS)


class Admission:
    """Counts what is in flight, and refuses what is too much. `deadline_seconds`: in which a list must be ready."""

    def __init__(
        self,
        app: ASGIApp,
        settings: OverloadSettings,
        deadline_seconds: float,
        metrics: Metrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._app, self._metrics, self._clock = app, metrics, clock
        self._room = Room(
            settings.max_keystrokes_in_flight,
            settings.max_others_in_flight,
            settings.max_events_in_flight,
            0.8 * deadline_seconds,
        )
        self.lag, self._typing = LoopLag(metrics.loop_lag, self._ticked, clock), Typing(clock)
        self._full_lag, self._turn = settings.full_lag_ms / 1_000, settings.full_turn_ms / 1_000
        self._pressed_until, self._this_turn, self._turn_begun = float("-inf"), 0, 0.0
        # Not all at the same moment: seconds after which to come back, in turn.
        later = itertools.cycle((b"1", b"2", b"3", b"4"))
        self._again = {_KEYSTROKES: itertools.cycle((b"1",)), _EVENTS: later, _OTHERS: later}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._living(scope, receive, send)
            return
        kind = kind_of(scope)
        if kind in (Kind.PROBES, Kind.REST):
            await self._app(scope, receive, send)
        elif kind is Kind.KEYSTROKES:
            self._typing.typed()
            await self._admit(kind, _KEYSTROKES, self._room.keystrokes, scope, receive, send)
        elif kind is Kind.EVENTS:
            await self._admit(kind, _EVENTS, self._room.events, scope, receive, send)
        else:
            await self._admit(kind, _OTHERS, self._room.others, scope, receive, send)

    async def _admit(self, kind: Kind, which: str, most: float, scope: Scope, receive: Receive, send: Send) -> None:
        in_flight = self._metrics.in_flight
        if in_flight[which] + 1 > most:
            await self._refuse(kind, which, "in_flight", scope, send)
            return
        if self._is_full and self._is_enough(which):
            await self._refuse(kind, which, "lag", scope, send)
            return
        begun: float | None = None
        if scope["method"] not in _WITH_BODY:  # or a body that nobody reads would hide the request
            begun = self._clock()
            in_flight[which] += 1

        async def until_whole() -> Message:
            nonlocal begun
            message = await receive()
            if begun is None and not message.get("more_body", False):
                if in_flight[which] + 1 > most:
                    self._count(kind, "in_flight", scope)
                    # Passes through the reading of the body to its handler, as what BodyLimit refuses.
                    raise HTTPException(503, _DETAIL, {"Retry-After": next(self._again[which]).decode()})
                begun = self._clock()
                in_flight[which] += 1
            return message

        try:
            await self._app(scope, receive if begun is not None else until_whole, send)
        finally:
            if begun is not None:
                if which is _KEYSTROKES:
                    self._room.answered(self._clock() - begun, in_flight[which])
                in_flight[which] -= 1

    @property
    def _is_full(self) -> bool:
        return self.lag.standing > self._full_lag and self._typing.much and not self._metrics.loading

    def _is_enough(self, which: str) -> bool:
        """Of this class, for this turn of a full worker's event loop."""
        if which is not _KEYSTROKES:
            return self._metrics.in_flight[which] > 0
        self._this_turn += 1
        if self._this_turn == 1:  # what the loop lost before, to others on the machine, is not made by keystrokes
            self._turn_begun = self._clock()
        return self._this_turn > LEAST_OF_A_TURN and self._clock() - self._turn_begun > self._turn

    def _ticked(self) -> None:
        self._this_turn = 0
        self._room.ticked(self._metrics.in_flight[_KEYSTROKES])
        self._typing.ticked()
        now = self._clock()
        if self._room.pressed or self._is_full:
            self._pressed_until = now + _PRESSED_SECONDS
        self._metrics.pressed = now < self._pressed_until
        room = self._room
        self._metrics.room = {
            _KEYSTROKES: room.keystrokes,
            _EVENTS: float(room.events),
            _OTHERS: float(room.others),
        }

    async def _living(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ticker lives as long as the service."""
        if scope["type"] == "lifespan":
            self.lag.start()
        try:
            await self._app(scope, receive, send)
        finally:
            if scope["type"] == "lifespan":
                self.lag.stop()

    def _count(self, kind: Kind, reason: str, scope: Scope) -> None:
        self._metrics.shed[kind.value, reason] += 1
        scope["state"]["refused"] = "shed"

    async def _refuse(self, kind: Kind, which: str, reason: str, scope: Scope, send: Send) -> None:
        self._count(kind, reason, scope)
        body = (_BODY % scope["state"]["request_id"]).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"retry-after", next(self._again[which])),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})
